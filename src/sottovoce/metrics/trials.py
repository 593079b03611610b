"""Verification trials: pairs of utterances and whether one speaker said both. Reads the two layouts in use.

VoxCeleb      1 id10270/a/00001.wav id10270/b/00002.wav        (1 same speaker, 0 different)
Kaldi         utt-a utt-b target                               (target | nontarget)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..encoder.errors import DataError
from ..text_files import lines

_SHOWN = 10
"""Faults of a file that are listed before "and n more"."""


@dataclass(frozen=True)
class Trials:
    """Pairs of utterances.

    Attributes:
        left: ``[N]`` names of the enrolment utterances.
        right: ``[N]`` names of the test utterances.
        targets: ``[N]`` bool, true where both are the same speaker.
    """

    left: list[str]
    right: list[str]
    targets: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.left)

    def utterances(self) -> list[str]:
        """Every utterance once, in the order of first appearance."""
        return list(dict.fromkeys(name for pair in zip(self.left, self.right, strict=True) for name in pair))

    def save(self, path: str | Path) -> None:
        """Write the VoxCeleb layout."""
        written = (f"{int(t)} {a} {b}\n" for t, a, b in zip(self.targets.tolist(), self.left, self.right, strict=True))
        Path(path).write_text("".join(written), encoding="utf-8")


def read_trials(path: str | Path) -> Trials:
    """Read a trials file of either layout; the first trial decides which.

    Empty lines are passed over. A trial may occur twice (published lists have such pairs).

    Args:
        path: a text file, three columns separated by blanks.

    Raises:
        DataError: the file is missing, empty or not text; lines do not have the layout (each with its number); or all
            trials are of one kind.
    """
    path = Path(path)
    rows = [(number, line.split()) for number, line in lines(path) if line.strip()]
    if not rows:
        raise DataError(f"{path}: no trials in it")
    kaldi = len(rows[0][1]) == 3 and rows[0][1][2] in ("target", "nontarget")
    column, words = (2, {"target": True, "nontarget": False}) if kaldi else (0, {"1": True, "0": False})
    expected = "'<enrol> <test> target|nontarget'" if kaldi else "'1|0 <enrol> <test>'"
    faults = [
        f"line {number}: {' '.join(fields)[:80]!r} is not {expected}"
        for number, fields in rows
        if len(fields) != 3 or fields[column] not in words
    ]
    if faults:
        raise DataError(f"{path}: {list_faults(faults)}")
    targets = np.array([words[fields[column]] for _, fields in rows])
    if targets.all() or not targets.any():
        kind = "target" if targets.all() else "non-target"
        raise DataError(f"{path}: all {len(rows)} trials are {kind}; error rates need both kinds")
    sides = [[name for place, name in enumerate(fields) if place != column] for _, fields in rows]
    return Trials([left for left, _ in sides], [right for _, right in sides], targets)


def list_faults(faults: Sequence[str]) -> str:
    """Faults in one line, the first few in full."""
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return "; ".join(faults[:_SHOWN]) + more
