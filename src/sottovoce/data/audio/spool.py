"""Temporary copies of audio that can be read only once, or is decoded by another program.

The copies lie in one temporary folder, which is removed when the process ends.
"""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import BinaryIO

from ...errors import AudioError

LARGEST = 4 * 2**30 - 2**20
"""Maximum size of one copy in bytes: 37 hours at 16 kHz and 16 bits. A stream that never ends must not fill the disk."""

_KEPT = 8
"""Maximum number of copies kept at a time, of those that can be written again."""

_BLOCK = 2**20

_lock = threading.RLock()
_folder: tempfile.TemporaryDirectory[str] | None = None
_once: dict[Hashable, Path] = {}
_reproducible: OrderedDict[Hashable, Path] = OrderedDict()


def temporary_copy(key: Hashable, write: Callable[[BinaryIO], None], *, reproducible: bool) -> Path:
    """The path of the copy that belongs to a key; the copy is written at the first call.

    Args:
        key: identifies the audio.
        write: writes the audio into a new file.
        reproducible: whether the copy can be written again later. If so, only the most recently used copies are kept.
    """
    with _lock:
        kept: dict[Hashable, Path] | OrderedDict[Hashable, Path] = _reproducible if reproducible else _once
        if key not in kept:
            kept[key] = _written(write)
        if reproducible:
            _reproducible.move_to_end(key)
            while len(_reproducible) > _KEPT:
                _reproducible.popitem(last=False)[1].unlink(missing_ok=True)
        return kept[key]


def _written(write: Callable[[BinaryIO], None]) -> Path:
    global _folder
    if _folder is None:
        _folder = tempfile.TemporaryDirectory(prefix="sottovoce-")
    with tempfile.NamedTemporaryFile(dir=_folder.name, delete=False) as file:
        path = Path(file.name)
        try:
            write(file)  # type: ignore[arg-type]
            file.flush()
        except OSError as error:
            path.unlink()
            raise AudioError(f"{path}: a temporary copy of the audio cannot be written ({error.strerror})") from error
        except BaseException:  # also KeyboardInterrupt; raised again
            path.unlink()
            raise
    return path


def copy_stream(source: BinaryIO, into: BinaryIO, name: str) -> int:
    """Copy a stream to its end; returns the number of bytes.

    Args:
        source: the stream.
        into: the file that it is copied into.
        name: the name of the stream in error messages.

    Raises:
        AudioError: the stream does not end within `LARGEST` bytes.
    """
    size = 0
    while block := source.read(_BLOCK):
        size += len(block)
        if size > LARGEST:
            raise AudioError(
                f"{name}: more than {LARGEST / 2**30:.1f} GiB, and no end; give a file, or a shorter stretch"
            )
        into.write(block)
    return size
