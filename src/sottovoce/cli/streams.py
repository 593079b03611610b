"""Standard output and error: every character can be printed, and a failed write raises `OutputError`."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

_ASCII_FORMS = dict.fromkeys("█▇▆▅▄", "#") | dict.fromkeys("▉▊▋▌▍▎▏▐│┃", "|") | dict.fromkeys("─━╸╺╾╼", "-")
_ASCII_FORMS |= dict.fromkeys("·•", ".") | {"…": "...", "→": "->", "▶": ">", "−": "-", "×": "x", "–": "-", "—": "-"}
"""The ASCII replacement of each drawing character."""


def _printable(error: UnicodeError) -> tuple[bytes, int]:
    """Replace characters that the encoding of an output lacks: drawing characters by ASCII ones, others by an escape.

    Bytes of a file name that are not UTF-8 are printed unchanged, so that the name can be given to another program.
    """
    assert isinstance(error, UnicodeEncodeError)
    printed = b""
    for character in error.object[error.start : error.end]:
        if "\udc80" <= character <= "\udcff":  # how Python represents such a byte (PEP 383)
            printed += bytes([ord(character) - 0xDC00])
        elif "\u2800" <= character <= "\u28ff":  # a spinner
            printed += b"*"
        else:
            printed += _ASCII_FORMS.get(character, "").encode() or character.encode("ascii", "backslashreplace")
    return printed, error.end


codecs.register_error("sottovoce.printable", _printable)


def make_output_printable() -> None:
    """From now on, standard output and error replace characters that they cannot print instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="sottovoce.printable")


class OutputError(Exception):
    """Standard output cannot be written any more. This is not an `OSError`, because Typer and Rich handle those themselves.

    Args:
        reason: the error of the operating system.
    """

    def __init__(self, reason: OSError):
        super().__init__(str(reason))
        self.reason = reason


class _CheckedStream:
    """A stream whose errors are all raised as `OutputError`."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        with self._system_errors():
            return self._stream.write(text)

    def flush(self) -> None:
        with self._system_errors():
            self._stream.flush()

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextlib.contextmanager
    def _system_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(error) from None


@contextlib.contextmanager
def checked_output() -> Iterator[None]:
    """Within this context, and at its end, a failed write to standard output raises `OutputError`.

    Raises:
        OutputError: standard output is closed, the disk is full, or the reader has closed the pipe.
    """
    if sys.stdout is None:
        raise OutputError(OSError(errno.EBADF, "is closed; send it to a file, or to /dev/null"))
    stream = sys.stdout
    sys.stdout = _CheckedStream(stream)
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout = stream


def discard_output() -> None:
    """Discard what standard output still buffers, so that Python prints no second error when the process ends."""
    if sys.stdout is None:
        return
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def print_error(line: str) -> None:
    """Print one line on standard error, if it is open."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"sottovoce: {line}", file=sys.stderr, flush=True)
