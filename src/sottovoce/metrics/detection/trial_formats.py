"""The formats of lists of trials, and their detection.

VoxCeleb        1 id10270/a/1.wav id10270/b/2.wav     with the label first or last
CN-Celeb        id00800-enroll test/id00800-1.wav 1
Kaldi, SITW     utt-a utt-b target                    or nontarget
VOiCES          utt-a utt-b tgt                       or imp, or nontgt
NIST SRE        modelid <tab> segmentid <tab> side <tab> targettype, with the columns named in the first line
others          enroll test label, with the columns named in the first line
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...errors import DataError

WORDS = [("target", "nontarget"), ("tgt", "nontgt"), ("tgt", "imp"), ("1", "0")]
"""Pairs of labels for the same and for different speakers. Numbers are last, as they may also be names of utterances."""

_NAMED = {
    "enroll": ("modelid", "model", "enrol", "enroll", "enrolment", "enrollment"),
    "test": ("segmentid", "segment", "test"),
    "label": ("targettype", "label", "target"),
    "side": ("side",),
}
"""Column -> its names in a header."""

NumberedFields = tuple[int, list[str]]


class TrialFormat(NamedTuple):
    """The format of a list of trials.

    Attributes:
        enroll, test, label: indices of the columns; ``label`` is ``None`` if a key file has the labels.
        words: the label for the same speaker, and the label for different speakers.
        columns: number of columns, ``None`` if it is not fixed.
        named: whether the first line names the columns.
    """

    enroll: int
    test: int
    label: int | None
    words: tuple[str, str]
    columns: int | None = 3
    named: bool = False

    def __str__(self) -> str:
        if self.label is None:
            return "<enroll> <test>"
        parts = {self.enroll: "<enroll>", self.test: "<test>", self.label: "|".join(self.words)}
        return " ".join(parts[place] for place in sorted(parts))

    def fits(self, fields: Sequence[str]) -> bool:
        if self.columns is not None and len(fields) != self.columns:
            return False
        if len(fields) <= max(self.enroll, self.test, self.label or 0):
            return False
        return self.label is None or fields[self.label].lower() in self.words


_FORMATS = [TrialFormat(*((0, 1, 2) if last else (1, 2, 0)), words) for words in WORDS for last in (True, False)]


def detect_format(lines: Sequence[NumberedFields], *, labeled: bool = True) -> TrialFormat:
    """The format that fits all lines; if none does, the one that fits the most lines, preferring those that fit the first.

    Args:
        lines: line number and columns of each line.
        labeled: whether the lines contain labels.

    Raises:
        DataError: two formats fit all lines, or no format fits any line.
    """
    fitting = [trial_format for trial_format in _FORMATS if all(trial_format.fits(fields) for _, fields in lines)]
    named = _named(lines)
    if named is not None and not fitting:
        return named
    if not labeled:
        return TrialFormat(0, 1, None, WORDS[-1], columns=None)
    # If a format with words as labels fits, columns of 1 and 0 are names of utterances.
    fitting = [trial_format for trial_format in fitting if trial_format.words == fitting[0].words]
    if len({trial_format.label for trial_format in fitting}) > 1:
        raise DataError(f"line {lines[0][0]}: {' '.join(lines[0][1])[:80]!r} and all others may be {fitting[0]!s} or"
                        f" {fitting[1]!s}; put something before the names of utterances")  # fmt: skip
    if fitting:
        return fitting[0]
    count = {trial_format: sum(trial_format.fits(fields) for _, fields in lines) for trial_format in _FORMATS}
    if not any(count.values()):
        raise DataError(
            f"line {lines[0][0]}: {' '.join(lines[0][1])[:80]!r} is no trial, nor is any other line; a line is"
            " '<enroll> <test> <label>' or '<label> <enroll> <test>', and labels are "
            + ", ".join(" and ".join(words) for words in WORDS)
        )
    likely = [trial_format for trial_format in _FORMATS if trial_format.fits(lines[0][1])] or [
        trial_format for trial_format in _FORMATS if count[trial_format]
    ]
    return max(likely, key=lambda trial_format: count[trial_format])


def _named(lines: Sequence[NumberedFields]) -> TrialFormat | None:
    """The format of a list with a header, ``None`` without one; its labels are found in the other lines."""
    first = lines[0][1]
    lower = [name.lower() for name in first]
    places = {
        what: next((lower.index(name) for name in names if name in lower), None) for what, names in _NAMED.items()
    }
    enroll, test = places["enroll"], places["test"]
    if enroll is None or test is None:
        return None
    label = places["label"]
    if label is None:  # as in a comment, "# enroll test"
        places_alike = [
            trial_format for trial_format in _FORMATS if (trial_format.enroll, trial_format.test) == (enroll, test)
        ]
        if alike := [
            trial_format for trial_format in places_alike if all(trial_format.fits(fields) for _, fields in lines[1:])
        ]:
            return alike[0]._replace(named=True)
    labels = {fields[label].lower() for _, fields in lines[1:] if label is not None and len(fields) > label}
    words = max(WORDS, key=lambda words: sum(each in words for each in labels))
    return TrialFormat(enroll, test, label, words, columns=len(first), named=True)
