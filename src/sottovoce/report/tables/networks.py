"""A network as a table of bars: what remains of each layer, and what it costs."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ...encoder.unit_kinds import KINDS, kind_at
from ...pruning.costs import human
from ..inspection import Inspection, Layer
from ..layer_rows import Width
from ..numbers import percent

KEPT, GONE = "cyan", "bright_black"

_LABEL, _COUNT = 7, 5
_WORDS = _LABEL + 1 + _COUNT  # characters of one unit without its bar
_SHORTEST, _LONGEST = 5, 24  # lengths of a bar in characters
_BESIDE = 42  # characters of the columns layer, params and share of MACs, with their gaps


def network_table(inspection: Inspection, columns: int = 100) -> RenderableType:
    """A network as bars: one row for each layer with a bar for each unit, its parameters and its MACs.

    Args:
        inspection: the network, from `inspect`.
        columns: width of the terminal in characters, to which the bars are scaled.
    """
    total, original = inspection.total, inspection.original
    license = f"  license: {inspection.license}" if inspection.license else ""
    head = Text.assemble((inspection.name or "network", "bold"), f"  {total}{license}")
    if original.params != total.params:
        kept = f"{percent(total.params / original.params)} of the parameters"
        head.append(f"\n{kept} and {percent(total.macs / original.macs)} of the MACs of the original remain", KEPT)
    macs = f"MACs at {total.seconds:g} s"
    room = columns - _BESIDE - len(macs)
    most = max((len(layer.widths) for layer in inspection.layers), default=1)
    abreast = max(1, min(most, room // (_WORDS + _SHORTEST)))
    bar = max(_SHORTEST, min(_LONGEST, room // abreast - _WORDS))
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("layer", no_wrap=True)
    table.add_column("units", no_wrap=True)
    for column in ("params", macs):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("share of MACs", no_wrap=True)
    largest = max((layer.macs for layer in inspection.layers), default=1) or 1
    for layer in inspection.layers:
        table.add_row(
            layer.name,
            _units(layer, bar, abreast),
            human(layer.params),
            human(layer.macs),
            _bar(layer.macs / largest, 6) + Text(f" {percent(layer.macs / max(total.macs, 1)):>6}", style="dim"),
        )
    return Group(head, Text(), table)


def _units(layer: Layer, bar: int, abreast: int) -> Text:
    text = Text()
    for i, width in enumerate(layer.widths):
        text.append("\n" if i and i % abreast == 0 else "")
        text.append(f"{_short(width):<{_LABEL}}")
        text.append_text(_bar(width.fraction, bar))
        text.append(f" {width.kept:<{_COUNT}}", "" if width.kept else "red")
    return text


def _short(width: Width) -> str:
    kind = kind_at(width.path)
    return (KINDS[kind].short if kind is not None else "") or width.label


def _bar(fraction: float, length: int) -> Text:
    """A bar with a resolution of an eighth of a character; the removed part is a dotted line."""
    eighths = round(fraction * length * 8)
    if fraction > 0:
        eighths = max(eighths, 1)
    full, part = divmod(eighths, 8)
    done = "█" * full + ("▏▎▍▌▋▊▉"[part - 1] if part else "")
    return Text.assemble((done, KEPT), ("·" * (length - len(done)), GONE))
