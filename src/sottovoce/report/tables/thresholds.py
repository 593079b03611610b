"""The error rates of diarization at each clustering threshold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.table import Table

if TYPE_CHECKING:
    from ...metrics.diarization import DiarizationScore


def threshold_table(scores: Mapping[float, DiarizationScore], best: float) -> Table:
    """One row for each threshold, the best in bold.

    Args:
        scores: the error rates at each threshold.
        best: the threshold that is recommended.
    """
    table = Table("threshold", "DER %", "miss", "false alarm", "confusion", title=str(scores[best].protocol))
    for threshold, score in scores.items():
        numbers = (score.der, score.miss, score.false_alarm, score.confusion)
        style = "bold" if threshold == best else None
        table.add_row(f"{threshold:.2f}", *(f"{100 * number:.2f}" for number in numbers), style=style)
    return table
