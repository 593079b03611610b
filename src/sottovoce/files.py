"""Files that are either there and whole, or not there: they are written under another name and renamed.

Everything that must never be seen half-written goes through this module; there is no other writer of such files.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from safetensors import SafetensorError

from .errors import DataError
from .file_modes import apply_umask
from .text import plain_json

if TYPE_CHECKING:
    from torch import Tensor

PARTIAL = ".partial"
"""Ending of the name under which a file is written. A file with this ending was left by a run that was killed."""


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a path to write to; its file becomes ``path`` when the block ends without an error.

    After an error, such as a full disk, the old file is still there and nothing is left of the new one. If ``path`` is a
    link, the file that it leads to is replaced and the link stays. A device or a pipe (``/dev/null``) is written to
    directly.

    Raises:
        OSError: The file cannot be written; the error names ``path``.
    """
    path = Path(os.path.realpath(path))
    if _is_special(path):  # renaming a file over it would replace the device
        with path_in_errors(path):
            yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(path)
    try:
        with path_in_errors(path):
            yield partial
            move_into_place(path)
    except BaseException:  # also where the user stops it; raised again
        partial.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Like `whole_file`, for a directory; one that stands at ``path`` is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(path)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        with path_in_errors(path):
            yield partial
            for each in partial.rglob("*"):
                if each.is_file():
                    _flush(each)
    except BaseException:  # also where the user stops it; raised again
        shutil.rmtree(partial, ignore_errors=True)
        raise
    # A directory cannot be renamed over another: for an instant there is none, and a run that is killed then writes it
    # again, because the stage that it belongs to is only marked as finished afterwards.
    shutil.rmtree(path, ignore_errors=True)
    os.replace(partial, path)


def partial_of(path: Path) -> Path:
    """The name under which ``path`` is written."""
    return path.with_name(path.name + PARTIAL)


def move_into_place(path: Path) -> None:
    """Rename the file that has been written under `partial_of` to ``path``."""
    _flush(partial_of(path))
    os.replace(partial_of(path), path)


def write_text(path: Path, text: str) -> None:
    """Write a text as UTF-8."""
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes."""
    with whole_file(path) as partial:
        partial.write_bytes(content)


def write_json(path: Path, data: object) -> None:
    """Write plain data as JSON; a number that JSON does not have is null, with the reason beside it (`plain_json`)."""
    write_text(path, plain_json.dumps(data, indent=2) + "\n")


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> None:
    """Write tensors as ``.safetensors``."""
    from safetensors.torch import save_file  # imports torch, without which parts of the package work

    with whole_file(path) as partial:
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, partial, metadata)
        apply_umask(partial)


@contextlib.contextmanager
def path_in_errors(path: Path) -> Iterator[None]:
    """Add ``path`` to system errors that name no file; most libraries raise such errors.

    Raises:
        OSError: With the name of the file, and saying that the disk is full where a library has an error of its own for that.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        # torch raises an error of its own and hides the cause, a full disk for example
        cause = error.__context__ if isinstance(error.__context__, OSError) else error
        if isinstance(cause, OSError) and cause.filename is not None:
            raise
        if "(os error 28)" in str(cause) or (not getattr(cause, "errno", None) and _is_full(path)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from cause
        if isinstance(cause, OSError):
            raise OSError(cause.errno, cause.strerror or str(cause), str(path)) from cause
        raise


@contextlib.contextmanager
def unwritable(path: str | Path) -> Iterator[None]:
    """Turn system errors while ``path`` is written into a `DataError` that names it.

    Raises:
        DataError: In place of an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error})") from error


def check_writable(path: Path) -> Path:
    """``path``, if a file can probably be written there; nothing is written, and folders may be missing.

    Raises:
        DataError: ``path`` is a folder, or lies below a file or in a folder that may not be written to.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file in it")
    folder = next(each for each in path.absolute().parents if os.path.lexists(each))
    if not folder.is_dir():
        raise DataError(f"{path}: cannot be written ({folder} is a file); choose another folder")
    if not _is_special(path) and not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(f"{path}: cannot be written (no permission to write to {folder}); choose another folder")
    return path


def _is_full(path: Path) -> bool:
    """Whether the disk has no more room than what a failed write may have freed."""
    folder = next(each for each in path.absolute().parents if each.is_dir())
    return shutil.disk_usage(folder).free < 2**16


def _is_special(path: Path) -> bool:
    """Whether ``path`` is a device, a pipe or a socket."""
    return path.exists() and not path.is_file() and not path.is_dir()


def _flush(path: Path) -> None:
    """Write the file's contents to the disk, so that a crash of the machine cannot leave the new name with old contents."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
