"""What recipes write of a head, and what the model's config says of it: both come from the head's constructor."""

import json
from collections.abc import Sequence
from typing import Annotated

import pytest
import torch
from pydantic import ValidationError

from sottovoce.encoder.stream import ResidualStream, one_channel_each
from sottovoce.errors import CheckpointError
from sottovoce.heads.embedders import EMBEDDERS, build
from sottovoce.heads.options import Between, Width, check_options
from sottovoce.options import problems_of
from sottovoce.tasks.diarization import Diarization
from sottovoce.tasks.head_options import EmbedderChoice, chosen_config, constructor_options
from sottovoce.tasks.recognition_heads import RecognitionHead
from tiny_models import tiny_encoder


class Sieve:
    """A head for tests.

    Args:
        width: channels that stay. The rest
            is thrown away.
        taps, rates: one each.
    """

    def __init__(
        self,
        stream: object,
        *,
        outputs: int,
        width: Width | None = None,
        taps: Sequence[Annotated[int, Between(1, 9)]] = (3, 5),
        rates: Annotated[float, Between(0, 1, open=True)] = 0.5,
    ):
        pass

    @staticmethod
    def check(options):
        if options["width"] == len(options["taps"]):
            raise CheckpointError("as many taps as channels")


SieveOptions = constructor_options(Sieve, given=("outputs",))


def test_a_section_has_the_names_defaults_and_descriptions_of_the_constructor():
    assert SieveOptions().model_dump() == {"width": None, "taps": [3, 5], "rates": 0.5}
    described = {name: field.description for name, field in SieveOptions.model_fields.items()}
    assert described == {
        "width": "channels that stay. The rest is thrown away.",
        "taps": "one each.",
        "rates": "one each.",
    }


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"width": 0}, "width: input should be greater than or equal to 1 (got 0)"),
        ({"width": 65537}, "width: input should be less than or equal to 65536 (got 65537)"),
        ({"taps": [3, 10]}, "taps[1]: input should be less than or equal to 9 (got 10)"),
        ({"rates": 1.0}, "rates: input should be less than 1 (got 1.0)"),
        ({"widht": 3}, "widht: unknown; did you mean 'width'?"),
        ({"outputs": 3}, "outputs: unknown; known here: rates, taps, width"),
        ({"width": 2}, "as many taps as channels"),
    ],
)
def test_bounds_and_checks_of_the_constructor_hold_in_recipes_and_in_configs(written, told):
    with pytest.raises(ValidationError) as caught:
        SieveOptions.model_validate(written)
    assert problems_of(caught.value, SieveOptions) == [told]
    if "outputs" not in written:
        with pytest.raises(CheckpointError, match="config: head sieve: "):
            check_options(Sieve, {"outputs": 2, **written}, "head sieve")


@pytest.mark.parametrize("kind", EMBEDDERS)
def test_every_head_can_be_chosen_with_its_defaults(kind):
    config = chosen_config(EmbedderChoice.model_validate({kind: {"width": 8} if kind == "pooled" else {}}))
    stream, layers = tiny_encoder().stream, 3
    on_bins = ("resnet", "cam_plus_plus")
    if kind in ("sinc_aasist", "sinc_rawnet3", *on_bins):  # on a waveform, or on a filterbank
        width = 80 if kind in on_bins else 1
        stream, layers = ResidualStream(tuple(range(width)), width, one_channel_each(width), fixed=True), 1
    with torch.device("meta"):
        head = build(EMBEDDERS, json.loads(json.dumps(config)), stream, layers)
        assert type(head) is EMBEDDERS[kind] and head.size == (config.get("size") or head.size)
        plain = {"kind": kind, "width": 8} if kind == "pooled" else {"kind": kind}
        default = build(EMBEDDERS, plain, stream, layers)
    assert [p.shape for p in head.parameters()] == [p.shape for p in default.parameters()]


def test_choices_inside_a_choice():
    written = {"pooled": {"width": 96, "fusion": {"linear": {"normalize": "none"}}, "pooling": "attentive", "size": 8}}
    chosen = EmbedderChoice.model_validate(written)
    assert chosen_config(chosen) == {
        "kind": "pooled",
        "width": 96,
        "size": 8,
        "norm": False,
        "fusion": {"kind": "linear", "normalize": "none"},
        "pooling": {"kind": "attentive", "bottleneck": 128},
    }
    assert EmbedderChoice.model_validate(chosen.model_dump()) == chosen


@pytest.mark.parametrize(
    ("section", "written", "told"),
    [
        (EmbedderChoice, {"ecapa_tdnn": {"channels": 100}}, "ecapa_tdnn: 100 channels do not make 8 equal groups"),
        (EmbedderChoice, {"mfa_conformer": {"width": 30}}, "mfa_conformer: a width of 30 is not an even number"),
        (EmbedderChoice, {"pooled": {"fusion": "sum"}}, "pooled: behind the fusion sum give a width"),
        (EmbedderChoice, {"plain_xvector": {"kernels": [3]}}, "plain_xvector: 5 channels, 1 kernels and 5 dilations"),
        (EmbedderChoice, {"x_vector": {"fusion": {"sum": {"width": 3}}}}, "x_vector.fusion.sum.width: unknown"),
        (EmbedderChoice, {"x_vector": {"pooling": "max"}}, "x_vector.pooling.max: unknown"),
        (RecognitionHead, {"ctc": {"outputs": 3}}, "ctc.outputs: unknown"),
        (Diarization, {"head": {"speakers": 2, "at_once": 3}}, "head: 3 of 2 speakers cannot speak at once"),
    ],
)
def test_what_does_not_fit_is_one_line_with_its_path(section, written, told):
    with pytest.raises(ValidationError) as caught:
        section.model_validate(written)
    (problem,) = problems_of(caught.value, section)
    assert problem.startswith(told)
