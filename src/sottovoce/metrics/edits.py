"""Alignment of two sequences with the fewest errors: substitutions, deletions and insertions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

Step: TypeAlias = Literal["hit", "substitution", "insertion", "deletion"]
Alignment: TypeAlias = list[tuple[Step, str, str]]
"""``(step, reference, hypothesis)`` in order; a side without a word is the empty string."""

_STEPS: tuple[Step, ...] = ("hit", "substitution", "deletion", "insertion")


def align(reference: Sequence[str], hypothesis: Sequence[str]) -> Alignment:
    """The alignment with the fewest errors and, among those, the fewest substitutions.

    Every alignment of ``R`` reference and ``H`` hypothesis words has ``H - R`` more insertions than deletions, so all optimal
    alignments have the same three counts. (SCTK's weights 4, 3, 3 also prefer words that match, but sometimes accept one
    more error for a match; the number of errors is then larger than with this function.)

    Time and memory are proportional to ``R H``, at one byte per pair: ten thousand words by ten thousand take 100 MB.
    """
    # Equal beginnings and ends are matched first; they are most of the output of a good system.
    shorter = min(len(reference), len(hypothesis))
    start = next((k for k in range(shorter) if reference[k] != hypothesis[k]), shorter)
    room = shorter - start
    end = next((k for k in range(room) if reference[-1 - k] != hypothesis[-1 - k]), room)
    middle = _middle(reference[start : len(reference) - end], hypothesis[start : len(hypothesis) - end])
    return [*_hits(reference[:start]), *middle, *_hits(reference[len(reference) - end :])]


def _hits(words: Sequence[str]) -> Alignment:
    return [("hit", word, word) for word in words]


def _middle(reference: Sequence[str], hypothesis: Sequence[str]) -> Alignment:
    """Dynamic programming over a matrix, row by row."""
    number = {word: place for place, word in enumerate(dict.fromkeys([*reference, *hypothesis]))}
    ref = np.array([number[word] for word in reference], np.int64)
    hyp = np.array([number[word] for word in hypothesis], np.int64)
    rows, columns = len(ref), len(hyp)
    gap = rows + columns + 1  # cost of an error; a substitution costs 1 more, in sum less than an error
    across = gap * np.arange(columns + 1)
    steps = np.zeros((rows, columns + 1), np.uint8)
    cost = across
    for row in range(rows):
        other = ref[row] != hyp
        deleted = cost + gap
        diagonal = np.concatenate([[np.iinfo(np.int64).max // 2], cost[:-1] + (gap + 1) * other])
        best = np.minimum(deleted, diagonal)
        # Insertions run along the row: the cheapest predecessor is a running minimum.
        cost = np.minimum.accumulate(best - across) + across
        steps[row] = np.where(cost == diagonal, np.concatenate([[0], other]), np.where(cost == deleted, 2, 3))

    path: Alignment = []
    row, column = rows, columns
    while row or column:
        step: Step = _STEPS[int(steps[row - 1, column])] if row else "insertion"
        row -= step != "insertion"
        column -= step != "deletion"
        path.append(
            (step, reference[row] if step != "insertion" else "", hypothesis[column] if step != "deletion" else "")
        )
    return path[::-1]


def format_alignment(path: Alignment, *, width: int = 110) -> str:
    """An alignment as text, wrapped at ``width`` characters; errors are in capitals, gaps are asterisks.

    >>> print(format_alignment(align("the cat sat".split(), "the hat sat down".split())))
    REF: the CAT sat ****
    HYP: the HAT sat DOWN
             S       I
    """
    blocks: list[list[tuple[str, str, str]]] = [[]]
    used = 0
    for step, ref, hyp in path:
        room = max(len(ref), len(hyp), 1)
        if used + room + 1 > width - 5 and blocks[-1]:
            blocks.append([])
            used = 0
        used += room + 1
        mark = "" if step == "hit" else step[0].upper()
        words = (ref, hyp) if step == "hit" else (ref.upper() or "*" * room, hyp.upper() or "*" * room)
        blocks[-1].append((words[0].ljust(room), words[1].ljust(room), mark.ljust(room)))
    lines = []
    for block in blocks:
        for title, row in zip(("REF: ", "HYP: ", "     "), zip(*block, strict=True), strict=False):
            lines.append((title + " ".join(row)).rstrip())
    return "\n".join(line for line in lines if line)
