"""Linear maps as products of two factors, and back: W = U diag(z) V from the singular values, with gates z (2502.05837)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ..encoder.config import Shape
from ..encoder.layers.low_rank import LowRankLinear, factored_paths, pays
from ..errors import PlanError
from .importance import Batch

Model = TypeVar("Model", bound=nn.Module)

LINEARS = (
    "*layers.*.attention.[qkv]",
    "*layers.*.attention.out",
    "*layers.*.attention.position.project",
    "*layers.*.feed_forward*.up",
    "*layers.*.feed_forward*.down",
    "*layers.*.convolution.expand",
    "*layers.*.convolution.project",
)
"""The matrices of Transformer and Conformer layers."""


@torch.no_grad()
def factorize(
    model: Model,
    linears: Iterable[str] = LINEARS,
    *,
    ranks: float | None = None,
    moments: Mapping[str, Tensor] | None = None,
) -> Model:
    """A network with the same function in which the chosen linear maps are products of two. ``model`` is not changed.

    The ranks of each map are a unit of kind ``rank``, ordered from the largest singular value to the smallest. They can be
    gated, counted, planned and slimmed like any other unit. With all ranks the network costs more than before; slimming
    multiplies the factors of a map back wherever they are not smaller than the map.

    Args:
        model: an encoder, a task model, or any module with ``shape`` and ``shrunk``.
        linears: patterns of module paths, such as ``layers.*.feed_forward.up``.
        ranks: fraction of the ranks that is kept, in (0, 1]; ``None`` for all.
        moments: second moments of the inputs, from `input_moments`. Ranks are then ordered by the singular values of
            ``W C^(1/2)``, where ``C`` is the second moment of the inputs of the map.

    Raises:
        PlanError: a pattern matches no linear map, or ``ranks`` is out of bounds.
    """
    shape = factored_shape(model, linears, ranks)
    weights = {name: tensor for name, tensor in model.state_dict().items()}
    for path in chosen_linears(model, linears):
        linear: Any = model.get_submodule(path)
        moment = None if moments is None else moments.get(path)
        up, down = factors(linear.weight, moment)
        kept = _entry(shape, path)["ranks"]
        weights |= {f"{path}.up.weight": up[:, :kept].contiguous(), f"{path}.down.weight": down[:kept].contiguous()}
        del weights[f"{path}.weight"]
        if linear.bias is not None:
            weights[f"{path}.up.bias"] = weights.pop(f"{path}.bias")
    return _filled(model, shape, weights)


def factored_shape(model: nn.Module, linears: Iterable[str] = LINEARS, ranks: float | None = None) -> Shape:
    """The shape of the network that `factorize` returns, with the same arguments and errors."""
    if ranks is not None and not 0 < ranks <= 1:
        raise PlanError(f"ranks: {ranks} is not a fraction of the ranks; give a number above 0 and at most 1")
    root: Any = model
    shape = copy.deepcopy(root.shape)
    for path in chosen_linears(model, linears):
        most = min(model.get_parameter(f"{path}.weight").shape)
        kept = most if ranks is None else max(round(ranks * most), 1)
        _entry(shape, path)["ranks"] = kept
    return shape


def multiplied_back(model: Model) -> Model:
    """``model`` with its factors multiplied wherever the product has no more weights; ``model`` itself if nothing changes."""
    root: Any = model
    shape, weights = copy.deepcopy(root.shape), dict(model.state_dict())
    multiply_back(shape, root.original_shape, weights)
    return model if shape == root.shape else _filled(model, shape, weights)


@torch.no_grad()
def multiply_back(shape: Shape, original: Shape, weights: dict[str, Tensor]) -> None:
    """`multiplied_back` for a shape and weights without a network; both are changed in place."""
    for path, ranks in factored_paths(shape).items():
        up, down = weights[f"{path}.up.weight"], weights[f"{path}.down.weight"]
        if pays(down.shape[1], up.shape[0], ranks):
            continue
        _forget(shape, original, path.split("."))
        del weights[f"{path}.up.weight"], weights[f"{path}.down.weight"]
        weights[f"{path}.weight"] = (up.double() @ down.double()).to(up.dtype)
        if f"{path}.up.bias" in weights:
            weights[f"{path}.bias"] = weights.pop(f"{path}.up.bias")


def chosen_linears(model: nn.Module, patterns: Iterable[str]) -> list[str]:
    """Paths of the linear maps that match any of the patterns and are not factored yet, in the order of the network.

    Subclasses of `nn.Linear` (the gates of WavLM's position bias) and maps without any weight are left out.

    Raises:
        PlanError: a pattern matches no linear map.
    """
    done = [f"{path}." for path, module in model.named_modules() if isinstance(module, LowRankLinear)]
    linears = [
        path
        for path, module in model.named_modules()
        if type(module) is nn.Linear and module.weight.numel() and not path.startswith(tuple(done))
    ]
    patterns = list(patterns)
    found = {pattern: [path for path in linears if fnmatchcase(path, pattern)] for pattern in patterns}
    if patterns != list(LINEARS) and (idle := [pattern for pattern in patterns if not found[pattern]]):
        raise PlanError(f"linears: {idle[0]!r} matches no linear map; there are {', '.join(linears[:4])}, ...")
    chosen = {path for paths in found.values() for path in paths}
    if not chosen:
        raise PlanError("linears: this network has no linear map that is not factored yet")
    return [path for path in linears if path in chosen]


def factors(weight: Tensor, moment: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """``U [m, r]`` and ``V [r, n]`` with ``U V = weight [m, n]`` and ``r = min(m, n)``, most important rank first.

    Args:
        weight: ``[m, n]``.
        moment: second moment ``[n, n]`` of the inputs; ``None`` weights all inputs alike.
    """
    wide = weight.double()
    root = inverse = None
    if moment is not None:
        values, vectors = torch.linalg.eigh(moment.double())
        # Directions with hardly any input still have to be inverted exactly.
        values = values.clamp(min=1e-8 * float(values[-1].clamp(min=1e-30)))
        root, inverse = vectors * values.sqrt(), (vectors / values.sqrt()).T
    weighted = wide if root is None else wide @ root
    # The singular vectors of the smaller side by an eigendecomposition, several times faster than an SVD. They are orthogonal
    # up to rounding, and so is the product exact up to rounding, although squaring loses the smallest singular values.
    tall = weighted.shape[0] >= weighted.shape[1]
    _, vectors = torch.linalg.eigh(weighted.T @ weighted if tall else weighted @ weighted.T)
    vectors = vectors.flip(-1)  # the largest first
    up, down = (weighted @ vectors, vectors.T) if tall else (vectors, vectors.T @ weighted)
    values = up.norm(dim=0) if tall else down.norm(dim=1)
    half = values.clamp(min=torch.finfo(torch.float64).tiny).sqrt()
    up, down = (up / half, down * half[:, None]) if tall else (up * half, down / half[:, None])
    return up.to(weight.dtype), (down if inverse is None else down @ inverse).to(weight.dtype)


@torch.no_grad()
def input_moments(
    model: nn.Module,
    batches: Iterable[Batch],
    forward: Callable[[nn.Module, Batch], object],
    linears: Iterable[str] = LINEARS,
) -> dict[str, Tensor]:
    """Second moments ``[n, n]`` of the inputs of linear maps, for `factorize`.

    Args:
        model: the network; it runs in the mode that it is in.
        batches: the inputs, in any form that ``forward`` takes.
        forward: runs the network on a batch.
        linears: patterns of module paths.
    """
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}

    def moment_hook(path: str) -> Callable[..., None]:
        def add_moment(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            x = inputs[0].detach().double().flatten(0, -2)
            sums[path] = sums.get(path, 0) + x.T @ x
            counts[path] = counts.get(path, 0) + len(x)

        return add_moment

    paths = chosen_linears(model, linears)
    handles = [model.get_submodule(path).register_forward_pre_hook(moment_hook(path)) for path in paths]
    try:
        for batch in batches:
            forward(model, batch)
    finally:
        for handle in handles:
            handle.remove()
    return {path: total / counts[path] for path, total in sums.items()}


def _entry(shape: Any, path: str) -> dict[str, Any]:
    """The entry of a linear map in a shape. Entries around it are created where they are missing."""
    for key in path.split("."):
        shape = shape[int(key)] if isinstance(shape, list) else shape.setdefault(key, {})
    return shape


def _forget(shape: Any, original: Any, keys: list[str]) -> None:
    """Remove the entry of a linear map, and the entries around it that `_entry` created."""
    key, *inner = keys
    if isinstance(shape, list):
        _forget(shape[int(key)], original[int(key)], inner)
        return
    known = isinstance(original, dict) and key in original
    if inner:
        _forget(shape[key], original[key] if known else {}, inner)
    if not (known or inner and shape[key]):
        del shape[key]


def _filled(model: Model, shape: Any, weights: Mapping[str, Tensor]) -> Model:
    root: Any = model
    like = next(model.parameters())
    made = root.shrunk(shape).to(device=like.device, dtype=like.dtype).train(model.training)
    made.load_state_dict(weights)
    train_alike(made, model)
    return made


def train_alike(made: nn.Module, model: nn.Module) -> None:
    """Make the parameters of ``made`` trainable where those of ``model`` are; factors follow their map, and vice versa."""
    trained = {name: parameter.requires_grad for name, parameter in model.named_parameters()}
    for name, parameter in made.named_parameters():
        path, _, tensor = name.rpartition(".")
        around = path.rpartition(".")[0]
        known = next(each for each in (name, f"{around}.{tensor}", f"{path}.up.{tensor}") if each in trained)
        parameter.requires_grad_(trained[known])
