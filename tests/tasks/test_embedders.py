"""What recipes write of a head, and what the model's config says of it."""

import json

import pytest
from pydantic import ValidationError

from sottovoce.heads.embedders import EMBEDDERS, build
from sottovoce.tasks.embedders import Embedder, head_config
from tiny_models import tiny_encoder


@pytest.mark.parametrize("kind", EMBEDDERS)
def test_every_head_can_be_chosen_with_its_defaults(kind):
    import torch

    config = head_config(Embedder.model_validate({kind: {}}))
    encoder = tiny_encoder()
    with torch.device("meta"):
        head = build(EMBEDDERS, json.loads(json.dumps(config)), encoder.stream, 3)
        assert type(head) is EMBEDDERS[kind] and head.size == config.get("size", head.size)
        default = build(EMBEDDERS, {"kind": kind}, encoder.stream, 3)
    # The defaults of recipes are those of the classes.
    assert [p.shape for p in head.parameters()] == [p.shape for p in default.parameters()]


def test_choices_inside_a_choice():
    written = {"pooled": {"width": 96, "fusion": {"linear": {"normalize": False}}, "pooling": "attentive", "size": 8}}
    chosen = Embedder.model_validate(written)
    assert head_config(chosen) == {
        "kind": "pooled",
        "width": 96,
        "size": 8,
        "fusion": {"kind": "linear", "normalize": False},
        "pooling": {"kind": "attentive", "bottleneck": 128},
    }
    assert Embedder.model_validate(chosen.model_dump()) == chosen


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"ecapa_tdnn": {"channels": 100}}, "100 channels do not make 8 equal groups"),
        ({"mfa_conformer": {"width": 30}}, "a width of 30"),
        ({"pooled": {"fusion": "sum"}}, "behind the fusion sum give a width"),
        ({"x_vector": {"fusion": {"sum": {"width": 3}}}}, "Extra inputs"),
        ({"x_vector": {"pooling": "max"}}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_is_told(written, told):
    with pytest.raises(ValidationError, match=told):
        Embedder.model_validate(written)
