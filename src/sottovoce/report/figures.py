"""Pictures as PNG, for papers and slides."""

from __future__ import annotations

import io
from collections.abc import Sequence

from sottovoce.report.layer_widths import LayerRow
from sottovoce.report.plots import PALETTE


def layers(rows: Sequence[LayerRow]) -> bytes:
    """What remains of every layer: one line a layer, one track a unit."""
    from matplotlib.figure import Figure

    columns = max((len(row.widths) for row in rows), default=1)
    sheet = Figure(figsize=(2.4 * columns + 2.4, 0.22 * max(len(rows), 1) + 0.6), layout="constrained")
    axes = sheet.add_subplot()
    for y, row in enumerate(rows):
        share = columns / len(row.widths) if len(row.widths) == 1 else 1.0
        for i, width in enumerate(row.widths):
            axes.barh(y, 0.7 * share, left=i, height=0.62, color="#e3e5e8")
            scale = 0.7 * share / max(width.of, 1)
            places = range(width.kept) if width.ids is None else width.ids
            axes.broken_barh([(i + p * scale, scale) for p in places], (y - 0.31, 0.62), color=PALETTE[0], linewidth=0)
            axes.text(i + 0.7 * share + 0.02, y, f"{width.kept}/{width.of} {width.label}", va="center", fontsize=6)
    axes.set_yticks(range(len(rows)), [row.name for row in rows], fontsize=7)
    axes.set_xlim(0, columns)
    axes.invert_yaxis()
    axes.set_xticks([])
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    file = io.BytesIO()
    sheet.savefig(file, format="png", dpi=200)
    return file.getvalue()
