"""Where a number was measured: a number without its hardware, threads and versions means nothing."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from ..version import __version__

PACKAGES = ("torch", "transformers", "lightning", "lhotse", "numpy")


def environment(device: str | torch.device = "cpu") -> dict[str, str]:
    """Hardware, operating system, threads and versions, as plain text by name.

    Args:
        device: the accelerator that was used, if any, is named too.
    """
    device = torch.device(device)
    facts = {"processor": processor(), "cores": str(os.cpu_count()), "threads": str(torch.get_num_threads())}
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


def processor() -> str:
    """The name that the processor gives itself."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()
