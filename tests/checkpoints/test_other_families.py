"""A family of another package: one file and one entry point, and its checkpoints load and export like any other."""

import importlib

import pytest
import torch

from families import randomize, speech
from other_package import install
from sottovoce.checkpoints.families import known, wavlm
from sottovoce.checkpoints.families.known import find_family
from sottovoce.checkpoints.published_configs import published_config, published_encoders
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import CheckpointError
from sottovoce.plugins import Registry

MURMUR = """
from transformers import HubertConfig, HubertModel
from sottovoce.checkpoints.families.transformer_family import transformer

class MurmurConfig(HubertConfig):
    model_type = "murmur"

class MurmurModel(HubertModel):
    config_class = MurmurConfig

FAMILY = transformer(
    "murmur",
    config="murmuring:MurmurConfig",
    model="murmuring:MurmurModel",
    published={"someone/murmur-deep": {"num_hidden_layers": 17}},
)
"""


@pytest.fixture
def murmur(tmp_path, monkeypatch):
    """A tiny model of the family, and the directory that it is saved in."""
    install(
        tmp_path,
        monkeypatch,
        group="sottovoce.families",
        entry="murmur = murmuring:FAMILY",
        module="murmuring",
        source=MURMUR,
    )
    fresh = Registry("encoder family", "sottovoce.families", {each.name: each for each in known._OWN})
    for module in ("families.known", "published_configs", "to_stock"):
        monkeypatch.setattr(f"sottovoce.checkpoints.{module}.FAMILIES", fresh)
    murmuring = importlib.import_module("murmuring")
    config = murmuring.MurmurConfig(
        hidden_size=16,
        num_attention_heads=2,
        num_hidden_layers=2,
        intermediate_size=24,
        conv_dim=[8] * 7,
        num_conv_pos_embeddings=8,
        num_conv_pos_embedding_groups=2,
    )
    model = randomize(murmuring.MurmurModel(config)).eval()
    model.save_pretrained(tmp_path / "model")
    return model, tmp_path / "model"


@torch.no_grad()
def test_its_checkpoints_load_and_export(murmur):
    model, place = murmur
    encoder = SpeechEncoder.from_pretrained(place).eval()
    waveform, _ = speech(8000)
    wave = (waveform - waveform.mean()) / (waveform.var(unbiased=False) + 1e-7).sqrt()
    assert (encoder(waveform).last_hidden_state - model(wave).last_hidden_state).abs().max() < 1e-4
    back = encoder.to_transformers()
    assert type(back) is type(model)
    assert (back.eval()(wave).last_hidden_state - model(wave).last_hidden_state).abs().max() < 1e-4


def test_its_published_encoders_are_known_by_hub_id(murmur):
    assert "someone/murmur-deep" in published_encoders()
    assert published_config("someone/murmur-deep").num_hidden_layers == 17


def test_a_family_of_ours_is_found_without_importing_other_packages(murmur, monkeypatch):
    fresh = Registry("encoder family", "sottovoce.families", {"wavlm": wavlm.FAMILY})
    monkeypatch.setattr(known, "FAMILIES", fresh)
    assert find_family("wavlm") is wavlm.FAMILY and set(fresh._entries) == {"wavlm"}


def test_an_encoder_whose_sizes_nobody_knows_is_refused_with_the_nearest():
    with pytest.raises(CheckpointError, match="microsoft/wavlm-bsae: the sizes .* did you mean 'microsoft/wavlm-base'"):
        published_config("microsoft/wavlm-bsae")
