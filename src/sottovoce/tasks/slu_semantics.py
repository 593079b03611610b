"""What the utterances of a corpus mean, as their cuts say it."""

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
"""Types of slots, or all that a cut has."""


def cut_semantics(cut: Cut, intents: Sequence[str], slots: SlotSelection) -> Semantics:
    """Intents and slots of a cut.

    An intent is a custom field. A slot is a custom field of its name, where there is one, and otherwise those of its type
    in the field ``slots`` (``[{"type": "size", "filler": "large"}]`` or ``{"size": "large"}``). A slot that is empty or
    ``none`` is not filled.

    Args:
        cut: the utterance.
        intents: fields, each of which it must have.
        slots: which are of interest.

    Raises:
        DataError: an intent is missing; nothing says whether a slot is filled; ``slots`` has another form.
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
    """What the field ``slots`` lists, in its order; ``None`` where there is no such field.

    Raises:
        DataError: it has another form.
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
