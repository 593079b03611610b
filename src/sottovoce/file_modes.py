"""Who may read the files that are written."""

from __future__ import annotations

import os
from pathlib import Path


def apply_umask(path: Path) -> None:
    """Give a file the mode that any program's new file has.

    The safetensors library writes files that only their owner can read, whatever the umask is.
    """
    mask = os.umask(0o077)  # it can only be read by setting it; in between new files are readable by fewer, not more
    os.umask(mask)
    path.chmod(0o666 & ~mask)
