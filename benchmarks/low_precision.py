"""Which operators this processor gets wrong in bfloat16 or float16: each one that our networks run, and its gradients.

    python benchmarks/low_precision.py                             # exit code 1 where one that we run is wrong
    ONEDNN_MAX_CPU_ISA=AVX512_CORE_BF16 python benchmarks/low_precision.py

Inputs are rounded to the low precision, so only the computing is compared, with float64. The error of a tensor is the
norm of the difference over the norm of what is right; the largest error of the output and all gradients is printed.
Torch's own convolutions stand beside ours: processors with AMX get some of them wrong, and no network of ours runs them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from sottovoce.encoder.layers.convolution import StridedConv
from sottovoce.encoder.layers.positional_convolution import PositionalLayer
from sottovoce.encoder.layers.safe_convolution import Conv1d, Conv2d
from sottovoce.profiling.environment import describe_environment

TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
MOST = {torch.bfloat16: 0.1, torch.float16: 0.015}
"""Thirty roundings, and three times what any right kernel is off; a wrong one is off by about 1."""

TORCHS = (nn.Conv1d, nn.Conv2d)


@dataclass(frozen=True)
class Case:
    """One operator on tensors of one set of shapes.

    Args:
        name: of the operator.
        function: of tensors, in whatever precision.
        sizes: of the tensors that it takes; the gradient of each is compared.
        ours: whether our networks run it in low precision.
    """

    name: str
    function: Callable[..., Tensor]
    sizes: tuple[tuple[int, ...], ...]
    ours: bool = True

    @property
    def shapes(self) -> str:
        return " ".join("x".join(map(str, size)) for size in self.sizes[:3]) + (" ..." if len(self.sizes) > 3 else "")

    def error(self, dtype: torch.dtype) -> float | None:
        """The largest relative error; None where torch has no such kernel."""
        generator = torch.Generator().manual_seed(0)
        low = [torch.randn(size, generator=generator).to(dtype).requires_grad_() for size in self.sizes]
        try:
            out = self.function(*low)
            upstream = torch.randn(out.shape, generator=generator).to(out.dtype)
            found = [out, *torch.autograd.grad(out, low, upstream)]
        except RuntimeError as error:
            if re.search("not implemented for|not supported|unsupported", str(error)):
                return None
            raise
        exact = [x.detach().double().requires_grad_() for x in low]
        right = self.function(*exact)
        expected = [right, *torch.autograd.grad(right, exact, upstream.double())]
        pairs = zip(found, expected, strict=True)
        errors = [(a.double() - b).norm().detach() / b.norm().detach().clamp(min=1e-9) for a, b in pairs]
        return float(torch.stack(errors).nan_to_num(torch.inf).max())


def layer(made: nn.Module, *sizes: tuple[int, ...], how: str = "") -> Case:
    """A module on its input; its parameters are tensors like any other."""
    names = [name for name, _ in made.named_parameters()]

    def function(*tensors: Tensor) -> Tensor:
        made.to(tensors[0].dtype)  # its buffers
        parameters = dict(zip(names, tensors[len(sizes) :], strict=True))
        return torch.func.functional_call(made, parameters, tensors[: len(sizes)])

    name, ours = type(made).__name__, type(made) not in TORCHS
    title = f"{name if ours else f'torch {name}'}{how}"
    return Case(title, function, (*sizes, *(tuple(p.shape) for p in made.parameters())), ours)


def convolutions() -> Iterator[Case]:
    """Ours and torch's own: few channels a group and many taps, depthwise, dense, strided, dilated, two-dimensional."""
    grouped = [(48, 16, 128), (12, 16, 128), (12, 4, 16), (12, 4, 32), (5, 3, 19), (16, 4, 32), (24, 4, 16), (4, 48, 2)]
    depthwise = [(1, 256, 31), (1, 96, 15), (1, 7, 31)]
    dense = [(96, 1, 5), (12, 1, 16), (12, 1, 32), (80, 1, 1), (512, 1, 1)]
    for kind in (Conv1d, nn.Conv1d):
        for each, groups, taps in grouped + depthwise + dense:
            channels, how = each * groups, f", {groups} groups"
            yield layer(kind(channels, channels, taps, groups=groups), (2, channels, 150), how=how)
        for how, options in (
            (", stride 2", {"stride": 2}),
            (", dilation 3", {"dilation": 3}),
            (", padded", {"padding": 8}),
        ):
            yield layer(kind(12, 24, 17, **options), (2, 12, 150), how=how)
    planes = [(1, 32, (2, 3)), (32, 64, (2, 3)), (12, 12, (7, 7)), (64, 128, (1, 1)), (6, 4, (1, 24))]
    for plane in (Conv2d, nn.Conv2d):
        for inputs, outputs, kernel in planes:
            yield layer(plane(inputs, outputs, kernel, padding=1), (2, inputs, 23, 66))
    for size, taps, groups in [(192, 128, 16), (48, 32, 4), (95, 19, 5)]:
        made = PositionalLayer(size, size, taps, groups, norm=False, act="gelu")
        yield layer(made, (2, 150, size), how=f", {groups} groups")
    for inputs, outputs, kernel, stride in [(1, 161, 10, 5), (90, 161, 3, 2), (13, 7, 2, 2), (512, 90, 3, 2)]:
        yield layer(StridedConv(inputs, outputs, kernel, stride, True), (2, 400, inputs))


