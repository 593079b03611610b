"""What a model understood of an utterance, and how the outputs of such a model are named.

An output that stands for an intent is called ``intent=alarm_set`` (a field and what it is), one that stands for a slot
``slot:size``, and one that stands for a slot with what is in it ``slot:size=large``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ...metrics.semantics import Semantics

SLOT = "slot:"
"""Begins the name of an output about a slot."""

NONE = "none"
"""The class of a slot that is not filled."""


@dataclass(frozen=True)
class SLUPrediction:
    """The meaning of an utterance as a model has it.

    Attributes:
        semantics: intents and slots.
        intents: probability of each intent, by field.
        slots: probability of each slot, in the order of ``semantics.slots``.
    """

    semantics: Semantics
    intents: Mapping[str, float]
    slots: tuple[float, ...]
