"""Stock classes with heads against our task models, every parameter random."""

from __future__ import annotations

import json
import shutil
import warnings

import pytest
import torch
import transformers as tf
from torch.utils.flop_counter import FlopCounterMode

from families import FAMILIES, speech
from sottovoce import Budget
from sottovoce.decoding.text_decoders import CTCDecoder
from sottovoce.errors import AudioError, CheckpointError
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.costs import cost
from sottovoce.pruning.one_shot import prune
from stock_layouts import head_classes
from stock_models import save, stock_inputs

HEADS = ("CTC", "SequenceClassification", "XVector", "AudioFrameClassification")
LENGTHS = (12000, 16000, 7391)
QUICK = ("wavlm_large", "data2vec_audio", "wav2vec2_bert")
CASES = [
    pytest.param(family, head, marks=() if family in QUICK else pytest.mark.slow)
    for family in FAMILIES
    for head in HEADS
    if any(each.__name__.endswith(f"For{head}") for each in head_classes(family))
]
BLANK_FIRST = [9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 10]  # of TOKENS


def load(place) -> TaskModel:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return TaskModel.from_pretrained(place)


@torch.no_grad()
@pytest.mark.parametrize("family, head", CASES)
def test_twins(family, head, tmp_path):
    """An utterance in a padded batch of ours is the stock class on it alone (where that is right, see test_twins)."""
    for layer_sum in (False, True) if head != "CTC" else (False,):
        stock = save(family, head, tmp_path / str(layer_sum), use_weighted_layer_sum=layer_sum, num_labels=5)
        ours = load(tmp_path / str(layer_sum))
        waves, lengths = speech(*LENGTHS)
        made = ours(input_values=waves, attention_mask=torch.arange(waves.shape[1]) < lengths[:, None])
        for k, length in enumerate(LENGTHS):
            expected = stock(**stock_inputs(tmp_path / str(layer_sum), waves[k, :length]))
            wanted = expected.logits[..., BLANK_FIRST] if head == "CTC" else expected.logits
            got = made.logits[k : k + 1, : made.lengths[k]] if wanted.dim() == 3 else made.logits[k : k + 1]
            assert got.shape == wanted.shape
            assert (got - wanted).abs().max() < 1e-4 * max(1, wanted.abs().max())
            if head == "XVector":
                assert (made.embeddings[k] - expected.embeddings[0]).abs().max() < 1e-4


@pytest.mark.parametrize("head", HEADS)
def test_saved_pruned_and_counted(head, tmp_path):
    save("wavlm_large", head, tmp_path / "stock", num_labels=5)
    model = load(tmp_path / "stock")
    small = prune(model, Budget(params=0.7), kinds=["ffn", "residual"], round_to=1).model
    small.save_pretrained(tmp_path / "small")
    again = TaskModel.from_pretrained(tmp_path / "small").eval()
    waves, lengths = speech(*LENGTHS)
    assert torch.equal(again(waves, lengths).logits, small(waves, lengths).logits)
    assert again.config.labels == model.config.labels and again.config.encoder.hidden_size < 32
    for each in (model, small):
        assert cost(each, 1.0).params == sum(p.numel() for p in each.parameters())
        with (
            FlopCounterMode(display=False) as counter,
            torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH),
            torch.no_grad(),
        ):
            each(speech(16000)[0])
        assert cost(each, 1.0).macs == pytest.approx(counter.get_total_flops() / 2, rel=1e-3)


@torch.no_grad()
@pytest.mark.parametrize(
    "family, options",
    [
        ("hubert_large", {}),
        ("hubert_large", {"do_lower_case": True}),
        ("hubert_large", {"word_delimiter_token": "A"}),
        ("wav2vec2_large", {}),
        ("wavlm_large", {}),
        ("wav2vec2_bert", {}),
    ],
)
def test_transcripts_are_those_of_the_stock_classes(family, options, tmp_path):
    stock = save(family, "CTC", tmp_path, tokens=options)
    ours = load(tmp_path)
    # As it was saved: Transformers 5.23 forgets another word delimiter when it loads the tokenizer.
    processor = tf.Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json"), **options)
    waves, lengths = speech(48000, 30000)
    made = ours(waves, lengths)
    for k, length in enumerate(lengths.tolist()):
        labels = stock(**stock_inputs(tmp_path, waves[k, :length])).logits.argmax(-1)
        wanted = processor.batch_decode(labels)[0]
        said = CTCDecoder(ours.config.labels).text(made.output[k, : made.lengths[k]].argmax(-1))
        assert said == " ".join(wanted.split()) and len(set(said)) >= 3


def test_labels_are_those_of_the_stock_class(tmp_path):
    names = {k: f"class {k}" for k in range(3)}
    save("wav2vec2_base", "SequenceClassification", tmp_path, id2label=names, num_labels=3)
    config = load(tmp_path).config
    assert config.labels == list(names.values()) and config.id2label == names and config.num_labels == 3
    assert config.label2id["class 2"] == 2


def test_what_training_needed_is_left_out_and_told(tmp_path):
    save("wavlm_base", "XVector", tmp_path, num_labels=5)
    with pytest.warns(UserWarning, match="left out, not part of the encoder: .*objective"):
        model = TaskModel.from_pretrained(tmp_path)
    assert model.config.scoring == "cosine" and model.scoring.threshold.isnan()
    with pytest.raises(AudioError, match="utterance 1 has 12 frames; the time-delay layers need at least 16"):
        model(*speech(16000, 4000))


# --- what does not fit ---


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory):
    place = tmp_path_factory.mktemp("recognizer")
    save("wavlm_base", "CTC", place)
    return place


def without_tokenizer(place):
    (place / "vocab.json").unlink()


def other_blank(place):
    amend(place / "tokenizer_config.json", pad_token="[PAD]")


def other_tokenizer(place):
    amend(place / "tokenizer_config.json", tokenizer_class="Wav2Vec2PhonemeCTCTokenizer")


def other_head(place):
    amend(place / "config.json", architectures=["WavLMForPreTraining"])


def no_class(place):
    amend(place / "config.json", architectures=None)


def wider_head(place):
    amend(place / "config.json", vocab_size=12)


def no_config(place):
    (place / "config.json").unlink()


def truncated(place):
    file = place / "model.safetensors"
    file.write_bytes(file.read_bytes()[:5000])


def amend(path, **fields):
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


FAULTS = {
    without_tokenizer: "no vocab.json, so the meaning of its 11 outputs is unknown",
    other_blank: r"its padding token '\[PAD\]', the blank of CTC, is not in vocab.json",
    other_tokenizer: "its tokenizer is a Wav2Vec2PhonemeCTCTokenizer",
    other_head: r"WavLMForPreTraining has no head that can be kept \(known are ForCTC",
    no_class: "its config.json names no class",
    wider_head: r"lm_head.weight \(11, 32\) instead of \(12, 32\)",
    no_config: "config.json",
    truncated: "damaged",
}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_what_does_not_fit_is_one_line(fault, recognizer, tmp_path):
    shutil.copytree(recognizer, tmp_path / "bad")
    fault(tmp_path / "bad")
    with pytest.raises(CheckpointError, match=FAULTS[fault]) as told:
        load(tmp_path / "bad")
    assert "\n" not in str(told.value)