def products() -> Iterator[Case]:
    """Linear maps of odd and even widths, batched products, attention with the masks that encoders add."""
    for inputs, outputs in [
        (768, 768),
        (768, 3072),
        (512, 768),
        (90, 161),
        (333, 1),
        (13, 77),
        (1, 10),
        (2, 5),
        (768, 64),
    ]:
        yield layer(nn.Linear(inputs, outputs), (2, 150, inputs))
        yield layer(nn.Linear(inputs, outputs), (1, inputs), how=", one row")
    for sizes in [((24, 150, 64), (24, 64, 150)), ((2, 401, 10), (2, 10, 90)), ((6, 33, 7), (6, 7, 33))]:
        yield Case("matmul", torch.matmul, sizes)
    yield Case("baddbmm", torch.baddbmm, ((2, 1, 90), (2, 401, 10), (2, 10, 90)))
    yield Case("addmm", lambda y, x, w: torch.addmm(y, x, w.t()), ((300, 161), (300, 90), (161, 90)))
    for heads, frames, width in [(12, 150, 64), (5, 77, 64), (16, 40, 80), (3, 33, 7), (1, 300, 8)]:
        states = ((2, heads, frames, width),) * 3
        yield Case("attention, added bias", attention, (*states, (2, heads, frames, frames)))
        yield Case("attention, masked", masked_attention, states)


def attention(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)


