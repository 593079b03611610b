"""Understanding as multiple choice: each intent and each slot is a question with one answer.

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
    """The questions of a model, and what its outputs answer.

    Args:
        labels: name of each output, ``question=answer``; those of one question stand side by side.

    Attributes:
        classes: question -> its answers, in the order of the outputs.

    Raises:
        DataError: a label is no ``question=answer``, stands there twice, or apart from those of its question.
    """

    def __init__(self, labels: Sequence[str]):
        self.labels = list(labels)
        self.classes: dict[str, list[str]] = {}
        last = None
        for label in self.labels:
            question, equals, answer = label.partition("=")
            known = self.classes.setdefault(question, [])
            if not equals or not question or answer in known or (known and question != last):
                raise DataError(
                    f"intents: the label {label!r} is no question=answer in its place, among its like, once"
                )
            known.append(answer)
            last = question
        if not self.labels:
            raise DataError("intents: there are no labels, so there is nothing to be understood")

    @classmethod
    def of(cls, meanings: Iterable[Semantics], intents: Sequence[str], slots: Sequence[str]) -> SLUClasses:
        """The questions about these intents and slots, with all answers that ``meanings`` have, in alphabetical order."""
        meanings = list(meanings)
        asked = {name: sorted({each.intents[name] for each in meanings}) for name in intents}
        asked |= {SLOT + kind: sorted({filler_of(each, kind) for each in meanings}) for kind in slots}
        return cls([f"{question}={answer}" for question, answers in asked.items() for answer in answers])

    @property
    def slots(self) -> list[str]:
        """Types of the slots that are asked for."""
        return [question.removeprefix(SLOT) for question in self.classes if question.startswith(SLOT)]

    def answers(self, meaning: Semantics) -> dict[str, str]:
        """The right answer to each question.

        Raises:
            DataError: a slot is filled twice.
        """
        return {
            question: filler_of(meaning, question.removeprefix(SLOT))
            if question.startswith(SLOT)
            else meaning.intents[question]
            for question in self.classes
        }

    def split(self, output: Tensor) -> dict[str, Tensor]:
        """``[..., classes]`` logits of each question, from ``output[..., C]`` of all."""
        sizes = [len(answers) for answers in self.classes.values()]
        return dict(zip(self.classes, output.split(sizes, -1), strict=True))

    def understand(self, output: Tensor, lengths: Tensor | None = None) -> list[SLUPrediction]:
        """The likeliest answers, from logits ``output[B, C]``."""
        best = {question: logits.float().softmax(-1).max(-1) for question, logits in self.split(output).items()}
        return [
            self._understood(
                {question: (sure[row].item(), int(place[row])) for question, (sure, place) in best.items()}
            )
            for row in range(len(output))
        ]

    def _understood(self, best: Mapping[str, tuple[float, int]]) -> SLUPrediction:
        """Of the probability and the place of each question's likeliest answer."""
        told = [(question, self.classes[question][place], sure) for question, (sure, place) in best.items()]
        intents = {question: (answer, sure) for question, answer, sure in told if not question.startswith(SLOT)}
        slots = [
            ((question.removeprefix(SLOT), answer), sure)
            for question, answer, sure in told
            if question.startswith(SLOT) and answer != NONE
        ]
        meaning = Semantics({name: answer for name, (answer, _) in intents.items()}, tuple(slot for slot, _ in slots))
        return SLUPrediction(
            meaning, {name: sure for name, (_, sure) in intents.items()}, tuple(sure for _, sure in slots)
        )


def filler_of(meaning: Semantics, kind: str) -> str:
    """What a slot is filled with, ``none`` where it is empty.

    Raises:
        DataError: it is filled twice.
    """
    found = [filler for each, filler in meaning.slots if each == kind]
    if len(found) > 1:
        raise DataError(
            f"intents: the slot {kind} is filled with {' and '.join(map(repr, found))} in one utterance, so it is no class;"
            " take the ctc head, or leave the slot out"
        )
    return found[0] if found else NONE
