"""SLU as sequence labeling: intents, then each slot and the characters of its filler, one label each.

    order a large iced mocha  ->  intent=order  slot:size l a r g e  slot:drink i c e d ' ' m o c h a

The set of fillers is open: any filler can be spelled with the characters of the training fillers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ...errors import DataError
from ...metrics.semantics import Semantics
from ..vocabulary import BLANK
from .slu_prediction import SLOT, SLUPrediction


class SemanticVocabulary:
    """Encodes semantics as labels and decodes labels.

    Args:
        labels: the blank, followed by ``field=intent`` and ``slot:type`` labels and single characters in any order.

    Raises:
        DataError: the first label is not the blank, or a label has another form or is repeated.
    """

    def __init__(self, labels: Sequence[str]):
        self.labels = [str(label) for label in labels]
        self.number = {label: place for place, label in enumerate(self.labels)}
        if not self.labels or self.labels[0] != BLANK or len(self.number) < len(self.labels):
            raise DataError(f"intents: the labels {self.labels[:3]} ... do not begin with {BLANK!r}, or repeat")
        for label in self.labels[1:]:
            if len(label) != 1 and not label.startswith(SLOT) and "=" not in label:
                raise DataError(f"intents: the label {label!r} is neither field=intent, {SLOT}type nor a character")

    @classmethod
    def from_semantics(cls, meanings: Iterable[Semantics]) -> SemanticVocabulary:
        """The vocabulary of all intents, slots and characters in ``meanings``."""
        meanings = list(meanings)
        intents = {f"{name}={what}" for each in meanings for name, what in each.intents.items()}
        slots = {SLOT + kind for each in meanings for kind, _ in each.slots}
        letters = {letter for each in meanings for _, filler in each.slots for letter in filler}
        return cls([BLANK, *sorted(intents), *sorted(slots), *sorted(letters)])

    def encode(self, meaning: Semantics) -> list[int]:
        """The labels of the semantics of an utterance.

        Raises:
            DataError: an intent, slot or character is not in the vocabulary.
        """
        wanted = [f"{name}={what}" for name, what in meaning.intents.items()]
        for kind, filler in meaning.slots:
            wanted += [SLOT + kind, *filler]
        if unknown := sorted(set(wanted) - set(self.number)):
            raise DataError(
                f"intents: {', '.join(map(repr, unknown[:5]))} is not among the {len(self.labels)} labels that the model"
                " knows; leave it out, or train on data that has it"
            )
        return [self.number[label] for label in wanted]

    def understand(self, output: Tensor, lengths: Tensor) -> list[SLUPrediction]:
        """The best path of each utterance, from logits ``output[B, T, V]`` with ``lengths[B]`` valid frames.

        The probability of a label is the highest in its frames; that of a slot is the lowest of its labels. If a field
        has several intents, the likeliest is kept.
        """
        found = []
        for logits, length in zip(output, lengths.tolist(), strict=True):
            sure, best = logits[:length].float().softmax(-1).max(-1)
            labels, counts = torch.unique_consecutive(best, return_counts=True)
            peaks = [part.max().item() for part in sure.split(counts.tolist())] if length else []
            path = [(label, peak) for label, peak in zip(labels.tolist(), peaks, strict=True) if label]
            found.append(self.read(path))
        return found

    def read(self, labels: Iterable[tuple[int, float]]) -> SLUPrediction:
        """The prediction for a sequence of labels, each with its probability."""
        intents: dict[str, tuple[float, str]] = {}
        slots: list[tuple[str, list[str], float]] = []
        for number, probability in labels:
            label = self.labels[number]
            if label.startswith(SLOT):
                slots.append((label.removeprefix(SLOT), [], probability))
            elif len(label) > 1:
                name, _, what = label.partition("=")
                intents[name] = max(intents.get(name, (0.0, "")), (probability, what))
            elif slots:  # characters before the first slot are ignored
                kind, letters, least = slots[-1]
                slots[-1] = (kind, [*letters, label], min(least, probability))
        filled = tuple((kind, " ".join("".join(letters).split())) for kind, letters, _ in slots)
        meaning = Semantics({name: what for name, (_, what) in intents.items()}, filled)
        return SLUPrediction(meaning, {n: sure for n, (sure, _) in intents.items()}, tuple(s for _, _, s in slots))
