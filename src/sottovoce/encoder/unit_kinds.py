"""The kinds of unit: what each is called, how its widths are rounded, and which are pruned by default.

Another package adds a kind as a value of `UnitKind` and an entry point of the group ``sottovoce.units``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ..plugins import Registry


@dataclass(frozen=True)
class UnitKind:
    """What everything outside the network needs to know of a kind of unit.

    Args:
        noun: what one element is called.
        label: what figures and tables call the width.
        paths: patterns (as in ``fnmatch``) of the names that such units have in a shape.
        short: the label where there is room for 7 characters only; default: the label.
        all_of: what a warning calls all elements together when a plan removes them all; ``None``: no warning.
        round_to: widths are rounded to a multiple of this, which runs fast on common hardware; 1: no rounding.
        gated: whether it is pruned where a call or a recipe names no kinds. Only for kinds that come with sottovoce, so
            that installing a package changes no result.
    """

    noun: str
    label: str
    paths: tuple[str, ...]
    short: str = ""
    all_of: str | None = None
    round_to: int = 1
    gated: bool = False


_OWN = {
    "conv": UnitKind("channel", "channels", ("*channels.[0-9]*",), short="ch", round_to=8, gated=True),
    "head": UnitKind("head", "heads", ("*.heads",), all_of="heads", gated=True),
    "ffn": UnitKind("unit", "ffn", ("*.units",), all_of="FFN units", round_to=16, gated=True),
    "convolution": UnitKind(
        "channel",
        "convolution",
        ("*convolution.channels",),
        short="conv",
        all_of="convolution channels",
        round_to=16,
    ),
    "positional_group": UnitKind("group", "groups", ("*.groups",), all_of="groups"),
    "positional_tap": UnitKind("tap ring", "taps", ("*.taps.[0-9]*",)),
    "residual": UnitKind("element", "width", ("*residual",), round_to=16),
    "rank": UnitKind("rank", "rank", ("*.ranks",)),
    "joiner": UnitKind("unit", "width", ("*joiner.width",), round_to=16),
    "map": UnitKind("channel", "map channels", ("*map.inner.[0-9]*",), short="map", round_to=8),
    "attention_block": UnitKind("block", "attention", ("*attention",)),
    "ffn_block": UnitKind("block", "ffn", ("*feed_forward", "*feed_forward[0-9]")),
    "convolution_block": UnitKind("block", "convolution", ("*convolution",)),
}

KINDS: Registry[UnitKind] = Registry("unit kind", "sottovoce.units", _OWN)
"""Every kind of unit, by the name that `Unit.kind`, recipes and commands use."""

GATED = tuple(name for name, kind in _OWN.items() if kind.gated)
"""The kinds that are pruned where none is named."""


def noun_of(kind: str) -> str:
    """What one element of a kind is called; ``element`` for a kind that is not registered."""
    return KINDS[kind].noun if kind in KINDS else "element"


def rounded_kinds() -> dict[str, int]:
    """The kinds whose widths are rounded, and to which multiple."""
    return {name: kind.round_to for name, kind in KINDS.usable() if kind.round_to > 1}


def kind_at(path: str) -> str | None:
    """The kind of the unit that has its width at a path of the shape; ``None`` where it is of no registered kind.

    >>> kind_at("layers.3.attention.heads")
    'head'
    """
    for name, kind in KINDS.usable():
        if any(fnmatchcase(path, pattern) for pattern in kind.paths):
            return name
    return None


def label_at(path: str) -> str:
    """What figures call the width at a path of the shape: the label of its kind, numbered where a layer has several.

    >>> label_at("layers.3.feed_forward2.units")
    'ffn 2'
    """
    kind = kind_at(path)
    parents, _, last = path.rpartition(".")
    if kind is None:
        return last
    number = re.search(r"\D(\d+)$", parents.rpartition(".")[2])
    return f"{KINDS[kind].label} {number[1]}" if number else KINDS[kind].label
