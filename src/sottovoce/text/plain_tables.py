"""Tables of plain text."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def text_table(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> str:
    """Rows as lines with aligned columns, two spaces apart.

    Args:
        rows: the cells of each line, headings first; all of one length.
        right: indices of the columns that are aligned to the right, as numbers are.

    >>> print(text_table([["unit", "stays"], ["heads", "3"], ["taps", "128"]], right={1}))
    unit   stays
    heads      3
    taps     128
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            cell.rjust(w) if i in right else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
