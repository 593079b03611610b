"""The residual stream: the one width that every layer reads and writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import CheckpointError
from .units import RESIDUAL, Rows, Site, Unit


@dataclass(frozen=True)
class ResidualStream:
    """Which of the original channels the residual stream still has, and what is one element of it.

    A removed channel is zero everywhere in the gated network: whoever *writes* the stream is gated. Norms over it take
    kept statistics and leave removed channels at zero; whoever *reads* it loses columns.

    Args:
        ids: the original channel that each channel was.
        original: the original number of channels.
        index: ``[size, r]``: the channels of each element. One each, except that stock Conformer rotary rotates channels
            in pairs, which can only go together.
        strata: elements form this many equal runs that must keep equally many (groups of a positional convolution).
        gated: writers are gated themselves (pre-norm); otherwise the norm that follows them is.
        fixed: nothing of it is ever removed, and it is no part of an encoder's (the stream of a head's own layers).
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
        """The stream inside a layer that ends in a norm: its writers need no gate of their own."""
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
            reads: weights whose dimension 1 reads the stream.
            writes: weights and biases whose dimension 0 writes it.
            output: module whose output is written to the stream: gated there if writers are.
            norms: LayerNorms that read the stream; ``gated_norms``: those whose output is the stream.
            more: further rows.
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


class Places:
    """Channel numbers as an index tensor, made once for each device (no buffer: nothing to load, nothing to save)."""

    def __init__(self, ids: Iterable[int]):
        self.ids = tuple(ids)
        self._on: dict[torch.device, Tensor] = {}

    def __call__(self, device: torch.device) -> Tensor:
        if device not in self._on:
            self._on[device] = torch.tensor(self.ids, dtype=torch.long, device=device)
        return self._on[device]

    def __len__(self) -> int:
        return len(self.ids)

    def __deepcopy__(self, memo: object) -> Places:
        return Places(self.ids)


def paired(ids: Sequence[int], head_dim: int) -> Tensor:
    """Index ``[size, 2]`` of the channels that stock rotary turns together: ``i`` and ``i + d / 2`` of a slice of ``d``.

    Raises:
        CheckpointError: one of the two is not there.
    """
    place = {channel: k for k, channel in enumerate(ids)}
    half = head_dim // 2
    pairs = [(k, place[c + half]) for c, k in place.items() if c % head_dim < half and c + half in place]
    if 2 * len(pairs) != len(ids):
        raise CheckpointError(
            f"config: position rotary turns the channels i and i + {half} of every {head_dim} (head_dim) together, and the"
            f" residual has {len(ids) - 2 * len(pairs)} without their other one"
        )
    return torch.tensor(pairs, device="cpu").view(-1, 2)


def single(size: int) -> Tensor:
    return torch.arange(size, device="cpu")[:, None]
