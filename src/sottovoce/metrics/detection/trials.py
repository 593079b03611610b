"""Verification trials: pairs of utterances and whether one speaker said both. See `trial_forms` for what is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError
from ...files import write_text
from ...text.text_files import lines
from .trial_formats import Line, TrialFormat, detect_format

_SHOWN = 10
"""Faults of a file that are listed before "and n more"."""


@dataclass(frozen=True)
class Trials:
    """Pairs of utterances.

    Attributes:
        left: ``[N]`` names of the enrolment utterances.
        right: ``[N]`` names of the test utterances.
        targets: ``[N]`` bool, true where both are the same speaker.
        form: how the file had them, such as ``1|0 <enrol> <test>``.
        lines: ``[N]`` where in the file each stands.
    """

    left: list[str]
    right: list[str]
    targets: NDArray[np.bool_]
    form: str = ""
    lines: list[int] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.left)

    def utterances(self) -> list[str]:
        """Every utterance once, in the order of first appearance."""
        return list(dict.fromkeys(name for pair in zip(self.left, self.right, strict=True) for name in pair))

    def save(self, path: str | Path) -> None:
        """Write the VoxCeleb layout."""
        written = (f"{int(t)} {a} {b}\n" for t, a, b in zip(self.targets.tolist(), self.left, self.right, strict=True))
        write_text(Path(path), "".join(written))


def read_trials(path: str | Path, *, key: str | Path | None = None, enrol: str | Path | None = None) -> Trials:
    """Read a list of trials; all its lines decide which form it has.

    Empty lines are passed over. A trial may occur twice (published lists have such pairs).

    Args:
        path: a text file: columns separated by blanks or tabs.
        key: where a file of its own says which trials are of one speaker (NIST SRE).
        enrol: where a file says which utterance each enrolment is (CN-Celeb's ``enroll.lst``): ``<enrolment> <utterance>``.

    Raises:
        DataError: a file is missing, empty or not text; lines do not have the form that the others have, or two forms
            fit (each with its number); the key does not have a trial, the enrolments not a name, or one of several
            utterances; or all trials are of one kind.
    """
    path = Path(path)
    found, form = _rows(path, "trials", labeled=key is None)
    if form.label is None and key is None:
        raise DataError(f"{path}: {form} without labels; give the key that belongs to it")
    faults: list[str] = []
    labels = None if key is None else _key(Path(key))
    targets = []
    for number, fields in found:
        said = fields[form.label].lower() if form.label is not None and labels is None else None
        if labels is not None:
            said = labels.get((fields[form.enrol], fields[form.test]))
            if said is None:
                faults.append(f"line {number}: {fields[form.enrol]} {fields[form.test]} is not in {key}")
        targets.append(said in _SAME)
    left = [fields[form.enrol] for _, fields in found]
    if enrol is not None:
        utterances = _enrolments(Path(enrol))
        faults += [f"line {number}: the enrolment {name} is not in {enrol}"
                   for (number, _), name in zip(found, left, strict=True) if name not in utterances]  # fmt: skip
        left = [utterances.get(name, name) for name in left]
    if faults:
        raise DataError(f"{path}: {list_faults(faults)}")
    if all(targets) or not any(targets):
        kind = "target" if targets[0] else "non-target"
        raise DataError(f"{path}: all {len(found)} trials are {kind}; error rates need both kinds")
    right = [fields[form.test] for _, fields in found]
    told = str(form) + (f", labels of {key}" if key is not None else "")
    return Trials(left, right, np.array(targets), told, [number for number, _ in found])


_SAME = ("1", "target", "tgt")


def _rows(path: Path, what: str, *, labeled: bool) -> tuple[list[Line], TrialFormat]:
    """The lines of a list, without one that names the columns, and the form that all have."""
    found = [(number, line.split()) for number, line in lines(path) if line.strip()]
    if not found:
        raise DataError(f"{path}: no {what} in it")
    try:
        form = detect_format(found, labeled=labeled)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    header, found = (found[0][1], found[1:]) if form.named else ([], found)
    if not found:
        raise DataError(f"{path}: no {what} in it")
    faults = [
        f"line {number}: {' '.join(fields)[:80]!r} is not '{form}'" for number, fields in found if not form.fits(fields)
    ]
    if not faults and "side" in (names := [name.lower() for name in header]):
        place = names.index("side")
        faults = [f"line {number}: side {fields[place]} of {fields[form.test]}; only side a is compared"
                  for number, fields in found if fields[place].lower() not in ("a", "1")]  # fmt: skip
    if faults:
        raise DataError(f"{path}: {list_faults(faults)}")
    return found, form


def _key(path: Path) -> Mapping[tuple[str, str], str]:
    """The label of each trial."""
    found, form = _rows(path, "trials", labeled=True)
    if form.label is None:
        raise DataError(f"{path}: a key has labels, and this has '{form}' only")
    labels: dict[tuple[str, str], str] = {}
    for number, fields in found:
        pair, label = (fields[form.enrol], fields[form.test]), fields[form.label].lower()
        if labels.setdefault(pair, label) != label:
            raise DataError(f"{path}: line {number}: {' '.join(pair)} is {label} here and {labels[pair]} before")
    return labels


def _enrolments(path: Path) -> Mapping[str, str]:
    """The utterance of each enrolment."""
    found, form = _rows(path, "enrolments", labeled=False)
    utterances: dict[str, str] = {}
    faults = []
    for number, fields in found:
        name, *names = (fields[form.enrol], fields[form.test]) if form.named else fields
        if len(names) != 1 or utterances.setdefault(name, names[0]) != names[0]:
            faults.append(f"line {number}: {name} has several utterances; one is compared with one: put them together")
    if faults:
        raise DataError(f"{path}: {list_faults(faults)}")
    return utterances


def list_faults(faults: Sequence[str]) -> str:
    """Faults in one line, the first few in full."""
    more = f"; and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
    return "; ".join(faults[:_SHOWN]) + more
