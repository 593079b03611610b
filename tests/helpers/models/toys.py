"""Small networks outside the encoder that declare units: what pruning needs from a network, and nothing else.

Mlp      residual feed-forwards, each a whole-block unit with an inner unit
Chain    two strided convolutions and a linear map: the outputs of one are the inputs of the next
Grouped  a grouped convolution on a residual stream: one shared unit, equally many channels in each group
Tapped   a convolution whose kernel shrinks from the outside in: an ordered unit
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sottovoce.encoder.units import (
    RESIDUAL,
    Gateable,
    MacTerm,
    Rows,
    Site,
    Timing,
    Unit,
    block,
    elements,
    rows,
    site,
)


class Toy(nn.Module):
    """A root: input ``[B, T, inputs]``, ten frames a second."""

    inputs = 5

    def __init__(self, shape: dict[str, Any]):
        super().__init__()
        self.shape = shape

    def timing(self, seconds: float) -> Timing:
        frames = round(10 * seconds)
        return Timing(frames, frames, (frames,))

    def shrunk(self, shape: dict[str, Any]) -> Toy:
        return type(self)(shape)

    def probe(self) -> dict[str, Tensor]:
        generator = torch.Generator().manual_seed(0)
        return {"x": torch.randn(2, self.timing(1.0).samples, self.inputs, generator=generator, dtype=torch.float64)}


# --- Mlp --------------------------------------------------------------------------------------------------------------


class Inner(nn.Module):
    def __init__(self, width: int, units: int):
        super().__init__()
        self.up = nn.Linear(width, units)
        self.inner = Gateable()
        self.down = nn.Linear(units, width)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.inner(F.gelu(self.up(x))))

    def units(self) -> list[Unit]:
        n = self.up.out_features
        producers = (rows("up.weight", 0, n), rows("up.bias", 0, n))
        return [Unit("units", "ffn", n, producers, (rows("down.weight", 1, n, fold=True),), (site("inner", n),))]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda t: t.frames, parameter=p) for p in ("up.weight", "down.weight")]


class MlpLayer(nn.Module):
    def __init__(self, width: int, entry: dict[str, Any]):
        super().__init__()
        self.width = width
        self.feed_forward = None if entry["feed_forward"] is None else Inner(width, entry["feed_forward"]["units"])

    def forward(self, x: Tensor) -> Tensor:
        return x if self.feed_forward is None else x + self.feed_forward(x)

    def units(self) -> list[Unit]:
        fold = ("feed_forward.down.weight", "feed_forward.down.bias")
        whole = block("feed_forward", "ffn_block", self.width, contains=["feed_forward"], fold=fold)
        return [] if self.feed_forward is None else [whole]


class Mlp(Toy):
    """``shape``: ``{"layers": [{"feed_forward": {"units": n} | None}, ...]}``; the stream has ``inputs`` channels."""

    def __init__(self, shape: dict[str, Any]):
        super().__init__(shape)
        self.layers = nn.ModuleList(MlpLayer(self.inputs, entry) for entry in shape["layers"])

    @classmethod
    def of(cls, *widths: int) -> Mlp:
        return cls({"layers": [{"feed_forward": {"units": n}} for n in widths]})

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


# --- Chain ------------------------------------------------------------------------------------------------------------


class ChainConv(nn.Module):
    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.outputs = outputs
        self.conv = nn.Conv1d(inputs, outputs, 3, stride=2)
        self.out = Gateable()

    def forward(self, x: Tensor) -> Tensor:
        return self.out(F.gelu(self.conv(x.transpose(1, 2)).transpose(1, 2)))


class FrontEnd(nn.Module):
    def __init__(self, inputs: int, channels: list[int]):
        super().__init__()
        self.conv = nn.ModuleList(ChainConv(a, b) for a, b in zip([inputs, *channels], channels, strict=False))
        self.project = nn.Linear(channels[-1], 4)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.conv:
            x = layer(x)
        return self.project(x)

    def units(self) -> list[Unit]:
        readers = [f"conv.{i + 1}.conv.weight" for i in range(len(self.conv) - 1)] + ["project.weight"]
        out = []
        for i, (layer, reader) in enumerate(zip(self.conv, readers, strict=True)):
            n: int = layer.outputs  # type: ignore[assignment]
            producers = tuple(rows(f"conv.{i}.conv.{p}", 0, n) for p in ("weight", "bias"))
            consumers = (rows(reader, 1, n, fold=True),)
            out.append(Unit(f"channels.{i}", "conv", n, producers, consumers, (site(f"conv.{i}.out", n),), floor=1))
        return out

    def macs(self) -> list[MacTerm]:
        def level(i: int) -> MacTerm:
            return MacTerm(lambda t: t.levels[i], parameter=f"conv.{i}.conv.weight")

        return [*map(level, range(len(self.conv))), MacTerm(lambda t: t.frames, parameter="project.weight")]


class Chain(Toy):
    """``shape``: ``{"frontend": {"channels": [...]}}``."""

    def __init__(self, shape: dict[str, Any]):
        super().__init__(shape)
        self.frontend = FrontEnd(self.inputs, shape["frontend"]["channels"])

    @classmethod
    def of(cls, *channels: int) -> Chain:
        return cls({"frontend": {"channels": list(channels)}})

    def timing(self, seconds: float) -> Timing:
        levels = [round(40 * seconds)]
        for _ in self.frontend.conv:
            levels.append((levels[-1] - 3) // 2 + 1)
        return Timing(levels[0], levels[-1], tuple(levels[1:]))

    def forward(self, x: Tensor) -> Tensor:
        return self.frontend(x)


# --- Grouped ----------------------------------------------------------------------------------------------------------


class GroupedConv(nn.Module):
    def __init__(self, width: int, groups: int):
        super().__init__()
        self.conv = nn.Conv1d(width, width, 3, padding=1, groups=groups)
        self.out = Gateable()

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.conv(x.transpose(1, 2)).transpose(1, 2))

    def units(self) -> list[Unit]:
        width, groups = self.conv.in_channels, self.conv.groups
        channels = elements(width)
        stream = Unit(
            "",
            "residual",
            width,
            producers=tuple(rows(f"conv.{p}", 0, width, fold=True) for p in ("weight", "bias")),
            consumers=(Rows("conv.weight", 1, channels, groups=groups),),
            gates=(Site("out", channels),),
            shared=RESIDUAL,
        )
        return [stream]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda t: t.frames, parameter="conv.weight")]


class Grouped(Toy):
    """``shape``: ``{"residual": D}``, with ``D`` a multiple of the number of groups."""

    groups = 2

    def __init__(self, shape: dict[str, Any]):
        super().__init__(shape)
        width = shape["residual"]
        self.project = nn.Linear(self.inputs, width)
        self.positional = GroupedConv(width, self.groups)
        self.out = nn.Linear(width, 3)

    @classmethod
    def of(cls, width: int) -> Grouped:
        return cls({"residual": width})

    def forward(self, x: Tensor) -> Tensor:
        x = self.project(x)
        return self.out(x + self.positional(x))

    def units(self) -> list[Unit]:
        width = self.project.out_features
        stream = Unit(
            "residual",
            "residual",
            width,
            producers=(rows("project.weight", 0, width, fold=True), rows("project.bias", 0, width, fold=True)),
            consumers=(rows("out.weight", 1, width),),
            gates=(site("project", width),),
            shared=RESIDUAL,
            strata=self.groups,
            floor=self.groups,
        )
        return [stream]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda t: t.frames, parameter=p) for p in ("project.weight", "out.weight")]


# --- Tapped -----------------------------------------------------------------------------------------------------------


class TappedConv(nn.Module):
    def __init__(self, width: int, taps: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(width, width, taps) / (width * taps) ** 0.5)
        self.taps = Gateable()

    def forward(self, x: Tensor) -> Tensor:
        y = F.conv1d(x.transpose(1, 2), self.taps(self.weight), padding=self.weight.shape[2] // 2)
        return y.transpose(1, 2)

    def units(self) -> list[Unit]:
        k = self.weight.shape[2]
        ring = torch.arange((k - 1) // 2)
        index = torch.stack([ring, k - 1 - ring], dim=1)
        kernel = (Rows("weight", 2, index, fold=True),)
        gates = (Site("taps", index),)
        return [Unit("kernel", "positional_tap", len(ring), consumers=kernel, gates=gates, ordered=True, owns=index)]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda t: t.frames, parameter="weight")]


class Tapped(Toy):
    """``shape``: ``{"positional": {"kernel": k}}`` with ``k`` odd."""

    def __init__(self, shape: dict[str, Any]):
        super().__init__(shape)
        self.positional = TappedConv(self.inputs, shape["positional"]["kernel"])

    @classmethod
    def of(cls, taps: int) -> Tapped:
        return cls({"positional": {"kernel": taps}})

    def forward(self, x: Tensor) -> Tensor:
        return x + self.positional(x)


TOYS: dict[str, Any] = {
    "mlp": lambda: Mlp.of(8, 6),
    "chain": lambda: Chain.of(8, 6),
    "grouped": lambda: Grouped.of(8),
    "tapped": lambda: Tapped.of(9),
}
"""One of each, by name."""
