"""The sources of audio that a user can name, and the file on disk that libsndfile opens for each.

A file is opened as it is. Standard input (``-``) and named pipes can be read only once, so they are copied into a temporary
file first. A container that only ffmpeg reads is decoded into a temporary file.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import BinaryIO

from ...errors import AudioError
from .ffmpeg import container_of, decode_to_wav
from .spool import copy_stream, temporary_copy

STANDARD_INPUT = "-"


def name_of(path: str | Path) -> str:
    """The name of a source in error messages and results."""
    return "standard input" if str(path) == STANDARD_INPUT else printable(path)


def printable(path: str | Path) -> str:
    """A path as text that every terminal and file can hold; bytes that are not UTF-8 become ``\\xe9``."""
    return os.fsencode(path).decode(errors="backslashreplace")


def is_stream(path: str | Path) -> bool:
    """Whether a source can be read only once: standard input or a named pipe."""
    return str(path) == STANDARD_INPUT or Path(path).is_fifo()


def local_file(path: str | Path) -> Path:
    """The file on disk that holds the audio of a source.

    Raises:
        AudioError: the source is missing, empty, a folder or a device, or cannot be read; a stream does not end; or
            ffmpeg, which its format needs, is missing or fails.
    """
    name = name_of(path)
    place = _standard_input() if str(path) == STANDARD_INPUT else _on_disk(Path(path), name)
    try:
        size, changed = place.stat().st_size, place.stat().st_mtime_ns
        if not size:
            raise AudioError(f"{name}: the file is empty (0 bytes); replace it or leave it out")
        with place.open("rb") as file:
            container = container_of(file.read(16))
    except OSError as error:
        raise _unreadable(name, error) from error
    if container is None:
        return place
    key = str(place), size, changed
    return temporary_copy(key, lambda file: decode_to_wav(place, file, name, container), reproducible=True)


def _on_disk(path: Path, name: str) -> Path:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise AudioError(f"{name}: no such file; give an audio file") from None
    except (OSError, ValueError) as error:
        raise _unreadable(name, error) from error
    if stat.S_ISDIR(mode):
        raise AudioError(f"{name}: is a folder; give an audio file")
    if stat.S_ISFIFO(mode):
        return _named_pipe(path, name)
    if not stat.S_ISREG(mode):
        raise AudioError(f"{name}: is a device, not a file; give an audio file")
    return path


def _standard_input() -> Path:
    def write(file: BinaryIO) -> None:
        stream = getattr(sys.stdin, "buffer", None)
        if stream is None or sys.stdin.isatty():
            raise AudioError("standard input: is a terminal; send audio to it, or name a file")
        if not copy_stream(stream, file, "standard input"):
            raise AudioError("standard input: is empty (0 bytes); send audio to it, or name a file")

    return temporary_copy(STANDARD_INPUT, write, reproducible=False)


def _named_pipe(path: Path, name: str) -> Path:
    """A copy of everything that is written to the pipe until its writer closes it; later data is not read."""

    def write(file: BinaryIO) -> None:
        with path.open("rb") as stream:
            if not copy_stream(stream, file, name):
                raise AudioError(f"{name}: nothing was written to it (0 bytes)")

    status = path.stat()
    try:
        return temporary_copy((status.st_dev, status.st_ino), write, reproducible=False)
    except OSError as error:
        raise _unreadable(name, error) from error


def _unreadable(name: str, error: OSError | ValueError) -> AudioError:
    return AudioError(f"{name}: cannot be read ({getattr(error, 'strerror', None) or error}); give a file that can be")
