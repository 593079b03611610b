"""The table of unit kinds: every unit that a network declares is in it, and its name alone tells its kind."""

import pytest

from families import FAMILIES
from other_package import install
from sottovoce.encoder import unit_kinds
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.unit_kinds import GATED, kind_at, label_at, noun_of, rounded_kinds
from sottovoce.encoder.units import collect
from sottovoce.plugins import Registry
from sottovoce.pruning.low_rank import factorize


@pytest.mark.parametrize("family", FAMILIES)
def test_a_unit_s_name_tells_its_kind(family):
    encoder = SpeechEncoder.from_transformers(FAMILIES[family]())
    for model in (encoder, factorize(encoder, ["layers.*.feed_forward*"])):
        units = collect(model).units
        assert {name: kind_at(name) for name in units} == {name: unit.kind for name, unit in units.items()}
        assert {kind_at(f"encoder.{name}") for name in units} == {unit.kind for unit in units.values()}


def test_the_table_says_what_is_rounded_and_what_is_pruned_by_default():
    assert rounded_kinds() == {"conv": 8, "ffn": 16, "convolution": 16, "residual": 16, "joiner": 16, "map": 8}
    assert GATED == ("conv", "head", "ffn")
    assert noun_of("head") == "head" and noun_of("conv") == "channel" and noun_of("nobody's") == "element"


@pytest.mark.parametrize(
    ("path", "label"),
    {
        "frontend.channels.3": "channels",
        "positional.taps.0": "taps",
        "positional.groups": "groups",
        "layers.3.attention.heads": "heads",
        "layers.3.feed_forward.units": "ffn",
        "layers.3.feed_forward2.units": "ffn 2",
        "layers.3.convolution.channels": "convolution",
        "residual": "width",
        "layers.3.mystery.things": "things",
    }.items(),
)
def test_what_pictures_call_a_width(path, label):
    assert label_at(path) == label


LOBES = """
from sottovoce.encoder.unit_kinds import UnitKind

LOBE = UnitKind("lobe", "lobes", ("*.lobes",), all_of="lobes", round_to=4, gated=True)
"""


def test_another_package_s_kind_is_found(tmp_path, monkeypatch):
    install(tmp_path, monkeypatch, group="sottovoce.units", entry="lobe = lobes:LOBE", module="lobes", source=LOBES)
    monkeypatch.setattr(unit_kinds, "KINDS", Registry("unit kind", "sottovoce.units", unit_kinds._OWN))
    assert (kind_at("layers.0.lobes"), label_at("layers.0.lobes"), noun_of("lobe")) == ("lobe", "lobes", "lobe")
    assert rounded_kinds()["lobe"] == 4
