"""Understanding as a sequence: intents, then each slot and the letters of its filler, one label each.

    order a large iced mocha  ->  intent=order  slot:size l a r g e  slot:drink i c e d ' ' m o c h a

Fillers are open: any that can be spelled with the letters of the training fillers.
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
    """Meanings to labels and back.

    Args:
        labels: the blank, ``field=intent`` and ``slot:type`` marks, and single characters, in any order behind it.

    Raises:
        DataError: the first is not the blank, or a label is none of these or stands there twice.
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
    def of(cls, meanings: Iterable[Semantics]) -> SemanticVocabulary:
        """All that ``meanings`` need."""
        meanings = list(meanings)
        intents = {f"{name}={what}" for each in meanings for name, what in each.intents.items()}
        slots = {SLOT + kind for each in meanings for kind, _ in each.slots}
        letters = {letter for each in meanings for _, filler in each.slots for letter in filler}
        return cls([BLANK, *sorted(intents), *sorted(slots), *sorted(letters)])

    def encode(self, meaning: Semantics) -> list[int]:
        """Labels of a meaning.

        Raises:
            DataError: an intent, a slot or a character that no label stands for.
        """
        said = [f"{name}={what}" for name, what in meaning.intents.items()]
        for kind, filler in meaning.slots:
            said += [SLOT + kind, *filler]
        if unknown := sorted(set(said) - set(self.number)):
            raise DataError(
                f"intents: {', '.join(map(repr, unknown[:5]))} is not among the {len(self.labels)} labels that the model"
                " knows; leave it out, or train on data that has it"
            )
        return [self.number[label] for label in said]

    def understand(self, output: Tensor, lengths: Tensor) -> list[SLUPrediction]:
        """The best path of each utterance, from logits ``output[B, T, V]`` with ``lengths[B]`` valid frames.

        The probability of a label is its highest in the frames that say it, that of a slot the lowest of its labels.
        Of several intents of one field the likeliest stays.
        """
        found = []
        for logits, length in zip(output, lengths.tolist(), strict=True):
            sure, best = logits[:length].float().softmax(-1).max(-1)
            labels, counts = torch.unique_consecutive(best, return_counts=True)
            peaks = [part.max().item() for part in sure.split(counts.tolist())] if length else []
            said = [(label, peak) for label, peak in zip(labels.tolist(), peaks, strict=True) if label]
            found.append(self.read(said))
        return found

    def read(self, said: Iterable[tuple[int, float]]) -> SLUPrediction:
        """The meaning of labels one after another, each with its probability."""
        intents: dict[str, tuple[float, str]] = {}
        slots: list[tuple[str, list[str], float]] = []
        for number, sure in said:
            label = self.labels[number]
            if label.startswith(SLOT):
                slots.append((label.removeprefix(SLOT), [], sure))
            elif len(label) > 1:
                name, _, what = label.partition("=")
                intents[name] = max(intents.get(name, (0.0, "")), (sure, what))
            elif slots:  # letters before any slot are part of none
                kind, letters, least = slots[-1]
                slots[-1] = (kind, [*letters, label], min(least, sure))
        told = tuple((kind, " ".join("".join(letters).split())) for kind, letters, _ in slots)
        meaning = Semantics({name: what for name, (_, what) in intents.items()}, told)
        return SLUPrediction(meaning, {n: sure for n, (sure, _) in intents.items()}, tuple(s for _, _, s in slots))
