"""One-shot pruning: score, plan, slim, in one call and without training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar, get_args

import torch
from torch import Tensor, nn

from ..encoder.layers.frame_masks import frame_mask
from ..encoder.unit_kinds import GATED
from ..errors import PlanError
from ..text.suggestions import did_you_mean
from ..text.yaml_text import read_text, yaml_value
from .budget import Budget
from .importance import activation, magnitude, run, taylor
from .planning.plans import Plan, plan
from .planning.scores import Scores
from .slimming import Equality, slim_and_verify

Model = TypeVar("Model", bound=nn.Module)
Method = Literal["magnitude", "activation", "taylor"]
METHODS: tuple[str, ...] = get_args(Method)


@dataclass(frozen=True)
class Pruned(Generic[Model]):
    """The smaller model, the plan that led to it, and how equal it is to the gated model."""

    model: Model
    plan: Plan
    equality: Equality


def prune(
    model: Model,
    budget: Budget | None = None,
    *,
    shape: Mapping[str, Sequence[int] | int] | None = None,
    method: Method = "magnitude",
    batches: Iterable[object] = (),
    kinds: Iterable[str] = GATED,
    round_to: int | Mapping[str, int] | None = None,
    protect: Iterable[str] = (),
    floors: Mapping[str, int] | None = None,
) -> Pruned[Model]:
    """Remove the least important elements, down to a budget or to an explicit shape. ``model`` is not changed.

    Args:
        model: an encoder or task model, dense or already slim.
        budget: what the result may cost. Give either this or ``shape``.
        shape: the widths of the result, see `Plan.to_shape`.
        method: how elements are scored: by `magnitude`, by `activation`, or by `taylor` with the loss `sensitivity`.
        batches: mappings with ``waveform`` ``[B, S]`` and ``lengths`` ``[B]`` in samples, for ``activation`` and ``taylor``.
        kinds: the kinds of unit that may shrink.
        round_to, protect, floors: see `plan`.

    Raises:
        PlanError: neither or both of budget and shape are given, a method that needs audio has none, or the shape does not
            fit the network.
        BudgetError: the budget cannot be met.
    """
    if (budget is None) == (shape is None):
        raise PlanError("pruning needs a budget or a shape: give one of them")
    scores = _scores(model, method, batches, kinds)
    if budget is not None:
        chosen = plan(model, budget, scores, round_to=round_to, protect=protect, floors=floors)
    else:
        assert shape is not None
        chosen = Plan.to_shape(model, shape, scores)
    small, equality = slim_and_verify(model, chosen)
    return Pruned(small, chosen, equality)


def _scores(model: nn.Module, method: str, batches: Iterable[object], kinds: Iterable[str]) -> Scores:
    if method not in METHODS:
        raise PlanError(f"method {method!r} is unknown; {did_you_mean(str(method), METHODS)}")
    if method == "magnitude":
        return magnitude(model, kinds)
    if method == "activation":
        return activation(model, batches, kinds)
    return taylor(model, sensitivity, batches, kinds)


def sensitivity(model: nn.Module, batch: object) -> Tensor:
    """A loss for Taylor scores without labels: hidden states and output of the head, normalized, projected on random signs.

    Averaged over the signs, the gradient of such a projection with respect to a gate has the norm of the change that the
    gate causes. (Distillation from the network itself cannot be used, because its gradient is zero there.)
    """
    device = next(model.parameters()).device
    output: Any = run(model, batch)
    signs = torch.Generator().manual_seed(0)
    total = torch.zeros((), device=device)
    parts = [(state, output.lengths) for state in output.hidden_states]
    if (head_output := output.get("output")) is not None:
        parts.append((head_output, output.output_lengths if head_output.dim() > 2 else None))
    for state, lengths in parts:
        valid = state if lengths is None else state[frame_mask(lengths, state.shape[1])]
        sign = (torch.randint(2, valid.shape, generator=signs) * 2 - 1).to(valid)
        total = total + (valid * sign).sum() / (valid.detach().square().sum() + 1e-12).sqrt()
    return total


def read_shape(path: str | Path) -> dict[str, list[int] | int]:
    """Widths for `Plan.to_shape` from a YAML or JSON file: ``conv: [90, 161, ...]``, ``layers.3.attention.heads: 4``.

    Raises:
        PlanError: there is no such file, or it holds no widths.
    """
    try:
        found = yaml_value(read_text(path, PlanError))
    except PlanError:
        raise
    except ValueError as error:
        raise PlanError(f"{path}: neither YAML nor JSON ({error})") from None
    if not isinstance(found, dict) or not found or not all(isinstance(v, int | list) for v in found.values()):
        raise PlanError(f"{path}: holds no widths; write a line for each kind, such as 'head: [2, 3, 3]'")
    return {str(key): value for key, value in found.items()}
