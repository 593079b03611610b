"""Files that are either there and whole, or not there: written under another name and renamed."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from .errors import DataError
from .text import plain_json

PARTIAL = ".partial"
"""Ending of what is being written. What is found with it was left by a run that was killed."""


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Gives a path to write to; what was written there becomes ``path`` when the block ends without an error.

    After an error (a full disk, say) nothing is left of it. What a link leads to is replaced, not the link; and what is no
    plain file (``/dev/null``, a pipe) is written to as it is.
    """
    path = Path(os.path.realpath(path))
    if _is_special(path):  # a file renamed over it would take its place
        with named_fault(path):
            yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(path)
    try:
        with named_fault(path):
            yield partial
            move_into_place(path)
    except BaseException:  # also where the user stops it; raised again
        partial.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def named_fault(path: Path) -> Iterator[None]:
    """Within it, an error of the system that names no file is one of ``path``; most libraries leave the name out.

    Raises:
        OSError: with the file's name; that the disk is full, where a library has only its own words for it.
    """
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        # torch gives up its file and hides why, a full disk for example
        fault = error.__context__ if isinstance(error.__context__, OSError) else error
        if isinstance(fault, OSError) and fault.filename is not None:
            raise
        if "(os error 28)" in str(fault) or (not getattr(fault, "errno", None) and _is_full(path)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from fault
        if isinstance(fault, OSError):
            raise OSError(fault.errno, fault.strerror or str(fault), str(path)) from fault
        raise


def _is_full(path: Path) -> bool:
    """Whether the disk has no more room than what the failure of a write may have left of it."""
    folder = next(each for each in path.absolute().parents if each.is_dir())
    return shutil.disk_usage(folder).free < 2**16


def _is_special(path: Path) -> bool:
    return path.exists() and not path.is_file() and not path.is_dir()


def check_writable(path: Path) -> Path:
    """``path``, if a file can be written there, as far as that shows without writing; folders may still be made.

    Raises:
        DataError: it is a folder, or lies below a file or in a folder that may not be written to.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file in it")
    folder = next(each for each in path.absolute().parents if os.path.lexists(each))
    if not folder.is_dir():
        raise DataError(f"{path}: cannot be written ({folder} is a file); choose another folder")
    if not _is_special(path) and not os.access(folder, os.W_OK | os.X_OK):
        raise DataError(f"{path}: cannot be written (nothing may be written into {folder}); choose another folder")
    return path


@contextlib.contextmanager
def whole_directory(path: Path) -> Iterator[Path]:
    """Like `whole_file`, for a directory; one that stands at ``path`` is replaced."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = partial_of(path)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        with named_fault(path):
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
    """Under which name ``path`` is written."""
    return path.with_name(path.name + PARTIAL)


def move_into_place(path: Path) -> None:
    """Give the file that has been written under `partial_of` its name."""
    _flush(partial_of(path))
    os.replace(partial_of(path), path)


def write_text(path: Path, text: str) -> None:
    with whole_file(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, data: Any) -> None:
    """Plain data as JSON; a number that JSON does not have is null, with the reason beside it (`plain_json`)."""
    write_text(path, plain_json.dumps(data, indent=2) + "\n")


def _flush(path: Path) -> None:
    """Down to the disk, so that the rename cannot overtake the contents when the machine goes down."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
