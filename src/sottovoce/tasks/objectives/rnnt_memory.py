"""Whether the lattices of a batch fit into memory, checked before the loss is computed."""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import DataError
from .rnnt_kernel import CELLS, CELLS_ELSEWHERE

_NODE = 224
"""Measured bytes for each node of the largest lattice: about 28 float64 numbers while alignments are summed."""


def rnnt_bytes(lengths: Tensor, target_lengths: Tensor, width: int, outputs: int, cells: int) -> int:
    """Estimated memory of `rnnt_loss` without its inputs, in bytes.

    Args:
        lengths, target_lengths: ``[B]`` numbers of frames and labels.
        width, outputs: ``J`` and ``V`` of the joiner.
        cells: see `rnnt_loss`.
    """
    frames, labels = lengths.cpu().long(), target_lengths.cpu().long()
    # Small lattices are computed together, up to ``cells`` nodes; a larger lattice is computed alone.
    largest = max(int((frames * (labels + 1)).max()), min(cells, int((frames * (labels + 1)).sum())))
    gradients = 2 * 4 * len(frames) * int(frames.max() + labels.max() + 1) * width
    return _NODE * largest + 4 * min(cells, largest) * (2 * width + outputs) + gradients


def check_memory(
    lengths: Tensor, target_lengths: Tensor, width: int, outputs: int, device: torch.device, free: int | None = None
) -> None:
    """Check that `rnnt_loss` of a batch fits into memory.

    Args:
        lengths, target_lengths, width, outputs: see `rnnt_bytes`.
        device: device of the tensors.
        free: free bytes; by default what the system reports, without a check if it reports nothing.

    Raises:
        DataError: it does not fit; the message says what would help.
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
    """Free memory of a device in bytes; ``None`` if the system does not report it."""
    if device.type == "cuda":
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + cached
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            return next(1024 * int(line.split()[1]) for line in file if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None
