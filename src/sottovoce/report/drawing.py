"""What remains of every layer, as an SVG that takes its colors from the page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sottovoce.report.layer_widths import LayerRow, Width

_ROW, _GAP, _BAR = 22, 6, 12
_NAME, _COUNT, _PAGE = 84, 96, 960


def drawing(rows: Sequence[LayerRow]) -> str:
    """One line a layer, one track a unit: what is kept in color, where it lay; what is gone as an empty track.

    Elements that the shape knows by number (heads, groups, residual channels) are drawn where they were; of the others
    only how many remain is known, and they fill their track from the left.
    """
    columns = max((len(row.widths) for row in rows), default=1)
    parts = []
    y = 4
    for row in rows:
        parts.append(f'<text class="name" x="0" y="{y + 10}">{row.name}</text>')
        share = (_PAGE - _NAME) / (columns if len(row.widths) > 1 else 1)
        for i, width in enumerate(row.widths):
            parts.extend(_track(width, _NAME + i * share, y, share - _COUNT - _GAP))
        y += _ROW
    head = f'<svg viewBox="0 0 {_PAGE} {y}" role="img" aria-label="What remains of every layer" class="drawing">'
    return head + "".join(parts) + "</svg>"


def _track(width: Width, x: float, y: float, length: float) -> Iterator[str]:
    yield f"<g><title>{width.path}: {width.kept} of {width.of} remain</title>"
    yield f'<rect class="gone" x="{x:.1f}" y="{y}" width="{length:.1f}" height="{_BAR}" rx="2"/>'
    scale = length / max(width.of, 1)
    cells = width.ids is not None and width.of <= 64
    gap = 1.5 if cells else 0.0
    for first, last in _runs(width.ids, width.kept, cells):
        wide = max((last - first) * scale - gap, 0.6)
        yield f'<rect class="kept" x="{x + first * scale:.2f}" y="{y}" width="{wide:.2f}" height="{_BAR}" rx="1"/>'
    label = f"{width.kept} / {width.of} {width.label}"
    gone = "" if width.kept else ' data-gone="yes"'
    yield f'<text class="count" x="{x + length + 6:.1f}" y="{y + 10}"{gone}>{label}</text></g>'


def _runs(ids: Iterable[int] | None, kept: int, cells: bool) -> Iterator[tuple[int, int]]:
    """Half-open runs of kept elements; every element on its own where they are drawn as cells."""
    if ids is None:
        if kept:
            yield 0, kept
        return
    first = last = None
    for i in ids:
        if last is not None and i == last and not cells:
            last = i + 1
            continue
        if first is not None and last is not None:
            yield first, last
        first, last = i, i + 1
    if first is not None and last is not None:
        yield first, last
