"""Carry out a plan: slice the weights into a smaller network, and check that its outputs equal the gated one's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ..encoder.checks.finite_outputs import finite_output, float_tensors
from ..encoder.evaluation_mode import evaluating
from ..encoder.units import RESIDUAL, Declarations, Rows, collect, removed_rows, shrink
from ..errors import PlanError
from .gating.gate_hooks import GateHooks
from .gating.gates import frozen_values
from .low_rank import multiply_back, train_alike
from .planning.plans import Plan

Model = TypeVar("Model", bound=nn.Module)

TOLERANCE = 1e-9
"""Largest relative difference allowed between gated and slim network, both in float64."""


@dataclass(frozen=True)
class Equality:
    """The difference between the slim and the frozen gated network: ``max|a - b| / max|b|`` of every output, in float64."""

    outputs: tuple[float, ...]

    @property
    def worst(self) -> float:
        return max(self.outputs, default=0.0)


def slim(model: Model, plan: Plan) -> Model:
    """A smaller network with the function of ``model`` under ``plan``. ``model`` itself is not changed.

    Removed rows are sliced away, and the values of soft gates are multiplied into the weights that read them. Before the
    result is returned, its outputs are compared with those of the gated network on a probe.

    Args:
        model: an encoder, a task model, or any module that declares units and has ``shape``, ``shrunk`` and ``probe``.
        plan: what stays, from `plan`, `Plan.to_shape`, `Pruner.finish`, or `Gates.freeze`.

    Raises:
        PlanError: the plan does not fit the network, or the two networks are not equal.
        InferenceError: the network gives NaN or infinity, so that outputs cannot be compared.
    """
    return slim_and_verify(model, plan)[0]


def slim_and_verify(model: Model, plan: Plan) -> tuple[Model, Equality]:
    """`slim`, and the differences between the two networks.

    Slicing, multiplication and comparison happen on a float64 copy; the weights are rounded once, at the end.
    """
    plan.validate(model)
    twin = _copy(model)
    small = carry_out(twin, plan)
    equality = compare(twin, small, plan, model.probe())  # type: ignore[operator]
    if not equality.worst <= TOLERANCE:
        raise PlanError(
            f"the slim network differs from the gated one by {equality.worst:.1e} (allowed {TOLERANCE:.0e}); "
            "nothing was changed. Some module's units() must name a row that it does not"
        )
    like = next(model.parameters())
    small.to(device=like.device, dtype=like.dtype).train(model.training)
    train_alike(small, model)
    return small, equality


def carry_out(model: Model, plan: Plan) -> Model:
    """`slim` without the comparison. Tensors that stay whole are shared with ``model``."""
    declared = collect(model)
    root: Any = model
    shape, weights = shrink(root.shape, declared.units, plan.keep), sliced(model, declared, plan)
    multiply_back(shape, getattr(root, "original_shape", {}), weights)
    small = root.shrunk(shape).train(model.training)
    own = small.state_dict()
    # A module without any channel left is not built; its tensors are empty.
    weights = {k: w for k, w in weights.items() if k in own or (w.numel() and not _bookkeeping(k))}
    for k in [*own, *weights]:
        have, want = (tuple(d[k].shape) if k in d else None for d in (weights, own))
        if have != want:
            raise PlanError(f"{k}: sliced to {have}, but the plan's shape wants {want}: units() misses a row there")
    small.load_state_dict(weights, assign=True)  # assigned, not copied: a network may fill the memory
    like = next(model.parameters())
    return small.to(device=like.device, dtype=like.dtype)


@torch.no_grad()
def sliced(model: nn.Module, declared: Declarations, plan: Plan) -> dict[str, Tensor]:
    """The tensors of ``model`` without the removed rows, with soft gate values multiplied into the kept ones."""
    gone_blocks = {n for n, kept in plan.keep.items() if not kept and declared.units[n].contains}
    rows: dict[str, list[tuple[str, Rows]]] = {}
    for name in plan.keep:
        for r in declared.units[name].rows:
            rows.setdefault(r.parameter, []).append((name, r))
    out = {}
    for name, tensor in model.state_dict().items():
        if gone_blocks.isdisjoint(declared.containing(name)):
            out[name] = _slice(tensor, rows.get(name, []), plan).contiguous()
    return out


def _slice(tensor: Tensor, rows: list[tuple[str, Rows]], plan: Plan) -> Tensor:
    for name, r in rows:
        if r.fold and name in plan.values:
            tensor = _folded(tensor, r, plan.keep[name], plan.values[name])
    gone: dict[int, set[int]] = {}
    groups = 1
    for name, r in rows:
        gone.setdefault(r.dim, set()).update(removed_rows(r.index, plan.keep[name]))
        groups = max(groups, r.groups)
    if groups > 1:
        return _slice_grouped(tensor, gone, groups)
    for dim, numbers in gone.items():
        tensor = tensor.index_select(dim, _left(tensor.shape[dim], numbers, tensor.device))
    return tensor


def _slice_grouped(tensor: Tensor, gone: dict[int, set[int]], groups: int) -> Tensor:
    """``[O, I / groups, k]``: the groups lose different input channels, but equally many; a whole group may be removed."""
    outputs, inputs = tensor.shape[0] // groups, tensor.shape[1]
    parts = []
    for g in range(groups):
        out = _left(outputs, {r - g * outputs for r in gone.get(0, ())}, tensor.device)
        if len(out):
            into = _left(inputs, {c - g * inputs for c in gone.get(1, ())}, tensor.device)
            parts.append(tensor[g * outputs : (g + 1) * outputs][out][:, into])
    whole = torch.cat(parts) if parts else tensor[:0]
    return whole.index_select(2, _left(tensor.shape[2], gone.get(2, set()), tensor.device))


def _folded(tensor: Tensor, r: Rows, kept: list[int], values: list[float]) -> Tensor:
    factor = torch.ones(tensor.shape[r.dim], dtype=torch.float64, device=tensor.device)
    index = r.index[list(kept)]
    value = torch.tensor(values, dtype=torch.float64)[:, None].expand_as(index)
    factor[index[index >= 0].to(tensor.device)] = value[index >= 0].to(tensor.device)
    shape = [1] * tensor.dim()
    shape[r.dim] = -1
    return (tensor.double() * factor.view(shape)).to(tensor.dtype)


def _left(size: int, gone: set[int], device: torch.device) -> Tensor:
    return torch.tensor([i for i in range(size) if i not in gone], dtype=torch.long, device=device)


def _bookkeeping(name: str) -> bool:
    return name.endswith("num_batches_tracked")


@torch.no_grad()
def compare(model: nn.Module, small: nn.Module, plan: Plan, probe: dict[str, object]) -> Equality:
    """Run the network, gated by the frozen plan, and the slim one on the same input, in evaluation mode.

    Where the residual width differs, the kept dimensions are compared. ``model`` must have no gates attached.
    """
    declared = collect(model)
    kept_channels = _kept_stream(declared, plan)
    values = frozen_values(model, plan)
    attachment = GateHooks(model, [declared.units[n] for n in plan.keep], lambda: values)
    try:
        with evaluating(model, small):
            expected, got = float_tensors(model(**probe)), float_tensors(small(**probe))
        for each in (*expected, *got):
            finite_output(each, model)
    finally:
        attachment.remove()
    errors = []
    for b, a in zip(expected, got, strict=True):
        if a.shape != b.shape and kept_channels is not None:
            b = b[..., kept_channels]
        scale = b.abs().max().clamp(min=1e-30)
        errors.append(((a - b).abs().max() / scale).item())
    return Equality(tuple(errors))


def _kept_stream(declared: Declarations, plan: Plan) -> Tensor | None:
    for name, unit in declared.units.items():
        if unit.shared == RESIDUAL and name in plan.keep and unit.owns is not None:
            return unit.owns[list(plan.keep[name])].flatten().sort().values
    return None


def _copy(model: Model) -> Model:
    """A float64 copy on the CPU, without the hooks of the model."""
    root: Any = model
    twin: Any = root.shrunk(root.shape).double()
    twin.load_state_dict(model.state_dict())
    return twin.cpu().eval()
