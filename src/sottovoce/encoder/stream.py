"""The residual stream: the channels that every layer reads and writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import CheckpointError
from .units import RESIDUAL, Rows, Site, Unit


@dataclass(frozen=True)
class ResidualStream:
    """The channels that the residual stream still has, and how they form the elements of its unit.

    In the gated network a removed channel is zero everywhere, because every module that *writes* the stream is gated. Norms
    over the stream take their statistics over kept channels and leave removed ones at zero; a module that *reads* the
    stream loses columns.

    Args:
        ids: the original index of each channel.
        original: the original number of channels.
        index: ``[size, r]``: the channels of each element, as positions in ``ids``. An element is one channel, except where
            the rotary positions of the stock Conformer rotate pairs of channels, which can only be removed together.
        strata: number of equal runs of elements that must all keep the same number of elements, such as the groups of a
            positional convolution.
        gated: whether gates act on the modules that write the stream (pre-norm), or on the norm after them.
        fixed: whether all channels always stay, as in the Conformer of a task head.
    """

    ids: tuple[int, ...]
    original: int
    index: Tensor
    strata: int = 1
    gated: bool = True
    fixed: bool = False

    @property
    def width(self) -> int:
        return len(self.ids)

    @property
    def whole(self) -> bool:
        return self.width == self.original

    def inner(self) -> ResidualStream:
        """The stream inside a layer that ends in a norm, where the modules that write it need no gate of their own."""
        return replace(self, gated=False)

    def part(
        self,
        *,
        reads: Iterable[str] = (),
        writes: Iterable[str] = (),
        output: str | None = None,
        norms: Iterable[str] = (),
        gated_norms: Iterable[str] = (),
        more: Sequence[Rows] = (),
        name: str = "",
    ) -> Unit:
        """One module's part of the residual unit.

        Args:
            reads: names of weights whose dimension 1 reads the stream.
            writes: names of weights and biases whose dimension 0 writes it.
            output: name of the module whose output is added to the stream; if ``gated``, the gate acts on that output.
            norms: names of LayerNorms that read the stream.
            gated_norms: names of LayerNorms whose output is the stream.
            more: further rows that belong to the elements.
            name: path of the width in the shape; exactly one module gives it.
        """
        norms, gated_norms = list(norms), list(gated_norms)
        rows = [Rows(p, 0, self.index, fold=self.gated) for p in writes]
        rows += [Rows(f"{n}.{p}", 0, self.index) for n in norms for p in ("weight", "bias")]
        rows += [Rows(f"{n}.{p}", 0, self.index, fold=True) for n in gated_norms for p in ("weight", "bias")]
        gates = [output] if output is not None and self.gated else []
        return Unit(
            name,
            "residual",
            self.index.shape[0],
            producers=(*rows, *more),
            consumers=tuple(Rows(p, 1, self.index) for p in reads),
            gates=tuple(Site(m, self.index) for m in gates + gated_norms),
            norms=tuple(Site(n, self.index) for n in norms + gated_norms),
            shared=RESIDUAL,
            strata=self.strata,
            floor=self.strata,
            owns=self.index,
            fixed=self.fixed,
        )


class IndexTensor:
    """Channel indices as a tensor that is made once for each device. It is no buffer, so nothing is loaded or saved."""

    def __init__(self, ids: Iterable[int]):
        self.ids = tuple(ids)
        self._on: dict[torch.device, Tensor] = {}

    def __call__(self, device: torch.device) -> Tensor:
        if device not in self._on:
            self._on[device] = torch.tensor(self.ids, dtype=torch.long, device=device)
        return self._on[device]

    def __len__(self) -> int:
        return len(self.ids)

    def __deepcopy__(self, memo: object) -> IndexTensor:
        return IndexTensor(self.ids)


def rotary_pairs(ids: Sequence[int], head_dim: int) -> Tensor:
    """Index ``[size, 2]`` of the channels that stock rotary positions rotate together.

    They are the channels ``i`` and ``i + d / 2`` of each slice of ``d`` channels.

    Args:
        ids: the original index of each channel.
        head_dim: width of one head, ``d``.

    Raises:
        CheckpointError: a channel without its partner.
    """
    place = {channel: k for k, channel in enumerate(ids)}
    half = head_dim // 2
    pairs = [(k, place[c + half]) for c, k in place.items() if c % head_dim < half and c + half in place]
    if 2 * len(pairs) != len(ids):
        raise CheckpointError(
            f"config: position rotary rotates the channels i and i + {half} of every {head_dim} (head_dim) together, and"
            f" {len(ids) - 2 * len(pairs)} channels of the residual are without their partner; keep or remove both"
        )
    return torch.tensor(pairs, device="cpu").view(-1, 2)


def one_channel_each(size: int) -> Tensor:
    """Index ``[size, 1]`` of elements that are one channel each."""
    return torch.arange(size, device="cpu")[:, None]
