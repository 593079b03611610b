"""A picture of who speaks when: one row for each speaker; every ten minutes begin a new line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ...data.corpora.rttm import Turn
from ...errors import DataError
from ...files import unwritable, whole_file
from ...quantities import Seconds

_LINE = 600.0
_INCHES = 12.0
_STEPS = (1, 2, 5, 10, 15, 30, 60)
"""Seconds between the numbers on a line."""


def draw_timeline(turns: Sequence[Turn], duration: Seconds, path: str | Path, *, title: str = "") -> Path:
    """Draw turns into a picture file.

    Args:
        turns: who speaks when.
        duration: length of the recording in seconds. A recording of more than ten minutes takes several lines.
        path: name of the file, which ends in ``.png``, ``.svg`` or ``.pdf``.
        title: title of the picture.

    Raises:
        DataError: the name has another ending, or the file cannot be written.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    path = check_picture_path(path)
    names = list(dict.fromkeys(turn.speaker for turn in turns))
    lines = max(1, int(-(-duration // _LINE)))
    span = min(duration, _LINE)
    tall = 0.5 + lines * (0.45 + 0.22 * max(len(names), 1))
    figure = Figure(figsize=(_INCHES, tall), layout="constrained")
    axes = figure.subplots(lines, 1, squeeze=False)[:, 0]
    colors = colormaps["tab10"].colors if len(names) <= 10 else colormaps["tab20"].colors  # type: ignore[attr-defined]
    for number, axis in enumerate(axes):
        first = number * _LINE
        for row, name in enumerate(names):
            own = [
                (max(turn.start, first) - first, min(turn.end, first + _LINE) - max(turn.start, first))
                for turn in turns
                if turn.speaker == name and turn.start < first + _LINE and turn.end > first
            ]
            axis.broken_barh(own, (row - 0.4, 0.8), facecolors=colors[row % len(colors)])
        axis.set_xlim(0, span)
        axis.set_ylim(len(names) - 0.5, -0.5) if names else axis.set_yticks([])
        axis.set_yticks(range(len(names)), names)
        ticks = range(0, int(span) + 1, next((step for step in _STEPS if span <= 12 * step), _STEPS[-1]))
        axis.set_xticks(ticks, [_clock(first + tick) for tick in ticks])
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontsize="medium")
    with unwritable(path), whole_file(path) as partial:
        figure.savefig(partial, dpi=110, format=path.suffix.lower()[1:])
    return path


def check_picture_path(path: str | Path) -> Path:
    """``path``, if pictures can be written under this name.

    Raises:
        DataError: the name has another ending than those.
    """
    path = Path(path)
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise DataError(f"{path}: pictures are written as .png, .svg or .pdf")
    return path


def _clock(seconds: Seconds) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
