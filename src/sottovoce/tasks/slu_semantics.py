"""Intents and slots of the utterances of a corpus, read from their cuts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..data.corpora.cuts import cut_field
from ..decoding.slu.slu_prediction import NONE
from ..errors import DataError
from ..metrics.semantics import Semantics
from ..metrics.slots import Slot

if TYPE_CHECKING:
    from lhotse.cut import Cut

SlotSelection: TypeAlias = Sequence[str] | Literal["all"]
"""Types of slots, or ``all`` that a cut has."""


def cut_semantics(cut: Cut, intents: Sequence[str], slots: SlotSelection) -> Semantics:
    """Intents and slots of a cut.

    An intent is a custom field. The fillers of a slot are the custom field with the name of its type, if there is one, and
    otherwise the entries of this type in the field ``slots`` (``[{"type": "size", "filler": "large"}]`` or
    ``{"size": "large"}``). A slot that is empty or ``none`` is not filled.

    Args:
        cut: the utterance.
        intents: names of fields, all of which the cut must have.
        slots: types of slots to read.

    Raises:
        DataError: an intent is missing, no field tells whether a slot is filled, or ``slots`` has another form.
    """
    found = {}
    for name in intents:
        if (what := cut_field(cut, name)) is None:
            raise DataError(f"cut {cut.id}: has no {name}; give it one, leave it out, or change the task's `intents`")
        found[name] = what
    listed = listed_slots(cut)
    if slots == "all":
        if listed is None:
            raise DataError(f"cut {cut.id}: has no slots; where none is filled, the list is empty")
        return Semantics(found, tuple(slot for slot in listed if _filled(slot[1])))
    filled: list[Slot] = []
    for kind in slots:
        if _has(cut, kind):
            own: list[Slot] = [(kind, cut_field(cut, kind) or NONE)]
        elif listed is not None:
            own = [slot for slot in listed if slot[0] == kind]
        else:
            raise DataError(f"cut {cut.id}: has neither a field {kind} nor slots; leave it out, or change `slots`")
        filled += [slot for slot in own if _filled(slot[1])]
    return Semantics(found, tuple(filled))


def listed_slots(cut: Cut) -> list[Slot] | None:
    """The entries of the field ``slots``, in order; ``None`` if there is no such field.

    Raises:
        DataError: the field has another form.
    """
    lists = [place.custom["slots"] for place in (*cut.supervisions, cut) if place.custom and "slots" in place.custom]
    if not lists:
        return None
    return [slot for each in lists for slot in _slots(each, cut)]


def _slots(listed: Any, cut: Cut) -> list[Slot]:
    if isinstance(listed, dict):
        listed = [{"type": kind, "filler": filler} for kind, filler in listed.items()]
    if isinstance(listed, list) and all(isinstance(each, dict) for each in listed):
        found = [(each.get("type"), each.get("filler")) for each in listed]
        if all(isinstance(part, str) for pair in found for part in pair):
            return found
    raise DataError(f'cut {cut.id}: its slots are {listed!r:.60}; write [{{"type": "size", "filler": "large"}}]')


def _has(cut: Cut, name: str) -> bool:
    return any(place.custom and name in place.custom for place in (*cut.supervisions, cut))


def _filled(filler: str) -> bool:
    return filler.strip() not in ("", NONE)
