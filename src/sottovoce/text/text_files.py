"""Text files that people and other programs write, read in one way: lists, references, trials, language models.

Differences without meaning are ignored: a byte order mark, the kind of line end, a last line without one, gzip.
Whatever is no text list is refused: bytes that are not UTF-8, NULs, pipes and devices, endless lines and files.
"""

from __future__ import annotations

import codecs
import gzip
import io
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import DataError

LONGEST = 2**24
"""Bound of the characters of a line: a meeting of a whole day with all its words has fewer."""

_WHOLE = 2**33
"""Bound of the characters of a file."""

_PACKED = 100
"""Bound of the characters per byte of a gzipped file: lists have 5 to 50, a file made to fill memory has more."""

_EACH = 16
"""Each line counts as this many characters more, because reading even a short line takes time."""

_SMALL = 2**22
"""Number of characters up to which a gzipped file may be compressed to any degree."""

_KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
          stat.S_IFSOCK: "a socket"}  # fmt: skip


def lines(path: str | Path) -> Iterator[tuple[int, str]]:
    """The number (from 1) and the text of every line without its end, empty lines included.

    The file is UTF-8, or UTF-16 with a byte order mark; lines end with LF, CRLF or CR. A gzipped file is recognized by its
    first bytes. The file is read line by line, as far as the caller iterates.

    Raises:
        DataError: The file is missing, not a regular file, not text (with the line), damaged, or larger than any list.
    """
    path = Path(path)
    number = 0
    try:
        with _opened(path) as (file, most):
            while line := file.readline(LONGEST + 1):
                number += 1
                most -= len(line) + _EACH
                if len(line) > LONGEST:
                    raise DataError(f"{path} line {number}: more than {LONGEST:,} characters; is this a list?")
                if most < 0:
                    raise DataError(f"{path} line {number}: the file becomes far too large when it is unpacked")
                yield number, _text(line, path, number)
    except UnicodeError as error:  # of UTF-16; UTF-8 is checked line by line
        raise DataError(f"{path}: not a text file (after line {number}: {error})") from None
    except (OSError, EOFError, zlib.error, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def text(path: str | Path) -> str:
    """The content of a text file, with LF at the line ends.

    Raises:
        DataError: As `lines`.
    """
    return "\n".join(line for _, line in lines(path))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[str], int]]:
    """The file opened as text, and the most characters that may be read from it."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):  # checked before opening: opening a pipe waits for its other end
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "no file")
        raise DataError(f"{path}: cannot be read ({kind}); give a file")
    with open(path, "rb") as raw:
        packed = raw.peek(2)[:2] == b"\x1f\x8b"
        most = min(_WHOLE, max(_SMALL, _PACKED * found.st_size)) if packed else _WHOLE
        content = io.BufferedReader(gzip.GzipFile(fileobj=raw)) if packed else raw
        yield io.TextIOWrapper(content, encoding=_encoding(content.peek(2)), errors="surrogateescape"), most


def _encoding(first: bytes) -> str:
    return "utf-16" if first.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8"


def _text(line: str, path: Path, number: int) -> str:
    """A line without its end and without a byte order mark.

    Raises:
        DataError: The line has bytes that no text has.
    """
    line = line.removesuffix("\n").removeprefix("\ufeff")  # a mark inside a file: two files were concatenated
    if "\0" in line:
        hint = "; is it UTF-16? save it as UTF-8" if number == 1 else ""
        raise DataError(f"{path}: not a text file (line {number}: a NUL byte{hint})")
    if not line.isascii():
        try:
            line.encode()
        except UnicodeEncodeError as error:  # surrogateescape reads a byte 0x80 + k that is not UTF-8 as U+DC80 + k
            wrong = f"the byte 0x{ord(line[error.start]) & 0xFF:02x} is not UTF-8; save it as UTF-8"
            raise DataError(f"{path}: not a text file (line {number}: {wrong})") from None
    return line
