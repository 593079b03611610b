"""The prediction of an SLU model for an utterance, and the names of its outputs.

The output of an intent is called ``intent=alarm_set`` (field and intent), the output of a slot ``slot:size``, and the output
of a slot with its filler ``slot:size=large``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...metrics.semantics import Semantics

SLOT = "slot:"
"""Prefix of the names of outputs of slots."""

NONE = "none"
"""The class of a slot that is not filled."""


@dataclass(frozen=True)
class SLUPrediction:
    """The predicted semantics of an utterance.

    Attributes:
        semantics: the predicted intents and slots.
        intents: probability of each intent, by field.
        slots: probability of each slot, in the order of ``semantics.slots``.
    """

    semantics: Semantics
    intents: Mapping[str, float]
    slots: tuple[float, ...]
