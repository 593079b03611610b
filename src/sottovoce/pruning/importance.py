"""Scores without training: how important each element of a network seems by its weights, activations or a loss.

    magnitude    squared norm of the weights that produce or read an element          no data
    activation   mean energy of an element times squared norm of weights reading it   audio
    taylor       |d loss / d gate| with every gate open (Molchanov et al. 2019)       audio and a loss

Energies and norms of different units have no common scale, because a normalization between two layers makes the scale of
either arbitrary. The first two are therefore made relative within each unit, see `relative`. Derivatives of one loss do
have a common scale.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from transformers.utils import ModelOutput

from ..encoder.evaluation_mode import evaluating
from ..encoder.unit_kinds import GATED
from ..encoder.units import Declarations, Rows, Unit, collect
from ..errors import PlanError
from .gating.gate_hooks import GateHooks
from .planning.scores import Scores, relative

Batch = TypeVar("Batch")


def magnitude(model: nn.Module, kinds: Iterable[str] = GATED) -> Scores:
    """Squared norm of the weights that produce or read an element, relative within its unit. Biases and norms do not count.

    Args:
        model: any module whose parts declare units.
        kinds: the kinds of unit that are scored.

    Raises:
        PlanError: the network has no unit of these kinds.
    """
    declared = collect(model)
    chosen = _chosen(declared, kinds)
    weights = {n: p.detach() for n, p in model.named_parameters() if p.dim() > 1}
    values = {}
    for name, unit in chosen.items():
        if unit.contains:
            inside = [w for n, w in weights.items() if name in declared.containing(n)]
            values[name] = sum((w.double().square().sum() for w in inside), torch.zeros((), dtype=torch.float64))[None]
        else:
            values[name] = _row_energy(unit.size, unit.rows, weights)
    return relative(values, _pools(chosen))


def activation(
    model: nn.Module,
    batches: Iterable[Batch],
    kinds: Iterable[str] = GATED,
    *,
    forward: Callable[[nn.Module, Batch], object] | None = None,
) -> Scores:
    """Mean energy of an element's activation times the squared norm of the weights that read it, relative within its unit.

    Args:
        model: the network; it runs in evaluation mode.
        batches: waveforms ``[B, S]``, or mappings with ``waveform`` ``[B, S]`` and ``lengths`` ``[B]`` in samples. All frames
            count alike, those of padding too.
        kinds: the kinds of unit that are scored.
        forward: runs the network on a batch; needed for batches of any other form.

    Raises:
        PlanError: the network has no unit of these kinds, or there is no batch.
    """
    chosen = _chosen(collect(model), kinds)
    weights = {n: p.detach() for n, p in model.named_parameters() if p.dim() > 1}
    energy: dict[str, Tensor] = {}  # module -> sum of squares of each channel of its output
    count: dict[str, int] = {}

    def energy_hook(path: str) -> Callable[..., None]:
        def add_energy(_: nn.Module, __: Any, output: Tensor) -> None:
            squares = output.detach().double().square().flatten(0, -2)
            energy[path] = energy.get(path, 0) + squares.sum(0)
            count[path] = count.get(path, 0) + len(squares)

        return add_energy

    paths = {site.module for unit in chosen.values() for site in unit.gates}
    handles = [model.get_submodule(path).register_forward_hook(energy_hook(path)) for path in sorted(paths)]
    try:
        with evaluating(model), torch.no_grad():
            for batch in batches:
                (forward or run)(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    if not energy:
        raise PlanError("activation scores need audio, but there is no batch; give at least one")
    values = {}
    for name, unit in chosen.items():
        means = [_gathered(energy[s.module] / count[s.module], s.index) for s in unit.gates if s.module in energy]
        own = torch.stack(means).sum(0) if means else torch.zeros(unit.size, dtype=torch.float64)
        read = _row_energy(unit.size, unit.consumers, weights)
        values[name] = own * read if not unit.contains and bool(read.any()) else own
    return relative(values, _pools(chosen))


def taylor(
    model: nn.Module,
    loss: Callable[[nn.Module, Batch], Tensor],
    batches: Iterable[Batch],
    kinds: Iterable[str] = GATED,
) -> Scores:
    """First-order estimate of how much the loss changes when an element is removed: ``|d loss / d gate|`` at an open gate.

    This is the absolute value of the sum of activation times gradient over all places where the gate acts, averaged over
    the batches (Molchanov et al. 2019).

    Args:
        model: the network; it runs in evaluation mode.
        loss: a function from the network and a batch to a scalar.
        batches: batches in the form that ``loss`` takes.
        kinds: the kinds of unit that are scored.

    Raises:
        PlanError: the network has no unit of these kinds, there is no batch, or a loss is not finite.
    """
    chosen = _chosen(collect(model), kinds)
    like = next(model.parameters())
    gates = {n: torch.ones(u.size, device=like.device, dtype=like.dtype, requires_grad=True) for n, u in chosen.items()}
    totals = {n: torch.zeros(u.size, dtype=torch.float64) for n, u in chosen.items()}
    steps = 0
    attachment = GateHooks(model, chosen.values(), lambda: gates)
    try:
        with evaluating(model), torch.enable_grad():
            for batch in batches:
                value = loss(model, batch)
                if not bool(torch.isfinite(value)):
                    raise PlanError(f"the loss of batch {steps} is {value.item()}; scores cannot be taken from it")
                found = torch.autograd.grad(value, list(gates.values()), allow_unused=True)
                for name, gradient in zip(gates, found, strict=True):
                    if gradient is not None:
                        totals[name] += gradient.double().abs().cpu()
                steps += 1
    finally:
        attachment.remove()
    if not steps:
        raise PlanError("Taylor scores need data, but there is no batch; give at least one")
    return Scores({name: total / steps for name, total in totals.items()}, per_cost=1)


# ---------------------------------------------------------------------------------------------------------------------


def _chosen(declared: Declarations, kinds: Iterable[str]) -> dict[str, Unit]:
    kinds = tuple(kinds)
    chosen = {n: u for n, u in declared.units.items() if u.kind in kinds and u.size}
    if not chosen:
        known = sorted({u.kind for u in declared.units.values()})
        raise PlanError(f"no unit of kind {', '.join(kinds)}; this network has {', '.join(known) or 'none'}")
    return chosen


def _pools(units: Mapping[str, Unit]) -> list[list[str]]:
    """All blocks of one kind are compared with one another, because each is the only element of its own unit."""
    kinds = {u.kind for u in units.values() if u.contains}
    return [[n for n, u in units.items() if u.kind == kind] for kind in sorted(kinds)]


def _row_energy(size: int, all_rows: Iterable[Rows], weights: Mapping[str, Tensor]) -> Tensor:
    """Sum of squares of the rows of each element ``[size]``."""
    total = torch.zeros(size, dtype=torch.float64)
    for rows in all_rows:
        if rows.parameter not in weights:
            continue
        squares = weights[rows.parameter].double().square()
        if rows.groups > 1:  # [O, I / groups, k]: the input channels of one group after those of another
            per_row = squares.unflatten(0, (rows.groups, -1)).sum((1, *range(3, squares.dim() + 1))).flatten()
        else:
            per_row = squares.sum([d for d in range(squares.dim()) if d != rows.dim])
        total += _gathered(per_row, rows.index)
    return total


def _gathered(values: Tensor, index: Tensor) -> Tensor:
    """Sum of ``values`` over the rows or channels of each element ``[size]``; the index -1 stands for none."""
    padded = torch.cat([values.cpu(), values.new_zeros(1).cpu()])
    return padded[index.cpu()].sum(1)


def run(model: nn.Module, batch: object) -> ModelOutput:
    """Run a network on waveforms. Other inputs that its head needs are those of `Head.probe`, so that all parts run."""
    device = next(model.parameters()).device
    if isinstance(batch, Tensor):
        return model(batch.to(device))
    if not isinstance(batch, Mapping):
        raise TypeError(f"a batch is a waveform or a dictionary, not {type(batch).__name__}; give another `forward`")
    lengths, waveform = batch.get("lengths"), batch["waveform"].to(device)
    probe = getattr(getattr(model, "head", None), "probe", None)
    further = {} if probe is None else {name: each.to(device) for name, each in probe(len(waveform)).items()}
    return model(waveform, None if lengths is None else lengths.to(device), **further)
