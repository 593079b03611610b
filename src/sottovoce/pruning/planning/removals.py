"""Parts that a plan removes completely: blocks, and all heads or FFN units of a layer; as lines to print."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...encoder.unit_kinds import KINDS, kind_at


class RemovedPartWarning(UserWarning):
    """A plan removes a whole block, or all heads or FFN units of a layer."""


@dataclass(frozen=True)
class RemovedPart:
    """A part that is removed completely.

    Args:
        what: ``all heads``, ``the whole attention``.
        where: ``layers 0 and 3``, ``all 12 layers``.
        kind: the kind of unit; the line suggests a floor for it that would keep some elements.
        path: the path of the first such part; the line suggests to protect it.
    """

    what: str
    where: str
    kind: str
    path: str

    def __str__(self) -> str:
        return f"{self.what} of {self.where} {'are' if self.what.startswith('all') else 'is'} removed"

    def line(self) -> str:
        """One line that also says what would keep the part."""
        return f"{self}; floors {{{self.kind}: 1}}, protect [{self.path}] or a larger budget would keep some"


def removed_parts(sizes: Mapping[str, int], widths: Mapping[str, int]) -> list[RemovedPart]:
    """The parts that are removed completely.

    Args:
        sizes: unit -> its number of elements now.
        widths: unit -> its number of kept elements.
    """
    blocks = {name for name in sizes if any(other.startswith(f"{name}.") for other in sizes)}
    gone = {name for name in sizes if sizes[name] and not widths[name]}
    places: dict[tuple[str, str], dict[int, str]] = {}
    for name in sizes:
        found = re.fullmatch(r"(.+?)\.(\d+)\.(.+)", name)
        stack, number, part = found.groups() if found else ("", "-1", name)
        if name in blocks or _all_of(name):
            places.setdefault((stack, part), {})[int(number)] = name
    out = []
    for (stack, part), names in places.items():
        inside = {k for k, name in names.items() if any(name.startswith(f"{block}.") for block in gone & blocks)}
        own = sorted(k for k, name in names.items() if name in gone and k not in inside)
        name = names[next(iter(names))]
        what = f"the whole {_last_word(name)}" if name in blocks else f"all {_all_of(name)}"
        kind = kind_at(name) or name
        if own:
            where = _where(stack, part, own, len(names))
            first = names[own[0]]
            out.append(RemovedPart(what, where, kind, first if first in blocks else first.rpartition(".")[0]))
            if inside and len(own) + len(inside) == len(names):
                out.append(RemovedPart(what, _where(stack, part, sorted(names), len(names)), kind, out[-1].path))
    return out


def _last_word(name: str) -> str:
    return name.rpartition(".")[2].replace("_", " ")


def _all_of(name: str) -> str | None:
    """What all elements of a unit are called; ``None`` where removing them all causes no warning."""
    kind = kind_at(name)
    return None if kind is None else KINDS[kind].all_of


def _where(stack: str, part: str, numbers: list[int], of: int) -> str:
    if not stack:
        owner = part.rpartition(".")[0] or part
        return f"the {owner} convolution" if owner.endswith("positional") else owner
    noun = stack.rpartition(".")[2] if stack == "layers" else stack
    if len(numbers) == of > 1:
        return f"all {of} {noun}"
    listed = ", ".join(map(str, numbers[:-1])) + " and " * (len(numbers) > 1) + str(numbers[-1])
    return f"{noun} {listed}" if len(numbers) > 1 else f"{noun.removesuffix('s')} {listed}"
