"""Word and character error rates over a corpus: all errors over all reference words."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from ..errors import DataError
from .edits import Alignment, align, format_alignment
from .intervals import Interval
from .ratio_intervals import bootstrap_ratio

Unit: TypeAlias = Literal["word", "character"]


@dataclass(frozen=True)
class TextNormalizer:
    """A normalization of references and hypotheses; its name is kept in every result."""

    name: str
    apply: Callable[[str], str]


def _plain(text: str) -> str:
    kept = (
        character if unicodedata.category(character)[0] in "LMN" or character == "'" else " "
        for character in unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    )
    words = (word.strip("'") for word in "".join(kept).split())
    return " ".join(word for word in words if word)


AS_IS = TextNormalizer("none", str)
"""No normalization; blanks separate words."""

PLAIN = TextNormalizer("plain: NFKC, case folded, only letters, digits and apostrophes within words", _plain)
"""Normalization for texts with case and punctuation; numbers are not converted."""


@dataclass(frozen=True)
class Utterance:
    """Errors in one utterance.

    Attributes:
        name: id of the utterance.
        total: number of reference words (or characters).
        substitutions, deletions, insertions: number of errors of each kind.
        path: the alignment in which the errors are counted.
    """

    name: str
    total: int
    substitutions: int
    deletions: int
    insertions: int
    path: Alignment

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    def __str__(self) -> str:
        counts = f"{self.substitutions} sub, {self.deletions} del, {self.insertions} ins of {self.total}"
        return f"{self.name}: {counts}\n{format_alignment(self.path)}"


@dataclass(frozen=True)
class RecognitionScore:
    """Errors summed over a corpus.

    Attributes:
        utterances: the errors of each utterance.
        unit: the unit of errors: words or characters.
        normalizer: name of the normalization of references and hypotheses.
    """

    utterances: tuple[Utterance, ...]
    unit: Unit
    normalizer: str

    def _sum(self, name: str) -> int:
        return sum(getattr(utterance, name) for utterance in self.utterances)

    @property
    def total(self) -> int:
        """Number of reference words (or characters)."""
        return self._sum("total")

    @property
    def errors(self) -> int:
        return self._sum("errors")

    @property
    def substitutions(self) -> int:
        return self._sum("substitutions")

    @property
    def deletions(self) -> int:
        return self._sum("deletions")

    @property
    def insertions(self) -> int:
        return self._sum("insertions")

    @property
    def rate(self) -> float:
        """WER or CER as a fraction; it can exceed 1."""
        return self.errors / self.total

    def worst(self, count: int = 5) -> list[Utterance]:
        """The ``count`` utterances with the most errors; ``str`` of each shows its alignment."""
        return sorted(self.utterances, key=lambda utterance: (-utterance.errors, utterance.name))[:count]

    def interval(
        self,
        speakers: Mapping[str, str] | None = None,
        *,
        draws: int = 1000,
        level: float = 0.95,
        seed: int = 0,
    ) -> Interval:
        """The rate with its bootstrap interval.

        Args:
            speakers: utterance -> speaker, to resample speakers, as is right if a few speakers have many utterances;
                ``None`` resamples utterances.
            draws, level, seed: as `bootstrap_ratio`.

        Raises:
            DataError: an utterance has no speaker, or there are too few groups to resample.
        """
        errors: dict[str, int] = defaultdict(int)
        totals: dict[str, int] = defaultdict(int)
        for utterance in self.utterances:
            if speakers is not None and utterance.name not in speakers:
                raise DataError(f"recognition: utterance {utterance.name} has no speaker to resample by")
            group = utterance.name if speakers is None else speakers[utterance.name]
            errors[group] += utterance.errors
            totals[group] += utterance.total
        return bootstrap_ratio(
            [errors[group] for group in sorted(errors)],
            [totals[group] for group in sorted(errors)],
            draws=draws,
            level=level,
            seed=seed,
        )

    def __str__(self) -> str:
        what = "WER" if self.unit == "word" else "CER (blanks counted)"
        return (
            f"{what} {100 * self.rate:.2f} % ({self.substitutions} sub, {self.deletions} del, {self.insertions} ins of"
            f" {self.total} {self.unit}s in {len(self.utterances)} utterances); normalizer: {self.normalizer}"
        )


def score_recognition(
    references: Mapping[str, str],
    hypotheses: Mapping[str, str],
    *,
    unit: Unit = "word",
    normalizer: TextNormalizer = AS_IS,
) -> RecognitionScore:
    """Align every utterance and sum the errors.

    Args:
        references: utterance -> text.
        hypotheses: utterance -> text, for the same utterances; an empty text if nothing was recognized.
        unit: ``word`` (split at blanks) or ``character`` (of the words joined by single blanks, which count).
        normalizer: normalization of references and hypotheses.

    Returns:
        The errors of each utterance, and their sums.

    Raises:
        DataError: references and hypotheses are not of the same utterances, there are none, or references have no words.
    """
    if unit not in ("word", "character"):
        raise DataError(f"recognition: unit must be 'word' or 'character', got {unit!r}")
    if not references:
        raise DataError("recognition: no utterances to score")
    for missing, of, advice in (
        (sorted(set(references) - set(hypotheses)), "hypothesis", "give an empty text for what was not recognized"),
        (sorted(set(hypotheses) - set(references)), "reference", "leave it out or add its text"),
    ):
        if missing:
            listed = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
            raise DataError(f"recognition: {len(missing)} utterances without {of} ({listed}); {advice}")

    def split(text: str) -> list[str]:
        words = normalizer.apply(text).split()
        return words if unit == "word" else list(" ".join(words))

    utterances = []
    for name in references:
        reference = split(references[name])
        path = align(reference, split(hypotheses[name]))
        count = Counter(step for step, _, _ in path)
        utterances.append(
            Utterance(name, len(reference), count["substitution"], count["deletion"], count["insertion"], path)
        )
    score = RecognitionScore(tuple(utterances), unit, normalizer.name)
    if not score.total:
        raise DataError(f"recognition: no words in {len(utterances)} references (normalizer: {normalizer.name})")
    return score
