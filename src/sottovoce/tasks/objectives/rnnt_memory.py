"""Whether the lattices of a batch fit into memory, checked before the loss is computed."""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import DataError
from .rnnt_kernel import CELLS, CELLS_ELSEWHERE

_NODE = 224
"""Bytes for each node of the largest lattice: measured; some 28 numbers in float64 while alignments are summed."""


def rnnt_bytes(lengths: Tensor, target_lengths: Tensor, width: int, outputs: int, cells: int) -> int:
    """About what `rnnt_loss` takes beside its inputs, in bytes.

    Args:
        lengths, target_lengths: ``[B]`` frames and labels.
        width, outputs: ``J`` and ``V`` of the joiner.
        cells: as for `rnnt_loss`.
    """
    frames, labels = lengths.cpu().long(), target_lengths.cpu().long()
    # Small lattices are computed together, up to as many nodes as there are cells; a larger one alone.
    largest = max(int((frames * (labels + 1)).max()), min(cells, int((frames * (labels + 1)).sum())))
    gradients = 2 * 4 * len(frames) * int(frames.max() + labels.max() + 1) * width
    return _NODE * largest + 4 * min(cells, largest) * (2 * width + outputs) + gradients


def check_memory(
    lengths: Tensor, target_lengths: Tensor, width: int, outputs: int, device: torch.device, free: int | None = None
) -> None:
    """Check that `rnnt_loss` of a batch fits.

    Args:
        lengths, target_lengths, width, outputs: see `rnnt_bytes`.
        device: of the tensors.
        free: bytes that there are; default: what the system says, and no check where it says nothing.

    Raises:
        DataError: it does not fit; says what would help.
    """
    free = free_bytes(device) if free is None else free
    needed = rnnt_bytes(lengths, target_lengths, width, outputs, CELLS.get(device.type, CELLS_ELSEWHERE))
    if free is None or needed <= free:
        return
    nodes = lengths.cpu() * (target_lengths.cpu() + 1)
    k = int(nodes.argmax())
    raise DataError(
        f"transducer loss: a batch of {len(lengths)} with up to {int(lengths[k])} frames and {int(target_lengths[k])} labels"
        f" needs about {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free; cut long recordings, make fewer frames"
        " (downsampling) or longer pieces, or take a smaller batch"
    )


def free_bytes(device: torch.device) -> int | None:
    """Memory that can still be had on a device; ``None`` where nothing says so."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(1024 * int(line.split()[1]) for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None
