"""Widths, parameters and multiply-accumulates of a network, layer by layer."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

from torch import nn

from sottovoce.encoder.units import collect, inside
from sottovoce.pruning.costs import Cost, cost, reference_cost
from sottovoce.quantities import Seconds
from sottovoce.report.layer_rows import HEAD, LayerRow, Width, layer_widths


@dataclass(frozen=True)
class Layer:
    """A layer with its widths, parameters and multiply-accumulates."""

    name: str
    path: str
    widths: tuple[Width, ...]
    params: int
    macs: float


@dataclass(frozen=True)
class Inspection:
    """A network, layer by layer.

    Args:
        name: name of the network.
        total: the cost of the network as it is.
        original: the cost of the network before any pruning.
        layers: from input to output; their costs add up to the total.
        license: of the checkpoint that the weights come from, where it is known.
    """

    name: str
    total: Cost
    original: Cost
    layers: tuple[Layer, ...]
    license: str | None = None

    def to_dict(self) -> dict[str, object]:
        return asdict(self) | {"total": self.total.to_dict(), "original": self.original.to_dict()}


def inspect(model: nn.Module, seconds: Seconds = 8.0, name: str = "") -> Inspection:
    """Widths, parameters and multiply-accumulates of a network, layer by layer.

    Args:
        model: an encoder or task model.
        seconds: length in seconds of the utterance that MACs are counted for.
        name: name of the network, for the heading.
    """
    rows = layer_widths(*_shapes(model))
    params, macs = _by_row(model, seconds, rows)
    layers = [Layer(r.name, r.path, r.widths, params.pop(r.name, 0), macs.pop(r.name, 0.0)) for r in rows]
    # After the layers come parts without units (projection, norms, tables), then the head, then the residual width.
    rest = [Layer(each, "", (), params.get(each, 0), macs.get(each, 0.0)) for each in {**params, **macs}]
    order = sorted(layers + rest, key=_place)
    return Inspection(name, cost(model, seconds), reference_cost(model, seconds), tuple(order), _license(model))


def _license(model: nn.Module) -> str | None:
    config = getattr(model, "config", None)
    origin = getattr(getattr(config, "encoder", config), "origin", None)
    return origin.get("license") if isinstance(origin, dict) else None


def _shapes(model: nn.Module) -> tuple[dict[str, Any], dict[str, Any]]:
    """The shape of the network now and before any pruning; for a task model, the shape of its encoder plus the part `HEAD`."""
    now: Any = model.shape
    before: Any = getattr(model, "original_shape", now)
    if "encoder" not in now:
        return now, before
    return {**now["encoder"], HEAD: now.get(HEAD, {})}, {**before["encoder"], HEAD: before.get(HEAD, {})}


def _place(layer: Layer) -> int:
    """The sort key of a row: 0 for layers of the encoder, and a larger number for rows that come after them."""
    if not layer.path:
        return 1
    return {HEAD: 2, "residual": 3}.get(layer.path.split(".")[0], 0)


def _by_row(model: nn.Module, seconds: Seconds, rows: list[LayerRow]) -> tuple[dict[str, int], dict[str, float]]:
    """The parameters and the MACs of each row, by the name of the row."""
    declared = collect(model)
    timing = model.timing(seconds)  # type: ignore[operator]
    sizes = {path: parameter.numel() for path, parameter in model.named_parameters()}

    def row(path: str) -> str:
        path = path.removeprefix("encoder.")
        return next((r.name for r in rows if inside(path, r.module)), _other(path))

    params: dict[str, int] = defaultdict(int)
    macs: dict[str, float] = defaultdict(float)
    for path, size in sizes.items():
        params[row(path)] += size
    for each in declared.macs:
        size = sizes[each.parameter] if each.parameter is not None else 1
        size = declared.units[each.unit].size if each.unit is not None else size
        macs[row(each.parameter or each.unit or each.path)] += each.each * each.times(timing) * size
    return params, macs


def _other(path: str) -> str:
    """The row name for parameters that belong to no layer: their top-level component, with spaces for underscores."""
    top, _, below = path.partition(".")
    name = below.split(".")[0] if top == "frontend" and below else top
    return name.replace("_", " ") or "elsewhere"
