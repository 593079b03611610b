"""Multipliers on a network from outside: hooks at the places that its units declare, which can be removed again.

gate site    the channels of a module's output are multiplied by the value of the element they belong to
norm         takes its statistics over the kept channels only and sets the others to zero, as the norm of the smaller
             network will (without this, a gated network and its pruned form differ by 4-55 %)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from ...encoder.layers.norms import at_least_float32
from ...encoder.units import Unit

Values = dict[str, Tensor]
"""Unit name -> multiplier of each element ``[size]``; 0 for a removed one."""

Hook = Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]
"""A forward hook: module, inputs and output to a new output."""

_ATTACHED: WeakKeyDictionary[nn.Module, GateHooks] = WeakKeyDictionary()


class GateHooks:
    """Hooks on ``model`` that multiply by what ``values()`` returns, until `remove`.

    Args:
        model: the network.
        units: the units to gate, as `collect` gives them.
        values: returns the multipliers of this forward pass; called at every gated module.

    Raises:
        RuntimeError: hooks are attached to the model already.
    """

    def __init__(self, model: nn.Module, units: Iterable[Unit], values: Callable[[], Values]):
        if model in _ATTACHED:
            raise RuntimeError("gates are attached to this model already; detach them first")
        self.model, self.values = model, values
        gates: dict[str, list[tuple[str, Tensor]]] = {}
        norms: dict[str, list[tuple[str, Tensor]]] = {}
        for unit in units:
            for site in unit.gates:
                gates.setdefault(site.module, []).append((unit.name, site.index))
            for site in unit.norms:
                norms.setdefault(site.module, []).append((unit.name, site.index))
        modules = dict(model.named_modules())
        self._handles = [
            modules[path].register_forward_hook(self._hook(gates.get(path, ()), norms.get(path, ())))
            for path in sorted({*gates, *norms})
        ]
        _ATTACHED[model] = self

    def remove(self) -> None:
        """Take the hooks off the network."""
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if _ATTACHED.get(self.model) is self:
            del _ATTACHED[self.model]

    def _hook(self, gates: Iterable[tuple[str, Tensor]], norms: Iterable[tuple[str, Tensor]]) -> Hook:
        gate, norm = _Spread(gates), _Spread(norms)

        def hook(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
            values = self.values()
            if norm:
                kept = norm({name: (values[name] != 0).to(output.dtype) for name in norm.names}, output)
                if not bool(kept.all()):
                    output = kept_layer_norm(module, inputs[0], kept).to(output.dtype)
            if gate:
                output = output * gate(values, output).to(output.dtype)
            return output

        return hook


def kept_layer_norm(norm: nn.Module, x: Tensor, kept: Tensor) -> Tensor:
    """LayerNorm of ``x [..., C]`` as if it had only the channels with ``kept [C] == 1``; the others become 0."""
    wide = at_least_float32(x)
    kept = kept.to(wide.dtype)
    count = kept.sum().clamp(min=1)
    centered = (wide - (wide * kept).sum(-1, keepdim=True) / count) * kept
    y = centered * torch.rsqrt(centered.square().sum(-1, keepdim=True) / count + norm.eps)  # type: ignore[operator]
    if norm.weight is None:
        return y
    return (y * norm.weight + norm.bias) * kept  # type: ignore[operator]


class _Spread:
    """Multipliers of elements spread over channels: at each channel the product over all units that own it."""

    def __init__(self, parts: Iterable[tuple[str, Tensor]]):
        self.parts = list(parts)
        self.names = [name for name, _ in self.parts]
        self._owners: dict[tuple[int, torch.device, int], Tensor] = {}

    def __bool__(self) -> bool:
        return bool(self.parts)

    def __call__(self, values: Values, like: Tensor) -> Tensor:
        channels = like.shape[-1]
        product: Tensor | None = None
        for i, (name, index) in enumerate(self.parts):
            value = values[name]
            padded = torch.cat([value, value.new_ones(1)])
            spread = padded[self._owner(i, index, len(value), channels, value.device)]
            product = spread if product is None else product * spread
        assert product is not None
        return product

    def _owner(self, i: int, index: Tensor, size: int, channels: int, device: torch.device) -> Tensor:
        """The element that owns each channel ``[C]``; ``size`` where none does."""
        key = (i, device, channels)
        if key not in self._owners:
            owner = torch.full((channels,), size)
            element = torch.arange(index.shape[0])[:, None].expand_as(index)
            inside = index >= 0
            owner[index[inside]] = element[inside]
            self._owners[key] = owner.to(device)
        return self._owners[key]
