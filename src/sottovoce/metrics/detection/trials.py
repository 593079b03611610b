"""Trials of speaker verification: pairs of utterances, and whether both are of the same speaker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...files import write_text
from ...text.text_files import lines
from .trial_formats import NumberedFields, TrialFormat, detect_format

_SHOWN = 10
"""Number of faults of a file that a message lists."""


@dataclass(frozen=True)
class Trials:
    """Pairs of utterances.

    Attributes:
        left: ``[N]`` names of the enrollment utterances.
        right: ``[N]`` names of the test utterances.
        targets: ``[N]`` bool, true if both utterances are of the same speaker.
        file_format: format of the file, such as ``1|0 <enroll> <test>``.
        lines: ``[N]`` line number of each trial.
    """

    left: list[str]
    right: list[str]
    targets: NDArray[np.bool_]
    file_format: str = ""
    lines: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.left)

    def utterances(self) -> list[str]:
        """Every utterance once, in the order of first appearance."""
        return list(dict.fromkeys(name for pair in zip(self.left, self.right, strict=True) for name in pair))

    def save(self, path: str | Path) -> None:
        """Write the trials in the format of VoxCeleb."""
        written = (f"{int(t)} {a} {b}\n" for t, a, b in zip(self.targets.tolist(), self.left, self.right, strict=True))
        write_text(Path(path), "".join(written))


def read_trials(path: str | Path, *, key: str | Path | None = None, enroll: str | Path | None = None) -> Trials:
    """Read a list of trials; its format is detected from all its lines.

    Empty lines are skipped. A trial may occur twice, as in published lists.

    Args:
        path: a text file with columns separated by blanks or tabs.
        key: the file with the labels of the trials, if the list has none (NIST SRE).
        enroll: the file with the utterance of each enrollment, in lines ``<enrollment> <utterance>`` (CN-Celeb's
            ``enroll.lst``).

    Raises:
        DataError: a file is missing, empty or not text; lines have different formats (the message gives their
            numbers), or two formats fit; a trial is not in the key; an enrollment is unknown, or has several utterances; or
            all trials have the same label.
    """
    path = Path(path)
    found, trial_format = _rows(path, "trials", labeled=key is None)
    if trial_format.label is None and key is None:
        raise DataError(f"{path}: {trial_format} without labels; give the key that belongs to it")
    faults: list[str] = []
    labels = None if key is None else _key(Path(key))
    targets = []
    for number, fields in found:
        label = fields[trial_format.label].lower() if trial_format.label is not None and labels is None else None
        if labels is not None:
            label = labels.get((fields[trial_format.enroll], fields[trial_format.test]))
            if label is None:
                faults.append(
                    f"line {number}: {fields[trial_format.enroll]} {fields[trial_format.test]} is not in {key}"
                )
        targets.append(label in _SAME)
    left = [fields[trial_format.enroll] for _, fields in found]
    if enroll is not None:
        utterances = _enrollments(Path(enroll))
        faults += [f"line {number}: the enrollment {name} is not in {enroll}"
                   for (number, _), name in zip(found, left, strict=True) if name not in utterances]  # fmt: skip
        left = [utterances.get(name, name) for name in left]
    if faults:
        raise DataError(f"{path}: {list_faults(faults)}")
    if all(targets) or not any(targets):
        kind = "target" if targets[0] else "non-target"
        raise DataError(f"{path}: all {len(found)} trials are {kind}; error rates need both kinds")
    right = [fields[trial_format.test] for _, fields in found]
    described = str(trial_format) + (f", labels of {key}" if key is not None else "")
    return Trials(left, right, np.array(targets), described, [number for number, _ in found])


_SAME = ("1", "target", "tgt")


def _rows(path: Path, what: str, *, labeled: bool) -> tuple[list[NumberedFields], TrialFormat]:
    """The lines of a list without the header, and their format."""
    found = [(number, line.split()) for number, line in lines(path) if line.strip()]
    if not found:
        raise DataError(f"{path}: no {what} in it")
    try:
        trial_format = detect_format(found, labeled=labeled)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    header, found = (found[0][1], found[1:]) if trial_format.named else ([], found)
    if not found:
        raise DataError(f"{path}: no {what} in it")
    faults = [
        f"line {number}: {' '.join(fields)[:80]!r} is not '{trial_format}'"
        for number, fields in found
        if not trial_format.fits(fields)
    ]
    if not faults and "side" in (names := [name.lower() for name in header]):
        place = names.index("side")
        faults = [f"line {number}: side {fields[place]} of {fields[trial_format.test]}; only side a is compared"
                  for number, fields in found if fields[place].lower() not in ("a", "1")]  # fmt: skip
    if faults:
        raise DataError(f"{path}: {list_faults(faults)}")
    return found, trial_format


def _key(path: Path) -> Mapping[tuple[str, str], str]:
    """The label of each trial ``(enrollment, test)`` in a key file."""
    found, trial_format = _rows(path, "trials", labeled=True)
    if trial_format.label is None:
        raise DataError(f"{path}: a key has labels, and this has '{trial_format}' only")
    labels: dict[tuple[str, str], str] = {}
    for number, fields in found:
        pair, label = (fields[trial_format.enroll], fields[trial_format.test]), fields[trial_format.label].lower()
        if labels.setdefault(pair, label) != label:
            raise DataError(f"{path}: line {number}: {' '.join(pair)} is {label} here and {labels[pair]} before")
    return labels


def _enrollments(path: Path) -> Mapping[str, str]:
    """The utterance of each enrollment."""
    found, trial_format = _rows(path, "enrollments", labeled=False)
    utterances: dict[str, str] = {}
    faults = []
    for number, fields in found:
        name, *names = (fields[trial_format.enroll], fields[trial_format.test]) if trial_format.named else fields
        if len(names) != 1 or utterances.setdefault(name, names[0]) != names[0]:
            faults.append(f"line {number}: {name} has several utterances; one is compared with one: put them together")
    if faults:
        raise DataError(f"{path}: {list_faults(faults)}")
    return utterances


def list_faults(faults: Sequence[str]) -> str:
    """Faults joined in one line, the first few in full."""
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return "; ".join(faults[:_SHOWN]) + more
