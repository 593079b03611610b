"""The detection error trade-off of several models in one picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from sottovoce.metrics.detection.error_tradeoff import DET, probit
from sottovoce.report.pictures.training_curves import PALETTE

TICKS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95)


def det_picture(curves: Mapping[str, DET]) -> bytes:
    """A PNG: misses over false alarms on normal-deviate axes, and the line on which they are equal.

    Args:
        curves: the DET curve of each model, by the name of the model.
    """
    from matplotlib.figure import Figure

    sheet = Figure(figsize=(4.6, 4.6), layout="constrained")
    axes = sheet.add_subplot()
    least = 0.5 * _least(list(curves.values()))
    ends = probit([least, 0.95], least)
    axes.plot(ends, ends, color="#b9bdc3", linewidth=0.8)
    for number, (name, curve) in enumerate(curves.items()):
        x, y = (probit(rates, least) for rates in (curve.false_alarm, curve.miss))
        axes.plot(x, y, color=PALETTE[number % len(PALETTE)], label=name)
    ticks = [tick for tick in TICKS if tick >= least]
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(probit(ticks, least), [f"{100 * tick:g}" for tick in ticks], fontsize=7)
    axes.set_xlim(*ends)
    axes.set_ylim(*ends)
    axes.set_aspect("equal")
    axes.set_xlabel("false alarms (%)", fontsize=8)
    axes.set_ylabel("misses (%)", fontsize=8)
    axes.grid(alpha=0.2)
    axes.legend(fontsize=8, frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    file = io.BytesIO()
    sheet.savefig(file, format="png", dpi=150)
    return file.getvalue()


def _least(curves: Sequence[DET]) -> float:
    """The smallest rate above 0 of any curve, limited to the range that is drawn."""
    found = [rate for curve in curves for rates in (curve.miss, curve.false_alarm) for rate in rates if rate > 0]
    return float(min(max(min(found, default=0.01), 1e-4), 0.02))