def masked_attention(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    seen = torch.arange(k.shape[2]) < torch.tensor([k.shape[2], k.shape[2] // 2])[:, None]
    return F.scaled_dot_product_attention(q, k, v, attn_mask=seen[:, None, None])


def the_rest() -> Iterator[Case]:
    """Norms, activations, sums and what moves numbers about."""
    for size in (768, 90, 7):
        yield layer(nn.LayerNorm(size), (2, 150, size))
        yield layer(nn.BatchNorm1d(size), (2, size, 150))
        yield layer(nn.GroupNorm(size, size), (2, size, 150))
    yield layer(nn.BatchNorm2d(6), (2, 6, 23, 66))
    activations = [F.gelu, F.relu, F.silu, F.selu, F.logsigmoid, torch.sigmoid, torch.tanh, torch.exp, F.softplus]
    for each in activations:
        yield Case(each.__name__, each, ((2, 150, 161),))
    for size in ((2, 12, 77, 77), (2, 150, 501), (2, 3, 5)):
        yield Case("glu", lambda x: F.glu(torch.cat([x, x.flip(-1)], -1), dim=-1), (size,))
        yield Case("softmax", lambda x: x.softmax(-1), (size,))
        yield Case("softmax over time", lambda x: x.softmax(1), (size,))
        yield Case("log_softmax", lambda x: x.log_softmax(-1), (size,))
        yield Case("logsumexp", lambda x: x.logsumexp(-1), (size,))
    for name, pooled in {
        "mean over time": lambda x: x.mean(1),
        "deviation over time": lambda x: x.var(1).sqrt(),
        "largest over time": lambda x: x.amax(1),
        "unit length": lambda x: F.normalize(x, dim=-1),
        "cumsum": lambda x: x.cumsum(1),
        "logcumsumexp": lambda x: x.logcumsumexp(1),
        "windows": lambda x: x.unfold(1, 31, 3).flatten(2),
        "pad": lambda x: F.pad(x, (0, 0, 15, 16)),
        "index_copy": lambda x: torch.zeros(2, 900, 161).to(x).index_copy(1, torch.arange(0, 900, 2), x),
        "embedding": lambda x: F.embedding(torch.arange(600) % 150, x.flatten(0, 1)),
        "masked_fill": lambda x: x.masked_fill(torch.arange(450)[:, None] > 300, 0.0),
        "interpolate": lambda x: F.interpolate(x, scale_factor=2.0, mode="linear"),
    }.items():
        yield Case(name, pooled, ((2, 450, 161),))


def isa() -> str:
    """The instruction set that oneDNN takes, in its own words."""
    code = "import torch; torch.conv1d(torch.zeros(4, 64, 999), torch.zeros(64, 64, 3))"
    environ = {**os.environ, "ONEDNN_VERBOSE": "1"}
    printed = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True).stdout
    found = re.search(r"isa:([^\n,]+)", printed)
    return found.group(1) if found else f"unknown (torch: {torch.backends.cpu.get_cpu_capability()})"


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("--dtype", choices=list(TYPES), action="append", help="default: both")
    parse.add_argument("--threads", type=int, default=torch.get_num_threads())
    parse.add_argument("--json", type=Path, help="also write the results to this file")
    given = parse.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    rows = []
    for case in (*convolutions(), *products(), *the_rest()):
        for dtype in given.dtype or TYPES:
            error = case.error(TYPES[dtype])
            verdict = "no kernel" if error is None else "right" if error < MOST[TYPES[dtype]] else "WRONG"
            rows.append(
                {"operator": case.name, "shapes": case.shapes, "dtype": dtype, "error": error, "verdict": verdict}
            )
            rows[-1]["ours"] = case.ours
    machine = {
        **describe_environment(),
        "isa of oneDNN": isa(),
        "ONEDNN_MAX_CPU_ISA": os.environ.get("ONEDNN_MAX_CPU_ISA", ""),
    }
    show(rows, machine)
    if given.json is not None:
        given.json.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")
    sys.exit(any(row["ours"] and row["verdict"] == "WRONG" for row in rows))


def show(rows: list[dict], machine: dict[str, str]) -> None:
    """A line for each operator, shape and precision; then the machine and what is wrong."""
    console = Console(width=None if Console().is_terminal else 150)
    table = Table(*("operator", "shapes", "dtype", "worst relative error", "verdict"))
    for row in rows:
        error = "" if row["error"] is None else f"{row['error']:.2e}"
        table.add_row(row["operator"], row["shapes"], row["dtype"], error, row["verdict"])
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items() if value))
    wrong = [row for row in rows if row["verdict"] == "WRONG"]
    ours = sum(row["ours"] for row in wrong)
    console.print(f"{len(rows)} compared; wrong: {ours} that our networks run, {len(wrong) - ours} that they don't")


if __name__ == "__main__":
    main()
