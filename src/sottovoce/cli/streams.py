"""Standard output and error: whatever is printed can be printed, and what cannot be written any more is an error."""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterable, Iterator
from typing import Any, TextIO

_DRAWN = dict.fromkeys("█▇▆▅▄", "#") | dict.fromkeys("▉▊▋▌▍▎▏▐│┃", "|") | dict.fromkeys("─━╸╺╾╼", "-")
_DRAWN |= dict.fromkeys("·•", ".") | {"…": "...", "→": "->", "▶": ">", "−": "-", "×": "x", "–": "-", "—": "-"}
"""What is drawn, and the like of it in ASCII."""


def _printable(error: UnicodeError) -> tuple[bytes, int]:
    """What an output prints that cannot print a character: the like of it where it is drawn, or its escape.

    A byte of a file name that is not UTF-8 is printed as it is, so that the name can be given to another program.
    """
    assert isinstance(error, UnicodeEncodeError)
    printed = b""
    for character in error.object[error.start : error.end]:
        if "\udc80" <= character <= "\udcff":  # what Python makes of such a byte (PEP 383)
            printed += bytes([ord(character) - 0xDC00])
        elif "\u2800" <= character <= "\u28ff":  # a spinner
            printed += b"*"
        else:
            printed += _DRAWN.get(character, "").encode() or character.encode("ascii", "backslashreplace")
    return printed, error.end


codecs.register_error("sottovoce.printable", _printable)


def never_fail() -> None:
    """From now on no character is one that standard output and error cannot print."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="sottovoce.printable")


class OutputFault(Exception):
    """Standard output takes nothing any more. (No `OSError`: typer and rich would make of it what they like.)

    Args:
        reason: what the system says.
    """

    def __init__(self, reason: OSError):
        super().__init__(str(reason))
        self.reason = reason


class _Checked:
    """A stream, of which every error is an `OutputFault`."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        with self._told():
            return self._stream.write(text)

    def flush(self) -> None:
        with self._told():
            self._stream.flush()

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputFault(error) from None


@contextlib.contextmanager
def checked_output() -> Iterator[None]:
    """Within it, and at its end, what standard output does not take is an error of its own kind.

    Raises:
        OutputFault: there is none, it is full, or its reader has gone.
    """
    if sys.stdout is None:
        raise OutputFault(OSError(errno.EBADF, "is closed; send it to a file, or to /dev/null"))
    stream = sys.stdout
    sys.stdout = _Checked(stream)
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout = stream


def give_up_output() -> None:
    """Let what standard output still holds go nowhere, so that nothing is said of it when the process ends."""
    if sys.stdout is None:
        return
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def complain(line: str) -> None:
    """One line on standard error, if there is one."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(f"sottovoce: {line}", file=sys.stderr, flush=True)
