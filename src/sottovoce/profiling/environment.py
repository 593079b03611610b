"""Where a number was measured: a time without its hardware, threads and versions means nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from ..version import __version__

PACKAGES = ("torch", "transformers", "lightning", "lhotse", "numpy")
"""Packages whose versions are listed where they are installed."""


def describe_environment(device: str | torch.device = "cpu") -> dict[str, str]:
    """Hardware, operating system, threads and versions, as plain text by name.

    Args:
        device: the device that was used; a CUDA device is named, too.
    """
    device = torch.device(device)
    facts = {"processor": processor_name(), "cores": str(os.cpu_count()), "threads": str(torch.get_num_threads())}
    if device.type == "cuda":
        facts["accelerator"] = torch.cuda.get_device_name(device)
        facts["cuda"] = str(torch.version.cuda)
    facts["system"] = f"{platform.system()} {platform.release()} {platform.machine()}"
    facts["python"] = platform.python_version()
    facts["sottovoce"] = __version__
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            continue  # an extra that is not installed was not used either
    return facts


def processor_name() -> str:
    """The model name of the processor, as the system reports it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()
