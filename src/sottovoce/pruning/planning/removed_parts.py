"""What a plan takes away altogether: whole blocks, and all heads or units of a layer; for a line that says so."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_WORDS = {
    "heads": ("all heads", "head"),
    "units": ("all FFN units", "ffn"),
    "channels": ("all convolution channels", "convolution"),
    "groups": ("all groups", "positional_group"),
}
"""The last word of a unit's name: what all of it is called, and its kind."""

_KINDS = {"attention": "attention_block", "convolution": "convolution_block"}


class RemovedPartWarning(UserWarning):
    """A plan takes away all of something."""


@dataclass(frozen=True)
class RemovedPart:
    """All of something that goes.

    Args:
        what: ``all heads``, ``the whole attention``.
        where: ``layers 0 and 3``, ``all 12 layers``.
        kind: of the units, for floors.
        path: of the first place, for protection.
    """

    what: str
    where: str
    kind: str
    path: str

    def __str__(self) -> str:
        return f"{self.what} of {self.where} {'go' if self.what.startswith('all') else 'goes'}"

    def line(self) -> str:
        """In a line, with what would keep it."""
        return f"{self}; floors {{{self.kind}: 1}}, protect [{self.path}] or a larger budget would keep some"


def removed_parts(sizes: Mapping[str, int], widths: Mapping[str, int]) -> list[RemovedPart]:
    """What goes altogether.

    Args:
        sizes: unit -> elements now.
        widths: unit -> elements that stay.
    """
    blocks = {name for name in sizes if any(other.startswith(f"{name}.") for other in sizes)}
    gone = {name for name in sizes if sizes[name] and not widths[name]}
    places: dict[tuple[str, str], dict[int, str]] = {}
    for name in sizes:
        found = re.fullmatch(r"(.+?)\.(\d+)\.(.+)", name)
        stack, number, part = found.groups() if found else ("", "-1", name)
        if name in blocks or part.rpartition(".")[2] in _WORDS:
            places.setdefault((stack, part), {})[int(number)] = name
    out = []
    for (stack, part), names in places.items():
        inside = {k for k, name in names.items() if any(name.startswith(f"{block}.") for block in gone & blocks)}
        own = sorted(k for k, name in names.items() if name in gone and k not in inside)
        what, kind = _called(part, names[next(iter(names))] in blocks)
        if own:
            where = _where(stack, part, own, len(names))
            first = names[own[0]]
            out.append(RemovedPart(what, where, kind, first if first in blocks else first.rpartition(".")[0]))
            if inside and len(own) + len(inside) == len(names):
                out.append(RemovedPart(what, _where(stack, part, sorted(names), len(names)), kind, out[-1].path))
    return out


def _called(part: str, block: bool) -> tuple[str, str]:
    if block:
        last = part.rpartition(".")[2]
        return f"the whole {last.replace('_', ' ')}", _KINDS.get(last, "ffn_block")
    return _WORDS[part.rpartition(".")[2]]


def _where(stack: str, part: str, numbers: list[int], of: int) -> str:
    if not stack:
        return f"the {part.rpartition('.')[0]} convolution"
    noun = stack.rpartition(".")[2] if stack == "layers" else stack
    if len(numbers) == of > 1:
        return f"all {of} {noun}"
    listed = ", ".join(map(str, numbers[:-1])) + " and " * (len(numbers) > 1) + str(numbers[-1])
    return f"{noun} {listed}" if len(numbers) > 1 else f"{noun.removesuffix('s')} {listed}"
