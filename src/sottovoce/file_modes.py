"""Who may read what is written."""

from __future__ import annotations

import os
from pathlib import Path


def as_umask_says(path: Path) -> None:
    """Give a file the mode that any program's new file has. The library of safetensors writes files that nobody but their
    owner can read, whatever the umask is."""
    mask = os.umask(0o077)  # it can only be read by setting it; in between others get less, not more
    os.umask(mask)
    path.chmod(0o666 & ~mask)
