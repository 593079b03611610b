"""What commands share: where they print, how they show that they are busy, and where they may write."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from sottovoce.errors import SottovoceError
from sottovoce.text import plain_json


def console() -> Console:
    """Standard output; wide where it is not a terminal, so that a table in a file or pipe is not cut."""
    wide = Console()
    return wide if wide.is_terminal else Console(width=140)


def print_json(data: Any) -> None:
    """Plain data on standard output, for another program; see `json_text`."""
    sys.stdout.write(json_text(data, indent=2) + "\n")


def json_text(data: Any, out: Path | None = None, *, indent: int | None = None) -> str:
    """Plain data as JSON (see `sottovoce.text.plain_json`), as the place can hold it.

    Args:
        data: as `plain_json.dumps`.
        out: the file that it goes to, which is UTF-8; ``None`` for standard output, which is what the terminal is.
        indent: as `plain_json.dumps`.
    """
    # the escapes of an output that cannot print a character (streams.py) are no JSON; those of JSON itself are
    escaped = out is None and codecs.lookup(sys.stdout.encoding or "utf-8").name != "utf-8"
    return plain_json.dumps(data, indent=indent, escaped=escaped)


def many(count: int, thing: str) -> str:
    """``1 turn``, ``2 turns``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


@contextmanager
def busy(text: str) -> Iterator[None]:
    """A spinner on standard error while something takes its time; nothing where that is no terminal."""
    with Console(stderr=True).status(text):
        yield


def vacant(path: Path) -> Path:
    """``path``, if a new directory can be made there.

    Raises:
        SottovoceError: something is there already; it is never overwritten.
    """
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise SottovoceError(f"{path}: exists already and would be lost; remove it or name another output")
    return path
