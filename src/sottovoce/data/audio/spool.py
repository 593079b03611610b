"""Bytes that come only once, or are made by another program, in a file of their own that can be read again.

The files lie in one temporary folder, which goes with the process.
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
"""Bytes of one file: 37 hours at 16 kHz and 16 bits. What never ends must not fill the disk."""

_KEPT = 8
"""Files that are kept at a time, of those that can be made again."""

_BLOCK = 2**20

_lock = threading.RLock()
_folder: tempfile.TemporaryDirectory[str] | None = None
_once: dict[Hashable, Path] = {}
_again: OrderedDict[Hashable, Path] = OrderedDict()


def temporary_copy(key: Hashable, write: Callable[[BinaryIO], None], *, again: bool) -> Path:
    """The file of a key, which is written where there is none yet.

    Args:
        key: of the same bytes, always the same.
        write: fills a new file.
        again: whether the bytes can be had again. If so, only the files that were used last are kept.
    """
    with _lock:
        kept: dict[Hashable, Path] | OrderedDict[Hashable, Path] = _again if again else _once
        if key not in kept:
            kept[key] = _written(write)
        if again:
            _again.move_to_end(key)
            while len(_again) > _KEPT:
                _again.popitem(last=False)[1].unlink(missing_ok=True)
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
        except BaseException:  # also where the user stops it; raised again
            path.unlink()
            raise
    return path


def copy_stream(source: BinaryIO, into: BinaryIO, name: str) -> int:
    """All of a source; how many bytes that were.

    Args:
        source: is read to its end.
        into: where it goes.
        name: what errors call it.

    Raises:
        AudioError: it does not end within `LARGEST` bytes.
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
