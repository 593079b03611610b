"""What training and other people's code need of the encoder."""

import pytest
import torch
from transformers import AutoConfig, AutoModel

import sottovoce
from families import FAMILIES, randomize, speech
from sottovoce.encoder.config import EncoderConfig, ids_as_lists, ids_as_ranges, uniform_shape
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import AudioError, CheckpointError


def tiny(family: str, seed: int = 1) -> SpeechEncoder:
    return SpeechEncoder.from_transformers(randomize(FAMILIES[family](), seed=seed))


@pytest.mark.parametrize("family", FAMILIES)
def test_activation_checkpointing_gives_the_same_gradients(family):
    wave, lengths = speech(8000, 6000)
    gradients = []
    for checkpointing in (False, True):
        encoder = tiny(family).train()
        encoder.requires_grad_(True)
        if checkpointing:
            encoder.gradient_checkpointing_enable()
        encoder(wave, lengths).last_hidden_state.square().mean().backward()
        gradients.append({n: p.grad for n, p in encoder.named_parameters() if p.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    assert len(gradients[0]) > 20
    for name, gradient in gradients[0].items():
        assert torch.allclose(gradient, gradients[1][name], rtol=1e-4, atol=1e-6), name


@pytest.mark.parametrize("family", FAMILIES)
def test_bfloat16_autocast_is_near_float32_and_trains(family):
    encoder = tiny(family).train()
    wave, lengths = speech(8000, 6000)
    exact = encoder(wave, lengths).last_hidden_state
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = encoder(wave, lengths).last_hidden_state
    frames = slice(0, 16)
    assert (half[:, frames].float() - exact[:, frames]).abs().mean() < 0.05 * exact[:, frames].abs().mean()
    half.float().square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)


def test_gradients_accumulate_to_those_of_the_whole_batch():
    encoder = tiny("wavlm_base").train()
    wave, lengths = speech(8000, 6000)
    encoder(wave, lengths).hidden_states[1][:, :10].square().sum().backward()
    whole = {n: p.grad.clone() for n, p in encoder.named_parameters() if p.grad is not None}
    encoder.zero_grad()
    for i in range(2):
        encoder(wave[i : i + 1], lengths[i : i + 1]).hidden_states[1][:, :10].square().sum().backward()
    for name, gradient in whole.items():
        assert torch.allclose(gradient, encoder.get_parameter(name).grad, rtol=1e-3, atol=1e-4), name


def test_upto_stops_early_with_the_same_states():
    encoder = tiny("wavlm_large").eval()
    wave, _ = speech(8000)
    ran = []
    encoder.layers[2].register_forward_hook(lambda *_: ran.append(2))
    with torch.no_grad():
        short = encoder(wave, upto=2)
        assert not ran
        full = encoder(wave)
    assert len(short.hidden_states) == 3 and short.last_hidden_state is None
    assert all(torch.equal(a, b) for a, b in zip(short.hidden_states, full.hidden_states[:3], strict=True))


def test_layer_drop_leaves_layers_out_only_while_training():
    config = EncoderConfig.from_dict({**tiny("wavlm_base").config.to_dict(), "layerdrop": 0.9})
    torch.manual_seed(0)
    encoder = SpeechEncoder(config).train()
    states = encoder(speech(8000)[0]).hidden_states
    assert sum(torch.equal(a, b) for a, b in zip(states, states[1:], strict=False)) >= 2
    states = encoder.eval()(speech(8000)[0]).hidden_states
    assert not any(torch.equal(a, b) for a, b in zip(states, states[1:], strict=False))


def test_stock_auto_classes_know_it(tmp_path):
    encoder = tiny("wavlm_base")
    encoder.save_pretrained(tmp_path)
    assert sottovoce.SpeechEncoder is SpeechEncoder
    assert isinstance(AutoConfig.from_pretrained(tmp_path), EncoderConfig)
    assert isinstance(AutoModel.from_pretrained(tmp_path), SpeechEncoder)


@pytest.mark.parametrize(
    ("wave", "lengths", "says"),
    [
        (torch.zeros(1, 3), None, "3 samples; the encoder needs at least 400"),
        (torch.zeros(2, 8000), torch.tensor([8000, 3]), "utterance 1 has 3 samples"),
        (torch.zeros(8000), None, "give floats [batch, samples]"),
        (torch.zeros(1, 2, 8000), None, "give floats [batch, samples]"),
        (torch.zeros(1, 8000, dtype=torch.int16), None, "give floats"),
        (torch.zeros(1, 8000), torch.tensor([9000]), "a length of 9000 samples, but the batch has 8000"),
        (torch.zeros(2, 8000), torch.tensor([8000]), "1,) lengths for a batch of 2"),
        (None, None, "no waveform"),
    ],
)
def test_what_cannot_be_encoded_is_refused_in_one_line(wave, lengths, says):
    with pytest.raises(AudioError, match=says.replace("[", r"\[").replace("(", r"\(").replace(")", r"\)")) as error:
        tiny("wavlm_base")(wave, lengths)
    assert "\n" not in str(error.value)


def test_silence_gives_numbers():
    for family in FAMILIES:
        with torch.no_grad():
            assert torch.isfinite(tiny(family).eval()(torch.zeros(1, 8000)).last_hidden_state).all()


def test_an_unknown_choice_is_named():
    with pytest.raises(CheckpointError, match="layer is 'prenorm'; it can be post_norm, pre_norm, conformer"):
        EncoderConfig(layer="prenorm")


def test_shapes_are_written_as_ranges_and_read_back():
    shape = uniform_shape(hidden_size=32, layers=2, heads=4, ffn=8, conv_channels=[4, 5], positional_groups=4)
    shape["layers"][0]["attention"]["heads"] = [0, 1, 3]
    shape["layers"][1]["feed_forward"] = None
    text = ids_as_ranges(shape)
    assert text["layers"][0]["attention"]["heads"] == "0-1,3" and text["residual"] == "0-31"
    assert ids_as_lists(text) == shape
    with pytest.raises(CheckpointError, match="heads is 'a-b'"):
        ids_as_lists({"heads": "a-b"})


def test_strict_loading_names_what_does_not_fit(tmp_path):
    from safetensors.torch import load_file, save_file

    encoder = tiny("wavlm_base")
    encoder.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    whole = load_file(path)
    for change, says in (
        (lambda w: w.pop("layers.1.attention.q.weight"), r"1 missing \(layers.1.attention.q.weight\)"),
        (lambda w: w.update(extra=torch.zeros(1)), r"1 surplus \(extra\)"),
        (lambda w: w.update({"input_norm.bias": torch.zeros(3)}), r"1 misshapen \(input_norm.bias \(3,\)"),
    ):
        weights = dict(whole)
        change(weights)
        save_file(weights, path, metadata={"format": "pt"})
        with pytest.raises(CheckpointError, match=says):
            SpeechEncoder.from_pretrained(tmp_path)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(CheckpointError, match="damaged"):
        SpeechEncoder.from_pretrained(tmp_path)
    path.unlink()
    with pytest.raises(CheckpointError) as error:
        SpeechEncoder.from_pretrained(tmp_path)
    assert "\n" not in str(error.value)
