"""Who may read the files that are written."""

from __future__ import annotations

import os
from pathlib import Path


def apply_umask(path: Path) -> None:
    """Give a file the mode that the umask leaves to new files.

    The safetensors library writes files that only their owner can read, whatever the umask is.
    """
    mask = os.umask(0o077)  # reading the umask means setting it: for an instant, new files are private
    os.umask(mask)
    path.chmod(0o666 & ~mask)
