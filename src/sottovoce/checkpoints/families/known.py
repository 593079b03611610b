"""Every encoder family that can be read: one line for each of ours, one entry point for each of another package."""

from __future__ import annotations

from sottovoce.encoder.config import EncoderConfig
from sottovoce.errors import CheckpointError
from sottovoce.models.task_config import TaskConfig
from sottovoce.plugins import Registry
from sottovoce.text.suggestions import did_you_mean

from . import data2vec_audio, hubert, unispeech_sat, wav2vec2, wav2vec2_bert, wav2vec2_conformer, wavlm
from .family import Family

_OWN = (
    wavlm.FAMILY,
    hubert.FAMILY,
    wav2vec2.FAMILY,
    data2vec_audio.FAMILY,
    unispeech_sat.FAMILY,
    wav2vec2_bert.FAMILY,
    wav2vec2_conformer.FAMILY,
)

FAMILIES: Registry[Family] = Registry("encoder family", "sottovoce.families", {family.name: family for family in _OWN})
"""Every family by its name in `EncoderConfig`."""

_OURS = {
    EncoderConfig.model_type: "an encoder without a head; SpeechEncoder.from_pretrained takes it",
    TaskConfig.model_type: "a model for a task; TaskModel.from_pretrained takes it, and has its encoder as .encoder",
}
"""The ``model_type`` of models in sottovoce's own format -> what to do with one where a stock model is asked for."""


def family_of(model_type: str | None, name: str) -> Family:
    """The family of a stock model.

    Args:
        model_type: the ``model_type`` in its config.
        name: name of the model, for the message.

    Raises:
        CheckpointError: the family is unknown, or the model is in sottovoce's own format.
    """
    if model_type in _OURS:
        raise CheckpointError(f"{name}: is {_OURS[model_type]}")
    if (family := find_family(model_type)) is not None:
        return family
    what = "its config.json has no model_type" if model_type is None else f"model_type {model_type!r} is not supported"
    known = [each.model_type for _, each in FAMILIES.usable()]
    raise CheckpointError(f"{name}: {what}; {did_you_mean(str(model_type), known)}")


def find_family(model_type: str | None) -> Family | None:
    """The family of stock models with this ``model_type``; ``None`` where none is known."""
    return next((family for _, family in FAMILIES.usable() if family.model_type == model_type), None)
