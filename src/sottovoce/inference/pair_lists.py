"""Lists of pairs of recordings to compare."""

from __future__ import annotations

from pathlib import Path

from ..data.audio.channels import Channel
from ..data.audio.sources import name_of
from ..errors import DataError
from ..metrics.detection.trials import read_trials
from .inputs import Recording, beside, list_lines


def read_pairs(path: str | Path, *, channel: Channel | None = None) -> list[tuple[Recording, Recording]]:
    """The pairs of recordings that a list names.

    Each line has two paths, with a tab or blanks between them; or the list is a trials file. A path is relative to the folder
    of the list if there is such a file, and to the working directory otherwise.

    Args:
        path: the list.
        channel: the channel of files with several.

    Raises:
        DataError: the list cannot be read, is empty, or has a line of another form.
    """
    path = Path(path)
    rows = [line.split("\t") if "\t" in line else line.split() for line in list_lines(path)]
    if len(rows[0]) == 3:
        trials = read_trials(path)
        rows = [[a, b] for a, b in zip(trials.left, trials.right, strict=True)]
    if wrong := [row for row in rows if len(row) != 2]:
        raise DataError(
            f"{path}: {' '.join(wrong[0])[:80]!r} is not a pair of recordings; write two paths a line, or a trials file"
        )
    places = {name: beside(path, name) for row in rows for name in row}
    recordings = {name: Recording(name_of(place), place, channel) for name, place in places.items()}
    return [(recordings[a], recordings[b]) for a, b in rows]
