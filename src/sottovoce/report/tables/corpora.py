"""A corpus: its hours, speakers and labels, and a histogram of durations."""

from __future__ import annotations

import statistics
from collections import Counter

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sottovoce.data.corpora.summary import EDGES, Summary

BAR = 40
"""Length of the longest bar in characters."""

LABELS = ("label", "attack", "codec", "intent", "scenario", "slots")
"""Fields whose values are listed even if there are many."""

MOST = 12
"""Largest number of values of a field that are listed."""


def corpus_table(name: str, found: Summary) -> RenderableType:
    """Totals, the values of each field, and a histogram of durations.

    Args:
        name: heading of the table.
        found: the summary of the corpus.
    """
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("cuts", f"{found.cuts:,} of {found.recordings:,} recordings")
    facts.add_row("hours", f"{found.seconds / 3600:.3f}  ({found.seconds:.1f} s)")
    if found.scored is not None:
        facts.add_row("scored", f"{found.scored:.1f} s inside UEM regions")
    if found.speech is not None and found.overlap is not None:
        shared = found.overlap / found.speech if found.speech else 0.0
        facts.add_row("speech", f"{found.speech:.1f} s, {100 * shared:.1f} % of it overlapped")
    if found.speakers:
        counts = sorted(found.speakers.values())
        spread = f"{counts[0]} to {counts[-1]}, median {statistics.median(counts):g}"
        facts.add_row("speakers", f"{len(counts):,}  (cuts of each: {spread})")
    if found.genders:
        facts.add_row("gender", _values(found.genders, MOST))
    if found.texts:
        facts.add_row("text", f"{found.words:,} words, {found.vocabulary:,} different, in {found.texts:,} segments")
    for field, values in found.fields.items():
        few = len(values) <= MOST or field in LABELS
        facts.add_row(field, _values(values, MOST) if few else f"{len(values):,} different values")
    return Group(Text(name, style="bold"), facts, Text(), _histogram(found))


def _values(values: Counter[str], most: int) -> str:
    shown = ", ".join(f"{value} {count:,}" for value, count in values.most_common(most))
    return shown + (f", and {len(values) - most} more" if len(values) > most else "")


def _histogram(found: Summary) -> RenderableType:
    bins = found.histogram()
    most = max((count for _, count in bins), default=1)
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("cuts", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for start, count in bins:
        place = EDGES.index(start)
        name = f"{start} - {EDGES[place + 1]}" if place + 1 < len(EDGES) else f"{start} +"
        bar = "█" * round(BAR * count / most) or "▏" * bool(count)
        table.add_row(name, f"{count:,}", Text(bar, style="cyan"))
    lengths = found.durations
    middle = statistics.median(lengths) if lengths else 0.0
    ends = f"shortest {lengths[0]:.2f} s, median {middle:.2f} s, longest {lengths[-1]:.2f} s" if lengths else ""
    return Group(table, Text(ends, style="dim"))
