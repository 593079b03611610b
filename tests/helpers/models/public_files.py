"""Files in the layouts of other projects: names, shapes and dtypes of tensors as the public class has them.

A layout is a table of names and shapes. It is written by hand in a test; `digest` of it must be the number that the state
dict of the public class gives, so a layout that differs in one name is found. The public class is run elsewhere, on `lively`
weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from zlib import crc32

import torch
from torch import Tensor

from seeded_weights import lively

Layout = dict[str, tuple[int, ...]]


def empty(layout: Layout) -> dict[str, Tensor]:
    """Tensors without memory."""
    return {
        name: torch.empty(shape, device="meta", dtype=torch.int64 if name.endswith("num_batches_tracked") else None)
        for name, shape in layout.items()
    }


def digest(layout: Layout) -> int:
    """A number that names, shapes and dtypes decide: of ``f"{name} {tuple(shape)} {dtype}"``, sorted, one a line."""
    lines = (f"{name} {tuple(tensor.shape)} {tensor.dtype}" for name, tensor in sorted(empty(layout).items()))
    return crc32("\n".join(lines).encode())


def filled(layout: Layout, seed: int = 0) -> dict[str, Tensor]:
    """`lively` tensors; counters of batches are 0."""
    return {name: lively(name, torch.zeros_like(like, device="cpu"), seed) for name, like in empty(layout).items()}


def cheap(layout: Layout) -> dict[str, Tensor]:
    """Small constants, for layouts of real size."""
    return {name: torch.full_like(like, 0.01, device="cpu") for name, like in empty(layout).items()}


def linear(name: str, inputs: int, outputs: int, bias: bool = True) -> Layout:
    """A linear map."""
    return {f"{name}.weight": (outputs, inputs)} | ({f"{name}.bias": (outputs,)} if bias else {})


def convolution(name: str, inputs: int, outputs: int, *kernel: int, bias: bool = True) -> Layout:
    """A convolution with a kernel of any number of dimensions."""
    return {f"{name}.weight": (outputs, inputs, *kernel)} | ({f"{name}.bias": (outputs,)} if bias else {})


def norm(name: str, size: int) -> Layout:
    """A layer norm or group norm."""
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}


def batch_norm(name: str, size: int) -> Layout:
    """A batch norm."""
    return norm(name, size) | {
        f"{name}.running_mean": (size,),
        f"{name}.running_var": (size,),
        f"{name}.num_batches_tracked": (),
    }


def below(prefix: str, *layouts: Mapping[str, tuple[int, ...]]) -> Layout:
    """Layouts as parts of a larger one."""
    return {f"{prefix}{name}": shape for layout in layouts for name, shape in layout.items()}


def golden_wave(samples: int, row: int = 1) -> Tensor:
    """The noise ``[samples]`` that golden outputs were computed from."""
    return (0.1 * torch.randn(2, samples, generator=torch.Generator().manual_seed(0)))[row]


def close(found: Tensor, golden: Sequence[float], tolerance: float = 1e-5) -> bool:
    """Whether an output is the golden one, relative to the largest number."""
    expected = torch.tensor(golden)
    return bool((found.float() - expected).abs().max() <= tolerance * expected.abs().max())
