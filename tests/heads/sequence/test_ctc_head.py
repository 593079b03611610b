"""The CTC head: padding, cost, slimming, a portable model, and the stock class as a twin."""

import json

import pytest
import torch
import transformers as tf
from torch.utils.flop_counter import FlopCounterMode

from families import randomize
from sottovoce.decoding.text_decoders import CTCDecoder
from sottovoce.decoding.vocabulary import BLANK
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.units import collect
from sottovoce.errors import CheckpointError
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim, slim_and_verify
from tiny_models import output_elsewhere, randomized, speech, tiny_config

LABELS = [BLANK, " ", "a", "b", "c"]


def model(**head):
    torch.manual_seed(0)
    head = {"kind": "ctc", "outputs": 5, "width": 12, **head}
    config = TaskConfig(encoder=tiny_config(), head=head, task="recognition", labels=LABELS)
    return randomized(TaskModel(config)).eval()


VARIANTS = [{}, {"width": None}, {"fusion": "last"}, {"width": None, "fusion": "last"}]


@pytest.mark.parametrize("head", VARIANTS, ids=str)
def test_padding_changes_nothing_and_is_blank(head):
    found, waves = model(**head), speech(2, 8000)
    lengths = torch.tensor([8000, 5000])
    with torch.no_grad():
        together = found(waves, lengths)
        alone = found(waves[1:, :5000]).output[0]
    T = int(together.lengths[1])
    assert together.output.shape[2] == 5 and T == len(alone) < together.output.shape[1]
    assert torch.allclose(together.output[1, :T], alone, atol=1e-5)
    assert (together.output[1, T:].softmax(-1)[:, 0] == 1).all()


@pytest.mark.parametrize("head", VARIANTS, ids=str)
def test_slim_equals_gated_and_the_head_follows(head):
    found = model(**head)
    small, equality = slim_and_verify(found, Plan.to_shape(found, {"ffn": [5, 0], "encoder.residual": 10}))
    assert equality.worst < 1e-9
    first = small.head.output if small.head.inner is None else small.head.inner
    assert first.in_features == 10 and small(speech()).output.shape[2] == 5


@pytest.mark.parametrize("head", VARIANTS, ids=str)
def test_multiplications_are_those_counted(head):
    found = model(**head)
    states = found(speech(1, 16_000)).hidden_states
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        found.head(states)
    timing = found.timing(1.0)
    sizes = dict(found.named_parameters())
    said = sum(m.times(timing) * sizes[m.parameter].numel() for m in collect(found).macs if m.path == "head")
    assert said == counter.get_total_flops() / 2


def test_saved_and_loaded_with_its_vocabulary(tmp_path):
    found = model()
    found.save_pretrained(tmp_path)
    again = TaskModel.from_pretrained(tmp_path).eval()
    assert again.config.labels == LABELS and again.config.head == found.config.head
    assert torch.equal(again(speech()).output, found(speech()).output)


def test_outputs_and_labels_must_agree(tmp_path):
    with pytest.raises(CheckpointError, match="has 6 outputs and there are 5 labels"):
        model(outputs=6)
    model().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"labels": None}))
    with pytest.raises(CheckpointError, match="has 5 outputs and there are 0 labels"):
        TaskModel.from_pretrained(tmp_path)


@pytest.mark.slow
def test_portable_it_loads_where_this_package_is_not_installed(tmp_path):
    small = slim(found := model(), Plan.to_shape(found, {"ffn": [5, 0], "encoder.residual": 12}))
    assert torch.equal(output_elsewhere(small, speech(), tmp_path), small(speech()).output)


def test_transcripts_are_those_of_the_stock_class(tmp_path):
    """A stock CTC checkpoint, with its own output map and tokenizer, against ours with the same weights."""
    words = ["<pad>", "|", "A", "B", "C", "D"]
    (tmp_path / "vocab.json").write_text(json.dumps({word: k for k, word in enumerate(words)} | {"<unk>": 6}))
    tokenizer = tf.Wav2Vec2CTCTokenizer(tmp_path / "vocab.json", bos_token=None, eos_token=None)
    config = tf.Wav2Vec2Config(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48, conv_dim=[16] * 7,
        num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, vocab_size=6, feat_extract_norm="layer",
    )  # fmt: skip
    stock = randomize(tf.Wav2Vec2ForCTC(config)).eval()
    waves = speech(3, 32_000)
    with torch.no_grad():
        stock.lm_head.weight.mul_(20)
        stock.lm_head.bias.sub_(stock(waves).logits.mean((0, 1)))  # or a random network says one letter for ever
    encoder = SpeechEncoder.from_transformers(stock, normalize=False)
    head = {"kind": "ctc", "outputs": 6, "width": None, "fusion": "last"}
    ours = TaskModel(TaskConfig(encoder=encoder.config, head=head, labels=[BLANK, " ", *"ABCD"])).eval()
    ours.encoder.load_state_dict(encoder.state_dict())
    ours.head.output.load_state_dict(stock.lm_head.state_dict())
    with torch.no_grad():
        logits, made = stock(waves).logits, ours(waves)
    assert (logits - made.output).abs().max() < 1e-3
    expected = [" ".join(text.split()) for text in tokenizer.batch_decode(logits.argmax(-1))]
    assert CTCDecoder(ours.config.labels).texts(made.output, made.lengths) == expected
    assert all(len(set(text)) > 1 for text in expected)
