"""What remains of every layer: one picture, as SVG for the page and as PNG for a paper.

    layer 3   ████ ██ █   5 / 8 heads      ██████········ 1024 / 3072 units

One line for each layer, one track for each unit. Elements that the shape lists by index (heads, groups, residual channels)
are drawn at their original places. Of the others only how many remain is known, and they fill their track from the left.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..layer_rows import LayerRow, Width
from .training_curves import PALETTE

_ROW, _GAP, _BAR = 22, 6, 12
_NAME, _COUNT, _PAGE = 84, 96, 960
_MOST_CELLS = 64


@dataclass(frozen=True)
class Track:
    """Where one unit is drawn.

    Args:
        row: number of the layer, counted from the top.
        left: left edge of the track, in columns of the picture.
        span: width of the track in columns: one, or all columns if it is the only unit of its layer.
        columns: number of columns of the picture.
        width: kept and original width of the unit.
        runs: kept elements, as half-open ranges of their indices.
    """

    row: int
    left: int
    span: int
    columns: int
    width: Width
    runs: tuple[tuple[int, int], ...]

    @property
    def text(self) -> str:
        """``5 / 8 heads``."""
        return f"{self.width.kept} / {self.width.of} {self.width.label}"

    @property
    def cells(self) -> bool:
        """Whether each element is drawn as a separate cell."""
        return _are_cells(self.width)


def tracks(rows: Sequence[LayerRow]) -> list[Track]:
    """The tracks of all layers, from the first layer to the last."""
    columns = max((len(row.widths) for row in rows), default=1)
    return [
        Track(number, left, 1 if len(row.widths) > 1 else columns, columns, width, tuple(_runs(width)))
        for number, row in enumerate(rows)
        for left, width in enumerate(row.widths)
    ]


def layers_svg(rows: Sequence[LayerRow]) -> str:
    """An SVG that takes its colors from the page."""
    names = [f'<text class="name" x="0" y="{14 + i * _ROW}">{row.name}</text>' for i, row in enumerate(rows)]
    head = (
        f'<svg viewBox="0 0 {_PAGE} {4 + _ROW * len(rows)}" role="img" aria-label="What remains of every layer"'
        ' class="drawing">'
    )
    return head + "".join([*names, *(part for track in tracks(rows) for part in _svg_track(track))]) + "</svg>"


def _svg_track(track: Track) -> Iterator[str]:
    column = (_PAGE - _NAME) / track.columns
    x, y, width = _NAME + track.left * column, 4 + track.row * _ROW, track.width
    length = track.span * column - _COUNT - _GAP
    yield f"<g><title>{width.path}: {width.kept} of {width.of} remain</title>"
    yield f'<rect class="gone" x="{x:.1f}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2"/>'
    scale = length / max(width.of, 1)
    gap = 1.5 if track.cells else 0.0
    for first, last in track.runs:
        wide = max((last - first) * scale - gap, 0.6)
        yield f'<rect class="kept" x="{x + first * scale:.2f}" y="{y}" width="{wide:.2f}" height="{_BAR}" rx="1"/>'
    gone = "" if width.kept else ' data-gone="yes"'
    yield f'<text class="count" x="{x + length + 6:.1f}" y="{y + 10}"{gone}>{track.text}</text></g>'


def layers_png(rows: Sequence[LayerRow]) -> bytes:
    """The picture as the bytes of a PNG, for papers and slides."""
    from matplotlib.figure import Figure

    all_tracks = tracks(rows)
    columns = max((track.columns for track in all_tracks), default=1)
    sheet = Figure(figsize=(2.4 * columns + 2.4, 0.22 * max(len(rows), 1) + 0.6), layout="constrained")
    axes = sheet.add_subplot()
    for track in all_tracks:
        length = 0.7 * track.span
        scale = length / max(track.width.of, 1)
        axes.barh(track.row, length, left=track.left, height=0.62, color="#e3e5e8")
        places = [(track.left + first * scale, (last - first) * scale) for first, last in track.runs]
        axes.broken_barh(places, (track.row - 0.31, 0.62), color=PALETTE[0], linewidth=0)
        axes.text(track.left + length + 0.02, track.row, track.text, va="center", fontsize=6)
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=7)
    axes.set_xlim(0, columns)
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    file = io.BytesIO()
    sheet.savefig(file, format="png", dpi=200)
    return file.getvalue()


def _are_cells(width: Width) -> bool:
    return width.ids is not None and width.of <= _MOST_CELLS


def _runs(width: Width) -> Iterator[tuple[int, int]]:
    """Half-open ranges of kept elements; one range for each element if they are drawn as cells."""
    ids: Iterable[int] = range(width.kept) if width.ids is None else width.ids
    first = last = None
    for i in ids:
        if last is not None and i == last and not _are_cells(width):
            last = i + 1
            continue
        if first is not None and last is not None:
            yield first, last
        first, last = i, i + 1
    if first is not None and last is not None:
        yield first, last
