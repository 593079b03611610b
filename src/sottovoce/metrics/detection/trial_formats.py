"""The forms in which lists of trials come, and which one a list has.

VoxCeleb        1 id10270/a/1.wav id10270/b/2.wav     1 or 0, before or behind
CN-Celeb        id00800-enroll test/id00800-1.wav 1
Kaldi, SITW     utt-a utt-b target                    or nontarget
VOiCES          utt-a utt-b tgt                       or imp, or nontgt
NIST SRE        modelid <tab> segmentid <tab> side <tab> targettype, named in the first line
others          enrol test label, named in the first line
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ...errors import DataError

WORDS = [("target", "nontarget"), ("tgt", "nontgt"), ("tgt", "imp"), ("1", "0")]
"""How the same and different speakers are called; words before numbers, after which utterances may be called too."""

_NAMED = {
    "enrol": ("modelid", "model", "enrol", "enroll", "enrolment", "enrollment"),
    "test": ("segmentid", "segment", "test"),
    "label": ("targettype", "label", "target"),
    "side": ("side",),
}
"""What a column is -> its names in a first line."""

Line = tuple[int, list[str]]


class TrialFormat(NamedTuple):
    """Where things are in a line.

    Attributes:
        enrol, test, label: columns; no label where another file has it.
        words: how the same and different speakers are called.
        columns: of a line, ``None`` where there may be more.
        named: whether the first line names them.
    """

    enrol: int
    test: int
    label: int | None
    words: tuple[str, str]
    columns: int | None = 3
    named: bool = False

    def __str__(self) -> str:
        if self.label is None:
            return "<enrol> <test>"
        said = {self.enrol: "<enrol>", self.test: "<test>", self.label: "|".join(self.words)}
        return " ".join(said[place] for place in sorted(said))

    def fits(self, fields: Sequence[str]) -> bool:
        if self.columns is not None and len(fields) != self.columns:
            return False
        if len(fields) <= max(self.enrol, self.test, self.label or 0):
            return False
        return self.label is None or fields[self.label].lower() in self.words


_FORMS = [TrialFormat(*((0, 1, 2) if last else (1, 2, 0)), words) for words in WORDS for last in (True, False)]


def detect_format(lines: Sequence[Line], *, labeled: bool = True) -> TrialFormat:
    """The form that all lines have, or else the one that most have, starting from the first.

    Args:
        lines: number and columns of each.
        labeled: whether the lines say themselves whether it is the same speaker.

    Raises:
        DataError: two forms fit all lines, so that nothing says which is meant.
    """
    fitting = [form for form in _FORMS if all(form.fits(fields) for _, fields in lines)]
    named = _named(lines)
    if named is not None and not fitting:
        return named
    if not labeled:
        return TrialFormat(0, 1, None, WORDS[-1], columns=None)
    # The numbers of utterances that are called 1 and 0 are no labels where words are.
    fitting = [form for form in fitting if form.words == fitting[0].words]
    if len({form.label for form in fitting}) > 1:
        raise DataError(f"line {lines[0][0]}: {' '.join(lines[0][1])[:80]!r} and all others may be {fitting[0]!s} or"
                        f" {fitting[1]!s}; put something before the names of utterances")  # fmt: skip
    if fitting:
        return fitting[0]
    count = {form: sum(form.fits(fields) for _, fields in lines) for form in _FORMS}
    if not any(count.values()):
        raise DataError(
            f"line {lines[0][0]}: {' '.join(lines[0][1])[:80]!r} is no trial, nor is any other line; a line is"
            " '<enrol> <test> <label>' or '<label> <enrol> <test>', and labels are "
            + ", ".join(" and ".join(words) for words in WORDS)
        )
    likely = [form for form in _FORMS if form.fits(lines[0][1])] or [form for form in _FORMS if count[form]]
    return max(likely, key=lambda form: count[form])


def _named(lines: Sequence[Line]) -> TrialFormat | None:
    """The form that a first line of names says, with the words that the others have."""
    first = lines[0][1]
    lower = [name.lower() for name in first]
    places = {
        what: next((lower.index(name) for name in names if name in lower), None) for what, names in _NAMED.items()
    }
    enrol, test = places["enrol"], places["test"]
    if enrol is None or test is None:
        return None
    label = places["label"]
    if label is None:  # as in a comment, "# enrol test"
        places_alike = [form for form in _FORMS if (form.enrol, form.test) == (enrol, test)]
        if alike := [form for form in places_alike if all(form.fits(fields) for _, fields in lines[1:])]:
            return alike[0]._replace(named=True)
    said = {fields[label].lower() for _, fields in lines[1:] if label is not None and len(fields) > label}
    words = max(WORDS, key=lambda words: sum(each in words for each in said))
    return TrialFormat(enrol, test, label, words, columns=len(first), named=True)
