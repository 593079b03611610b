"""What remains of each layer of a network: one row for each layer, one entry for each unit, from the shape alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sottovoce.encoder.config import ID_LISTS
from sottovoce.encoder.unit_kinds import KINDS, label_at

from ..encoder.config import Shape

HEAD = "head"
"""The part of the shape of a task model that belongs to its head."""

_ORDER = {"frontend": 0, "positional": 1, "layers": 2}


@dataclass(frozen=True)
class Width:
    """The kept and the original width of one unit.

    Args:
        path: path of the unit in the shape, such as ``layers.3.attention.heads``.
        label: name that is shown, such as ``heads``.
        kept: number of elements now.
        of: number of elements before any pruning.
        ids: indices of the kept elements, or ``None`` where the shape does not list them.
    """

    path: str
    label: str
    kept: int
    of: int
    ids: tuple[int, ...] | None = None

    @property
    def fraction(self) -> float:
        return self.kept / self.of if self.of else 0.0


@dataclass(frozen=True)
class LayerRow:
    """One layer of the network.

    Args:
        name: name that is shown, such as ``layer 3``.
        path: path of the layer in the shape, such as ``layers.3``.
        module: path of its module in the network; all parameters below it belong to this row.
        widths: kept and original widths of its units.
    """

    name: str
    path: str
    module: str
    widths: tuple[Width, ...]


def layer_widths(shape: Shape, original: Shape) -> list[LayerRow]:
    """The layers of a network, from its input to its output.

    Args:
        shape: the shape of the network as it is.
        original: the shape before any pruning. Removed parts, which are missing in ``shape``, are present here.
    """
    rows = []
    for prefix, name in _places(original):
        now, before = _at(shape, prefix), _at(original, prefix)
        widths = (
            *_widths(now, before, prefix, prefix.rsplit(".", 1)[-1]),
            *_ranks(now, before, prefix, len(original.get("residual", ()))),
        )
        if widths:
            # The convolutions of the front end are ``frontend.channels`` in the shape, ``frontend.conv`` in the network.
            rows.append(LayerRow(name, prefix, prefix.replace("frontend.channels", "frontend.conv"), widths))
    return rows


def _places(original: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Prefix and name of every row, from the input to the output of the network (saved configs sort their keys)."""
    for key in sorted(original, key=lambda k: _ORDER.get(k, len(_ORDER))):
        value = original[key]
        if key == "frontend":
            for i in range(len((value or {}).get("channels", ()))):
                yield f"frontend.channels.{i}", f"conv {i}"
        elif key == HEAD:
            yield from ((f"{HEAD}.{inner}", f"{HEAD} {name}") for inner, name in _places(value or {}))
        elif isinstance(value, list) and key not in ID_LISTS:
            for i in range(len(value)):
                yield f"{key}.{i}", f"{key.removesuffix('s')} {i}"
        elif value is not None:
            yield key, key


def _at(shape: Any, path: str) -> Any:
    for key in path.split("."):
        if shape is None:
            return None
        shape = shape[int(key)] if isinstance(shape, list) else shape.get(key)
    return shape


def _widths(now: Any, before: Any, path: str, key: str) -> Iterator[Width]:
    if isinstance(before, dict):
        for inner, value in before.items():
            yield from _widths(None if now is None else now.get(inner), value, f"{path}.{inner}", inner)
    elif isinstance(before, list) and key not in ID_LISTS:
        for i, value in enumerate(before):
            yield from _widths(None if now is None else now[i], value, f"{path}.{i}", key)
    elif isinstance(before, list):
        kept = tuple(now or ())
        yield Width(path, label_at(path), len(kept), len(before), kept)
    elif isinstance(before, int):
        yield Width(path, label_at(path), now or 0, before)


def _ranks(now: Any, before: Any, path: str, residual: int) -> Iterator[Width]:
    """The ranks of factored linear maps. The original width of each is the largest rank that its map can have."""
    if not isinstance(now, dict):
        return
    inner = [before[key] for key in ("units", "channels") if isinstance((before or {}).get(key), int)]
    for key, value in now.items():
        if isinstance(value, dict) and isinstance(value.get("ranks"), int):
            yield Width(f"{path}.{key}.ranks", f"{key} {KINDS['rank'].label}", value["ranks"], min([residual, *inner]))
        else:
            yield from _ranks(value, (before or {}).get(key), f"{path}.{key}", residual)
