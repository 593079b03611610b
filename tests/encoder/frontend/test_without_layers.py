"""Encoders without layers: their hidden state is what the front end gives."""

from __future__ import annotations

import pytest
import torch

from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.encoder.frontend.without_layers import NO_LAYERS, PLAIN, waveform_config
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.units import collect
from sottovoce.errors import AudioError, CheckpointError, RecipeError, StreamingError
from sottovoce.models.loading import load
from sottovoce.pruning.costs import cost
from sottovoce.recipe.encoder_options import EncoderOptions, new_config


def test_the_hidden_state_is_the_waveform():
    wave = torch.randn(2, 50)
    out = SpeechEncoder(waveform_config())(wave, torch.tensor([50, 7]))
    assert len(out.hidden_states) == 1
    assert torch.equal(out.hidden_states[0][0, :, 0], wave[0]) and torch.equal(
        out.last_hidden_state[1, :7, 0], wave[1, :7]
    )
    assert out.lengths.tolist() == [50, 7]


def test_each_utterance_is_repeated_or_cut():
    wave = torch.arange(1.0, 13.0).repeat(3, 1)
    out = SpeechEncoder(waveform_config(10))(wave, torch.tensor([12, 10, 3]))
    assert out.lengths.tolist() == [10, 10, 10]
    for row, expected in zip(
        out.last_hidden_state[..., 0], ([*range(1, 11)], [*range(1, 11)], [1, 2, 3] * 3 + [1]), strict=True
    ):
        assert row.tolist() == expected
    whole = SpeechEncoder(waveform_config(5))(torch.tensor([[1.0, 2.0]]))
    assert whole.last_hidden_state[0, :, 0].tolist() == [1, 2, 1, 2, 1] and whole.lengths.tolist() == [5]


def test_nothing_to_prune_and_nothing_to_pay():
    encoder = SpeechEncoder(waveform_config())
    assert not collect(encoder).units
    assert (cost(encoder).params, cost(encoder).macs) == (0, 0)
    assert encoder.timing(0.5).frames == 8000
    assert SpeechEncoder(waveform_config(64_600)).timing(0.5).frames == 64_600


def test_saved_and_loaded(tmp_path):
    SpeechEncoder(waveform_config(10)).save_pretrained(tmp_path)
    for again in (SpeechEncoder.from_pretrained(tmp_path), load(tmp_path)):
        assert again.config.fixed_samples == 10 and again.config.family == "waveform"
        assert again(torch.ones(1, 3)).last_hidden_state.shape == (1, 10, 1)


def test_of_a_recipe():
    chosen = EncoderOptions(config={"front_end": "samples", "fixed_samples": 64_600})
    assert new_config(chosen.config).to_dict() == waveform_config(64_600).to_dict()
    with pytest.raises(RecipeError, match="front_end samples is for an encoder without layers, where it is"):
        EncoderOptions(config={"front_end": "samples", "layers": 2})


def refused(**fields):
    shape = uniform_shape(**{"hidden_size": 1, **NO_LAYERS, **fields.pop("shape", {})})
    with pytest.raises(CheckpointError) as caught:
        EncoderConfig(**{"shape": shape, **PLAIN["samples"], **fields})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_parts_that_it_cannot_have_are_refused():
    assert "config: layer is 'post_norm'" in refused(layer="post_norm")
    assert "config: residual is [0, 1]" in refused(shape={"hidden_size": 2})
    assert "config: downsampling is 2" in refused(downsampling=2)
    assert "config: positional is" in refused(shape={"positional_groups": 1})
    assert "fixed_samples is 0; it must be" in refused(fixed_samples=0)
    with pytest.raises(CheckpointError, match="fixed_samples is for the front end samples, not waveform"):
        EncoderConfig(fixed_samples=100)


def test_no_sample_and_no_stream():
    encoder = SpeechEncoder(waveform_config())
    with pytest.raises(AudioError, match="utterance 1 has 0 samples"):
        encoder(torch.ones(2, 5), torch.tensor([5, 0]))
    with pytest.raises(StreamingError, match="it has no layers"):
        encoder.streaming()
