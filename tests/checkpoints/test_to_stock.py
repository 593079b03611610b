"""What the stock classes can and cannot express of our shapes."""

from __future__ import annotations

import copy

import pytest
import torch

from families import FAMILIES, randomize, speech
from sottovoce.checkpoints import from_transformers, to_transformers
from sottovoce.encoder.config import EncoderConfig
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import CheckpointError


def ours(family: str) -> SpeechEncoder:
    config, weights, _ = from_transformers(randomize(FAMILIES[family](), 0), normalize=False)
    encoder = SpeechEncoder(config).eval()
    encoder.load_strictly(weights, family)
    return encoder


def reshaped(family: str, change) -> SpeechEncoder:
    """A fresh encoder of another shape, every parameter random."""
    encoder = ours(family)
    shape = copy.deepcopy(encoder.shape)
    change(shape)
    return randomize(encoder.shrunk(shape), 1).eval()


def same_output(encoder: SpeechEncoder) -> None:
    stock = encoder.to_transformers()
    waveform, _ = speech(6000)
    with torch.no_grad():
        out, expected = encoder(waveform), stock(waveform, output_hidden_states=True)
    for a, b in zip(out.hidden_states, expected.hidden_states, strict=True):
        assert (a - b).abs().max() < 1e-4
    assert (out.last_hidden_state - expected.last_hidden_state).abs().max() < 1e-4


def narrower_convolutions(shape):
    shape["frontend"]["channels"] = [5, 6, 7, 8, 9, 10, 11]


def fewer_units(shape):
    for layer in shape["layers"]:
        layer["feed_forward"]["units"] = 20


def fewer_taps(shape):
    shape["positional"]["taps"] = [7]


def fewer_layers(shape):
    del shape["layers"][1]


def narrower_stream_and_fewer_heads(shape):
    # One channel in four goes, so that each of the 4 positional groups keeps 6, and one head of 8.
    shape["residual"] = [c for c in range(32) if c % 4]
    for layer in shape["layers"]:
        layer["attention"]["heads"] = [0, 2, 3]


@pytest.mark.parametrize("family", ["wav2vec2_base", "hubert_large", "wavlm_base"])
@pytest.mark.parametrize("change", [narrower_convolutions, fewer_units, fewer_taps, fewer_layers])
def test_shapes_that_the_stock_class_can_have(family, change):
    same_output(reshaped(family, change))


@pytest.mark.parametrize("family", ["wav2vec2_base", "hubert_large"])
def test_a_narrower_stream_where_position_is_not_read_off_it(family):
    same_output(reshaped(family, narrower_stream_and_fewer_heads))


def one_head_less(shape):
    shape["layers"][1]["attention"]["heads"] = [0, 1, 3]


def one_head_less_everywhere(shape):
    for layer in shape["layers"]:
        layer["attention"]["heads"] = [0, 1, 3]


def no_attention(shape):
    shape["layers"][2]["attention"] = None


def uneven_units(shape):
    shape["layers"][0]["feed_forward"]["units"] = 47


def fewer_groups(shape):
    shape["positional"]["groups"] = [0, 1, 3]


def no_positions(shape):
    shape["positional"] = None


@pytest.mark.parametrize(
    ("family", "change", "words"),
    [
        ("wavlm_base", one_head_less, r"different numbers of heads \(3, 4\)"),
        ("wavlm_base", one_head_less_everywhere, "3 heads of 8 do not add up to the 32 channels"),
        ("hubert_large", no_attention, r"layers\.2\.attention has been removed"),
        ("hubert_base", uneven_units, r"feed-forward units \(47, 48\)"),
        ("wav2vec2_base", fewer_groups, "groups of the positional convolution"),
        ("wav2vec2_base", no_positions, "groups of the positional convolution"),
        ("wavlm_base", narrower_stream_and_fewer_heads, "24 of 32 stream channels"),
        ("wav2vec2_bert", lambda s: s["layers"][0]["convolution"].update(channels=31), "31 channels"),
        ("wav2vec2_bert", lambda s: s["layers"][0]["feed_forward2"].update(units=47), r"\(47, 48\)"),
        ("data2vec_audio", lambda s: s["positional"].update(taps=[7, 5, 7]), "kernels of different sizes"),
    ],
)
def test_shapes_that_it_cannot_have_are_named(family, change, words):
    with pytest.raises(CheckpointError, match=words):
        to_transformers(reshaped(family, change))


def test_an_encoder_that_never_was_a_stock_model():
    config = EncoderConfig(
        shape=ours("wavlm_base").shape, head_dim=8, attention_heads=4, num_buckets=32, max_distance=40
    )
    same_output(randomize(SpeechEncoder(config), 3).eval())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"family": "wavlm", "position": "none"}, "position='none', only 'gated_relative_bias'"),
        ({"family": "wavlm", "projection_norm": False}, "projection_norm=False"),
        ({"family": "mine"}, "no stock class is known for the family 'mine'"),
        ({"family": "wavlm", "layer_eps": 1e-3}, "layer_eps=0.001"),
        ({"family": "hubert"}, "position='gated_relative_bias', only 'none'"),
    ],
)
def test_parts_that_the_stock_class_does_not_have_are_named(changes, words):
    fields = {"shape": ours("wavlm_base").shape, "head_dim": 8, "attention_heads": 4}
    with pytest.raises(CheckpointError, match=words):
        to_transformers(SpeechEncoder(EncoderConfig(**fields, **changes)))


def test_soft_gates_kept_on_the_positional_convolution_cannot_be_expressed():
    encoder = ours("hubert_base")
    encoder.positional.scale[3] = 0.5
    with pytest.raises(CheckpointError, match=r"positional\.scale"):
        to_transformers(encoder)


def test_a_tap_of_length_zero():
    encoder = ours("wavlm_base")
    with torch.no_grad():
        encoder.positional.layers[0].weight[..., 2] = 0
    same_output(encoder)
    stock = to_transformers(encoder)
    again, weights, _ = from_transformers(stock, normalize=False)
    assert torch.equal(weights["positional.layers.0.weight"], encoder.positional.layers[0].weight)


def test_the_dtype_stays():
    assert to_transformers(ours("wavlm_base").to(torch.bfloat16)).dtype == torch.bfloat16
