"""Encoders without layers: a filterbank as the only hidden state, in files, costs and recipes."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModel

from families import speech
from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.encoder.frontend.feature_norm import MeanNorm
from sottovoce.encoder.frontend.filterbank import Filterbank
from sottovoce.encoder.frontend.mel_analysis import TOOLKITS
from sottovoce.encoder.frontend.without_layers import PLAIN, filterbank_config
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import CheckpointError
from sottovoce.models.loading import load
from sottovoce.pruning.costs import cost
from sottovoce.recipe.encoder_options import EncoderOptions, new_config

WITH_A_LAYER = uniform_shape(hidden_size=80, layers=1, conv_channels=None)


def test_its_one_hidden_state_is_the_features():
    encoder = SpeechEncoder(filterbank_config()).eval()
    waveform, lengths = speech(8000, 5000)
    found = encoder(waveform, lengths)
    features, frames = Filterbank(80, norm=MeanNorm(), analysis=TOOLKITS["wespeaker"], stacked=1)(waveform, lengths)
    assert torch.equal(found.last_hidden_state, features) and len(found.hidden_states) == 1
    assert found.lengths.tolist() == frames.tolist() == [48, 29]
    assert cost(encoder, 1.0).params == 0
    assert encoder.timing(0.5).frames == 48
    assert encoder.half()(waveform, lengths).last_hidden_state.dtype is torch.float16


@pytest.mark.slow
def test_it_is_saved_and_loaded_without_any_tensor(tmp_path):
    encoder = SpeechEncoder(filterbank_config("espnet")).eval()
    encoder.save_pretrained(tmp_path, portable=True)
    waveform, _ = speech(8000)
    expected = encoder(waveform).last_hidden_state
    for again in (
        load(tmp_path),
        SpeechEncoder.from_pretrained(tmp_path),
        AutoModel.from_pretrained(tmp_path, trust_remote_code=True),
    ):
        assert torch.equal(again(waveform).last_hidden_state, expected)


def test_a_recipe_names_the_family_and_what_it_changes():
    options = EncoderOptions(config={"front_end": "features", "filterbank_bins": 40, "filterbank": "3d_speaker"})
    config = new_config(options.config)
    assert (config.hidden_size, config.num_hidden_layers, config.feature_norm) == (40, 0, "mean")
    assert SpeechEncoder(config)(speech(8000)[0]).last_hidden_state.shape == (1, 48, 40)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"position": "rotary"}, "position is 'rotary'; front_end features is for an encoder without layers"),
        ({"shape": WITH_A_LAYER}, "layers is"),
        ({"filterbank_bins": 40}, "residual is"),
    ],
)
def test_nothing_may_stand_behind_the_features(changes, fault):
    with pytest.raises(CheckpointError, match=fault):
        EncoderConfig(**{"shape": filterbank_config().shape, **PLAIN["features"], **changes})
