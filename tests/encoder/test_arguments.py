"""Nothing that is asked of an encoder or a task model is passed over in silence."""

from __future__ import annotations

import warnings

import pytest
import torch
import transformers as tf

from families import FAMILIES, randomize
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import AudioError, CheckpointError
from sottovoce.models.task_model import TaskModel
from stock_models import save
from tiny_models import speech, tiny_encoder, tiny_model


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A task model and an encoder of ours, and a stock recognizer."""
    place = tmp_path_factory.mktemp("models")
    tiny_model().save_pretrained(place / "task")
    tiny_encoder().save_pretrained(place / "encoder")
    save("wavlm_base", "CTC", place / "stock")
    return place


def loaded(kind, place, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind.from_pretrained(place, **options)


@pytest.mark.parametrize("make", [tiny_encoder, tiny_model])
@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"lenghts": 1}, "unknown argument 'lenghts'; did you mean 'lengths'"),
        ({"atention_mask": None}, "did you mean 'attention_mask'"),
        ({"output_hiden_states": True}, "did you mean 'output_hidden_states'"),
        ({"output_attentions": True}, "output_attentions is not supported; leave it out"),
        ({"inputs_embeds": torch.zeros(1)}, "inputs_embeds is not supported; leave it out"),
        ({"bananas": 3}, "unknown argument 'bananas'; known here: attention_mask, "),
    ],
)
def test_unknown_arguments_are_type_errors(make, given, told):
    """`SpeechEncoder.forward` swallowed any keyword: ``lenghts=`` gave states that were off by 4.6."""
    with pytest.raises(TypeError, match=told):
        make()(speech(), **given)


@pytest.mark.parametrize("make", [tiny_encoder, tiny_model])
def test_what_stock_code_passes_along_is_taken(make):
    model = make()
    plain = model(speech(2))
    mask = torch.ones(2, 8000, dtype=torch.long)
    same = model(
        input_values=speech(2), attention_mask=mask, output_attentions=False, input_ids=None, inputs_embeds=None
    )
    assert torch.equal(plain.hidden_states[-1], same.hidden_states[-1])


@pytest.mark.parametrize("make", [tiny_encoder, tiny_model])
def test_tuples_and_outputs_without_hidden_states(make):
    """``return_dict=False`` gave a tuple that nothing could read, and ``output_hidden_states=False`` gave None."""
    model = make()
    whole = model(speech())
    assert model(speech(), output_hidden_states=False).hidden_states is None
    made = model(speech(), return_dict=False)
    assert isinstance(made, tuple) and len(made) == len(whole.to_tuple())
    assert torch.equal(made[0], whole[0])
    short = model(speech(), return_dict=False, output_hidden_states=False)
    assert len(short) == len(made) - 2 and not any(isinstance(each, tuple) for each in short)  # nor the projected state


def test_stock_features_are_the_encoders_features():
    stock = randomize(FAMILIES["wav2vec2_bert"](), 0)
    encoder = SpeechEncoder.from_transformers(stock)
    waves = speech(2, 16000)
    made = tf.SeamlessM4TFeatureExtractor()(
        [waves[0].numpy(), waves[1, :12000].numpy()], sampling_rate=16000, return_tensors="pt"
    )
    with torch.no_grad():
        found, wanted = encoder(**made), stock(**made)
    frames = made["attention_mask"].sum(1)
    assert torch.equal(found.lengths, frames)
    for k, count in enumerate(frames.tolist()):
        error = (found.last_hidden_state[k, :count] - wanted.last_hidden_state[k, :count]).abs().max()
        assert error < 1e-4


MASKS = {
    "left": ([[0, 0, 1, 1], [1, 1, 1, 1]], "utterance 0 is padded on the left .its first 4000 samples"),
    "both": ([[1, 1, 1, 1], [0, 1, 1, 0]], "utterance 1 is padded on the left"),
    "hole": ([[1, 1, 1, 1], [1, 0, 1, 1]], r"utterance 1 has a hole \(masked at 2000"),
    "empty": ([[1, 1, 1, 0], [0, 0, 0, 0]], "utterance 1 is all padding"),
    "numbers": ([[1, 1, 1, 1], [1, 2, 1, 1]], "utterance 1 has values other than 0 and 1"),
    "short": ([[1, 1], [1, 1]], r"attention_mask is \(2, 4000\), and the batch \(2, 8000\)"),
}


@pytest.mark.parametrize("make", [tiny_encoder, tiny_model])
@pytest.mark.parametrize("kind", MASKS)
def test_masks_are_of_padding_on_the_right_or_refused(make, kind):
    """Masks of padding on the left were read as if the padding were on the right: states were off by 5.3."""
    quarters, told = MASKS[kind]
    mask = torch.tensor(quarters).repeat_interleave(2000, 1)
    for each in (mask, mask.float()) if kind == "numbers" else (mask, mask.bool()):
        with pytest.raises(AudioError, match=told):
            make()(input_values=speech(2), attention_mask=each)


def test_a_mask_on_the_right_is_lengths():
    model = tiny_encoder()
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 0]]).repeat_interleave(2000, 1)
    with torch.no_grad():
        masked = model(speech(2), attention_mask=mask)
        assert torch.equal(masked[0], model(speech(2), torch.tensor([8000, 6000]))[0])
    with pytest.raises(AudioError, match="lengths and attention_mask are given"):
        model(speech(2), torch.tensor([8000, 6000]), attention_mask=mask)
    with pytest.raises(AudioError, match="waveform and input_values are given"):
        model(speech(2), input_values=speech(2))
    with pytest.raises(AudioError, match="feature_lengths are given without their input"):
        model(speech(2), feature_lengths=torch.tensor([3, 3]))


WAYS = [(SpeechEncoder, "encoder"), (TaskModel, "task"), (SpeechEncoder, "stock"), (TaskModel, "stock")]


@pytest.mark.parametrize(("kind", "place"), WAYS)
def test_options_of_from_pretrained_work_or_are_refused(kind, place, places):
    """`from_pretrained` ignored ``device_map``, ``attn_implementation``, ``layerdrop=`` and every unknown option."""
    source = places / place
    changed = loaded(kind, source, layerdrop=0.25)
    config = changed.config if kind is SpeechEncoder else changed.config.encoder
    assert config.layerdrop == 0.25
    assert loaded(kind, source, device_map="cpu").device.type == "cpu"
    assert loaded(kind, source, attn_implementation="sdpa", trust_remote_code=True, low_cpu_mem_usage=True)
    _, info = loaded(kind, source, output_loading_info=True)
    assert not info["missing_keys"] and not info["unexpected_keys"]
    for options, told in (
        ({"layerdorp": 0.1}, "unknown option 'layerdorp'; did you mean 'layerdrop'"),
        ({"device_mpa": "cpu"}, "did you mean 'device_map'"),
        ({"from_tf": True}, "unknown option 'from_tf'; (?!.*_from_auto)"),
        ({"num_hidden_layers": 1}, "unknown option 'num_hidden_layers'"),
        ({"attn_implementation": "eager"}, "attn_implementation='eager' is not supported"),
        ({"output_hidden_states": False}, "output_hidden_states=False is not supported"),
        ({"ignore_mismatched_sizes": True}, "ignore_mismatched_sizes=True is not supported"),
        ({"config": tf.WavLMConfig()}, "config is a WavLMConfig"),
    ):
        with pytest.raises(TypeError, match=told):
            loaded(kind, source, **options)
    for options, told in (
        ({"layerdrop": 7}, "layerdrop is 7; it must be a number from 0 to 1"),
        ({"dtype": "bflot16"}, "dtype is 'bflot16', .* did you mean 'bfloat16'"),
        ({"dtype": torch.int8}, "dtype is torch.int8"),
        ({"device_map": "abacus"}, "cannot be loaded so"),
    ):
        with pytest.raises(CheckpointError, match=told) as error:
            loaded(kind, source, **options)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(("kind", "place"), WAYS)
def test_dtypes(kind, place, places):
    """``from_pretrained(dtype="bfloat16")`` failed on a directory of a stock class."""
    source = places / place
    whole = loaded(kind, source).state_dict()
    assert all(each.dtype is torch.float32 for each in whole.values() if each.is_floating_point())
    for said in ("bfloat16", torch.bfloat16):
        half = loaded(kind, source, dtype=said).state_dict()
        for name, tensor in half.items():
            wanted = whole[name].bfloat16() if whole[name].is_floating_point() else whole[name]
            assert tensor.dtype is wanted.dtype and torch.equal(tensor.nan_to_num(), wanted.nan_to_num()), name
    assert loaded(kind, source, dtype="auto").dtype is torch.float32


def test_auto_is_the_dtype_of_the_checkpoint(places, tmp_path):
    stock = tf.AutoModelForCTC.from_pretrained(places / "stock", dtype="float16")
    for file in (places / "stock").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    stock.save_pretrained(tmp_path)
    assert loaded(TaskModel, tmp_path, dtype="auto").dtype is torch.float16
    assert loaded(TaskModel, tmp_path).dtype is torch.float32


def test_auto_classes_refuse_the_same(places):
    for options, told in (
        ({"layerdorp": 0.1}, "did you mean 'layerdrop'"),
        ({"num_labels": 5}, "unknown option 'num_labels'"),
        ({"attn_implementation": "eager"}, "eager"),
        ({"output_attentions": True}, "output_attentions"),
    ):
        for auto in (tf.AutoModel, tf.AutoModelForAudioXVector):
            with pytest.raises(TypeError, match=told):
                auto.from_pretrained(places / "task", **options)
    model = tf.AutoModelForAudioXVector.from_pretrained(
        places / "task", layerdrop=0.5, dtype="float16", device_map="cpu"
    )
    assert model.config.encoder.layerdrop == 0.5 and model.dtype is torch.float16


def test_a_task_model_is_loaded_from_its_weights_file(places, tmp_path):
    """`TaskModel.from_pretrained` of a weights file failed, although its config stands beside it."""
    ours = TaskModel.from_pretrained(places / "task")
    again = TaskModel.from_pretrained(places / "task" / "model.safetensors")
    assert torch.equal(ours(speech()).output, again(speech()).output)
    stock = loaded(TaskModel, places / "stock" / "model.safetensors")
    assert torch.equal(stock(speech()).output, loaded(TaskModel, places / "stock")(speech()).output)
    tiny_encoder().save_pretrained(tmp_path)
    for each in (tmp_path, tmp_path / "model.safetensors"):
        with pytest.raises(CheckpointError, match=r"is an encoder without a head; SpeechEncoder.from_pretrained takes"):
            TaskModel.from_pretrained(each)
    with pytest.raises(CheckpointError, match=r"is a model for a task; TaskModel.from_pretrained takes it"):
        SpeechEncoder.from_pretrained(places / "task")


def test_labels_give_the_loss_of_the_stock_class(tmp_path):
    for head in ("CTC", "SequenceClassification"):
        stock = save("hubert_large", head, tmp_path / head, num_labels=5, ctc_loss_reduction="mean", pad_token_id=9)
        ours = loaded(TaskModel, tmp_path / head)
        waves = speech(2, 16000)
        labels = torch.tensor([[4, 5, 6, 3], [10, 4, -100, -100]]) if head == "CTC" else torch.tensor([1, 4])
        translated = labels.clone()
        if head == "CTC":  # the blank is first in our order
            order = [9, *(k for k in range(11) if k != 9)]
            translated[labels >= 0] = torch.tensor([order.index(k) for k in labels[labels >= 0].tolist()])
        stock_waves = tf.AutoFeatureExtractor.from_pretrained(tmp_path / head)(
            list(waves.numpy()), sampling_rate=16000, return_tensors="pt"
        )["input_values"]
        with torch.no_grad():
            wanted = stock(stock_waves, labels=labels).loss
            made = ours(waves, labels=translated, return_dict=False)
        assert abs(made[0] - wanted) < 1e-3 * wanted
        assert ours(waves).loss is None
    with pytest.raises(TypeError, match="a head of the kind mhfa has no loss"):
        tiny_model()(speech(2), labels=torch.tensor([0, 1]))
