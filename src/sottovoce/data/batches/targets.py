"""What training audio is labeled with, and how it stands in a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ...errors import DataError
from ...quantities import SAMPLE_RATE
from ..corpora.cuts import cut_speaker

if TYPE_CHECKING:
    from lhotse.cut import Cut


class Targets(ABC):
    """The labels of cuts, for `StepBatches`."""

    @abstractmethod
    def of(self, cut: Cut, start: int, samples: int) -> Tensor:
        """What is to be learned of a stretch of a cut.

        Args:
            cut: one of those that the batches are made of.
            start, samples: the stretch, at 16 kHz; a cut shorter than that is played again from its beginning.
        """

    @abstractmethod
    def collate(self, found: Sequence[Tensor]) -> dict[str, Tensor]:
        """The entries of a batch, from what `of` gave for each of its utterances."""

    def groups(self, cuts: Sequence[Cut]) -> list[int]:
        """The class of each cut, by which batches can be balanced.

        Raises:
            DataError: what is learned are no classes.
        """
        raise DataError("batches: only classes can be balanced, and this task has none; take balanced: false")


class Classes(Targets):
    """One class a cut: ``labels [B]`` int64.

    Args:
        cuts: all that will be asked for.
        labels: names in the order of the classes; ``None`` takes those of the cuts, sorted.
        label_of: the class of a cut, ``None`` where it has none; by default its speaker.

    Raises:
        DataError: a cut has no label, or one that is not among ``labels``; a label stands there twice.
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

    def collate(self, found: Sequence[Tensor]) -> dict[str, Tensor]:
        return {"labels": torch.stack(list(found))}

    def groups(self, cuts: Sequence[Cut]) -> list[int]:
        return [self._class[cut.id] for cut in cuts]


class SLUTargets(Targets):
    """One class of each of ``Q`` questions a cut: ``labels [B, Q]`` int64.

    Args:
        cuts: all that will be asked for.
        classes: question -> names in the order of its classes.
        answers_of: the answers of a cut, by question.

    Raises:
        DataError: an answer of a cut is not among the classes.
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

    def collate(self, found: Sequence[Tensor]) -> dict[str, Tensor]:
        return {"labels": torch.stack(list(found))}

    def groups(self, cuts: Sequence[Cut]) -> list[int]:
        """The class of each cut's first question."""
        return [self._classes[cut.id][0] for cut in cuts]


class Tokens(Targets):
    """A sequence of labels a cut: ``tokens [B, U]`` int64, padded with 0 behind, and ``token_lengths [B]``.

    Args:
        cuts: all that will be asked for.
        encode: the labels of a cut.
    """

    _SLACK = SAMPLE_RATE // 100
    """Resampling may give or take a sample or two; no crop is that near to the whole."""

    def __init__(self, cuts: Sequence[Cut], encode: Callable[[Cut], Sequence[int]]) -> None:
        self._tokens = {cut.id: torch.tensor(list(encode(cut)), dtype=torch.int64) for cut in cuts}

    def of(self, cut: Cut, start: int, samples: int) -> Tensor:
        """All labels of a cut.

        Raises:
            DataError: the stretch is not the whole cut; nothing says which labels lie in a part of it.
        """
        if start or abs(samples - cut.duration * SAMPLE_RATE) > self._SLACK:
            raise DataError(
                f"batches: {samples / SAMPLE_RATE:g} s of the {cut.duration:g} s of {cut.id} have no transcript of their"
                " own; take crop: null"
            )
        return self._tokens[cut.id]

    def collate(self, found: Sequence[Tensor]) -> dict[str, Tensor]:
        lengths = torch.tensor([len(each) for each in found])
        return {"tokens": pad_sequence(list(found), batch_first=True), "token_lengths": lengths}
