"""SLU as classification: each intent field and each slot has one class.

labels   intent=order  intent=cancel | slot:size=large  slot:size=none  slot:size=small | slot:milk=...
output        2.1          -0.3      |      0.1              1.7             -2.0       |    ...
              └── softmax ──┘               └─────────── softmax ────────────┘
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from torch import Tensor

from ...errors import DataError
from ...metrics.semantics import Semantics
from .slu_prediction import NONE, SLOT, SLUPrediction


class SLUClasses:
    """The classes of a model for each intent field and slot, and their interpretation.

    Args:
        labels: ``[C]`` name of each output, ``field=class`` or ``slot:type=filler``; those of a field or slot are adjacent.

    Attributes:
        classes: intent field or slot -> its classes, in the order of the outputs.

    Raises:
        DataError: a label has another form, is repeated, or is not next to those of its field or slot.
    """

    def __init__(self, labels: Sequence[str]):
        self.labels = list(labels)
        self.classes: dict[str, list[str]] = {}
        last = None
        for label in self.labels:
            name, equals, answer = label.partition("=")
            known = self.classes.setdefault(name, [])
            if not equals or not name or answer in known or (known and name != last):
                raise DataError(
                    f"intents: the label {label!r} is not field=class, is repeated, or is apart from the labels of its field"
                )
            known.append(answer)
            last = name
        if not self.labels:
            raise DataError("intents: there are no labels, so there is nothing to be understood")

    @classmethod
    def from_semantics(cls, meanings: Iterable[Semantics], intents: Sequence[str], slots: Sequence[str]) -> SLUClasses:
        """The classes of these intent fields and slots that occur in ``meanings``, in alphabetical order."""
        meanings = list(meanings)
        classes = {name: sorted({each.intents[name] for each in meanings}) for name in intents}
        classes |= {SLOT + kind: sorted({filler_of(each, kind) for each in meanings}) for kind in slots}
        return cls([f"{name}={answer}" for name, answers in classes.items() for answer in answers])

    @property
    def slots(self) -> list[str]:
        """Types of the slots with classes."""
        return [name.removeprefix(SLOT) for name in self.classes if name.startswith(SLOT)]

    def answers(self, meaning: Semantics) -> dict[str, str]:
        """The class of each intent field and slot.

        Raises:
            DataError: a slot is filled twice.
        """
        return {
            name: filler_of(meaning, name.removeprefix(SLOT)) if name.startswith(SLOT) else meaning.intents[name]
            for name in self.classes
        }

    def split(self, output: Tensor) -> dict[str, Tensor]:
        """The logits ``[..., classes]`` of each intent field and slot, from ``output[..., C]``."""
        sizes = [len(answers) for answers in self.classes.values()]
        return dict(zip(self.classes, output.split(sizes, -1), strict=True))

    def understand(self, output: Tensor, lengths: Tensor | None = None) -> list[SLUPrediction]:
        """The likeliest classes, from logits ``output[B, C]``."""
        best = {name: logits.float().softmax(-1).max(-1) for name, logits in self.split(output).items()}
        return [
            self._prediction(
                {name: (probability[row].item(), int(place[row])) for name, (probability, place) in best.items()}
            )
            for row in range(len(output))
        ]

    def _prediction(self, best: Mapping[str, tuple[float, int]]) -> SLUPrediction:
        """The prediction from the probability and index of the likeliest class of each intent field and slot."""
        chosen = [(name, self.classes[name][place], probability) for name, (probability, place) in best.items()]
        intents = {name: (answer, probability) for name, answer, probability in chosen if not name.startswith(SLOT)}
        slots = [
            ((name.removeprefix(SLOT), answer), probability)
            for name, answer, probability in chosen
            if name.startswith(SLOT) and answer != NONE
        ]
        meaning = Semantics({name: answer for name, (answer, _) in intents.items()}, tuple(slot for slot, _ in slots))
        return SLUPrediction(
            meaning,
            {name: probability for name, (_, probability) in intents.items()},
            tuple(probability for _, probability in slots),
        )


def filler_of(meaning: Semantics, kind: str) -> str:
    """The filler of a slot; ``none`` if it is empty.

    Raises:
        DataError: the slot is filled twice.
    """
    found = [filler for each, filler in meaning.slots if each == kind]
    if len(found) > 1:
        raise DataError(
            f"intents: the slot {kind} is filled with {' and '.join(map(repr, found))} in one utterance, so it is no class;"
            " take the ctc head, or leave the slot out"
        )
    return found[0] if found else NONE
