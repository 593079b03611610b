"""Memory of a computation and of a network, in bytes."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from ..encoder.layers.fft_convolution import kept_bytes


def tensor_bytes(module: nn.Module) -> int:
    """Memory of the weights and buffers of a network."""
    return sum(t.numel() * t.element_size() for t in (*module.parameters(), *module.buffers()))


def held_bytes(module: nn.Module) -> int:
    """Memory of weights and buffers, and of what layers cache between two runs."""
    return tensor_bytes(module) + kept_bytes(module.parameters())


def peak_bytes(run: Callable[[], object], device: str | torch.device = "cpu") -> int | None:
    """Memory that a computation needs beyond what was held before it.

    On CUDA this is counted by torch's allocator. On Linux it is the largest resident set of the process, which includes
    what the libraries below torch use.

    Args:
        run: the computation.
        device: the device that it runs on.

    Returns:
        Bytes; ``None`` on systems where no such counter can be reset.
    """
    device = torch.device(device)
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        run()
        torch.cuda.synchronize(device)
        return torch.cuda.max_memory_allocated(device) - before
    _return_free_memory()
    if not _reset_peak():
        return None
    before = _status_bytes("VmRSS")
    run()
    return max(_status_bytes("VmHWM") - before, 0)


def peak_resident_bytes(run: Callable[[], object]) -> int | None:
    """The largest resident set of the process during a computation: the memory that a machine must have for it.

    Args:
        run: the computation.

    Returns:
        Bytes; ``None`` on systems where no such counter can be reset.
    """
    _return_free_memory()
    if not _reset_peak():
        return None
    run()
    return _status_bytes("VmHWM")


def _return_free_memory() -> None:
    # Memory that was freed but is still held by the process would hide what the run needs.
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if Path("/proc/self").exists() else None
    if trim is not None:
        trim(0)


def _reset_peak() -> bool:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def _status_bytes(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/self/status has no {key}")
