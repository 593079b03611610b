"""The labels of training audio, and the tensors of a batch that they become."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ...errors import DataError
from ...models.batch import Batch
from ...quantities import SAMPLE_RATE
from ..corpora.cuts import cut_speaker

if TYPE_CHECKING:
    from lhotse.cut import Cut


class Targets(ABC):
    """The labels of cuts, for `StepBatches`."""

    @abstractmethod
    def of(self, cut: Cut, start: int, samples: int) -> Tensor:
        """The labels of a stretch of a cut.

        Args:
            cut: one of the cuts of the batches.
            start, samples: first sample and length of the stretch, at 16 kHz; a shorter cut is repeated.
        """

    @abstractmethod
    def collate(self, labels: Sequence[Tensor]) -> Batch:
        """The entries of a batch, from the labels of its utterances."""

    def groups(self, cuts: Sequence[Cut]) -> list[int]:
        """The class of each cut, by which batches can be balanced.

        Raises:
            DataError: the labels are not classes.
        """
        raise DataError("batches: only classes can be balanced, and this task has none; take balanced: false")


class Classes(Targets):
    """One class for each cut: ``labels [B]`` int64.

    Args:
        cuts: all cuts of the batches.
        labels: names of the classes, in order; ``None`` takes the labels of the cuts, sorted.
        label_of: gives the label of a cut, ``None`` where it has none; by default its speaker.

    Raises:
        DataError: a cut has no label, or one that is not among ``labels``; or ``labels`` has a name twice.
    """

    def __init__(
        self,
        cuts: Sequence[Cut],
        labels: Sequence[str] | None = None,
        label_of: Callable[[Cut], str | None] = cut_speaker,
    ) -> None:
        found = [label_of(cut) for cut in cuts]
        if None in found:
            first = cuts[found.index(None)].id
            raise DataError(
                f"batches: {found.count(None)} of {len(cuts)} cuts have no label, the first is {first}; leave them out"
            )
        self.names = sorted({str(name) for name in found}) if labels is None else [str(name) for name in labels]
        index = {name: place for place, name in enumerate(self.names)}
        if len(index) < len(self.names):
            raise DataError("batches: labels has a name twice")
        if unknown := sorted({str(name) for name in found} - set(index)):
            raise DataError(
                f"batches: {len(unknown)} labels of cuts are not among the classes, for example {unknown[0]!r}"
            )
        self._class = {cut.id: index[str(name)] for cut, name in zip(cuts, found, strict=True)}

    def of(self, cut: Cut, start: int, samples: int) -> Tensor:
        return torch.tensor(self._class[cut.id])

    def collate(self, labels: Sequence[Tensor]) -> Batch:
        return {"labels": torch.stack(list(labels))}

    def groups(self, cuts: Sequence[Cut]) -> list[int]:
        return [self._class[cut.id] for cut in cuts]


class SLUTargets(Targets):
    """One class for each intent and slot of a cut: ``labels [B, Q]`` int64.

    Args:
        cuts: all cuts of the batches.
        classes: intent field or slot -> names of its classes, in order.
        answers_of: gives the class of each intent field and slot of a cut.

    Raises:
        DataError: a cut has a class that is not among ``classes``.
    """

    def __init__(
        self,
        cuts: Sequence[Cut],
        classes: Mapping[str, Sequence[str]],
        answers_of: Callable[[Cut], Mapping[str, str]],
    ) -> None:
        index = {question: {name: k for k, name in enumerate(names)} for question, names in classes.items()}
        self._classes: dict[str, list[int]] = {}
        for cut in cuts:
            found = answers_of(cut)
            for question, known in index.items():
                if found[question] not in known:
                    raise DataError(
                        f"cut {cut.id}: its {question} is {found[question]!r}, which is not among the {len(known)} that"
                        " the model knows; leave it out, or train on data that has it"
                    )
            self._classes[cut.id] = [known[found[question]] for question, known in index.items()]

    def of(self, cut: Cut, start: int, samples: int) -> Tensor:
        return torch.tensor(self._classes[cut.id])

    def collate(self, labels: Sequence[Tensor]) -> Batch:
        return {"labels": torch.stack(list(labels))}

    def groups(self, cuts: Sequence[Cut]) -> list[int]:
        """The class of each cut in its first intent field or slot."""
        return [self._classes[cut.id][0] for cut in cuts]


class Tokens(Targets):
    """A sequence of labels for each cut: ``tokens [B, U]`` int64, padded with 0, and ``token_lengths [B]``.

    Args:
        cuts: all cuts of the batches.
        encode: gives the labels of a cut.
    """

    _SLACK = SAMPLE_RATE // 100
    """Maximum difference in samples between a whole cut and its listed length, as resampling may change the length."""

    def __init__(self, cuts: Sequence[Cut], encode: Callable[[Cut], Sequence[int]]) -> None:
        self._tokens = {cut.id: torch.tensor(list(encode(cut)), dtype=torch.int64) for cut in cuts}

    def of(self, cut: Cut, start: int, samples: int) -> Tensor:
        """All labels of a cut.

        Raises:
            DataError: the stretch is not the whole cut, so that it is unknown which labels belong to it.
        """
        if start or abs(samples - cut.duration * SAMPLE_RATE) > self._SLACK:
            raise DataError(
                f"batches: {samples / SAMPLE_RATE:g} s of the {cut.duration:g} s of {cut.id} have no transcript of their"
                " own; take crop: null"
            )
        return self._tokens[cut.id]

    def collate(self, labels: Sequence[Tensor]) -> Batch:
        lengths = torch.tensor([len(each) for each in labels])
        return {"tokens": pad_sequence(list(labels), batch_first=True), "token_lengths": lengths}
