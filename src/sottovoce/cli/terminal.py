"""What commands share: the console, JSON, a spinner, a progress bar, and the check of an output directory."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from sottovoce.errors import SottovoceError
from sottovoce.text import plain_json


def console() -> Console:
    """The console of standard output. If that is not a terminal, it is 140 columns wide, so that tables are not cut."""
    screen = Console()
    return screen if screen.is_terminal else Console(width=140)


def print_json(data: object) -> None:
    """Print plain data as JSON on standard output; see `json_text`."""
    sys.stdout.write(json_text(data, indent=2) + "\n")


def json_text(data: object, out: Path | None = None, *, indent: int | None = None) -> str:
    """Plain data as JSON (see `sottovoce.text.plain_json`) that its destination can encode.

    Args:
        data: plain data, see `plain_json.dumps`.
        out: the file that the text is for, which is written as UTF-8; ``None`` for standard output in its own encoding.
        indent: spaces for each level, see `plain_json.dumps`; ``None`` for a single line.
    """
    # JSON escapes are needed: the replacements that streams.py makes for characters that the output lacks are not JSON.
    escaped = out is None and codecs.lookup(sys.stdout.encoding or "utf-8").name != "utf-8"
    return plain_json.dumps(data, indent=indent, escaped=escaped)


def count_of(count: int, thing: str) -> str:
    """A count and a noun, in the plural unless the count is 1: ``1 turn``, ``2 turns``."""
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


@contextmanager
def progress_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on standard error if that is a terminal.

    Yields:
        a function that takes the number of finished items and the total number of items.
    """
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task(text, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def busy(text: str) -> Iterator[None]:
    """Show a spinner on standard error, if that is a terminal, while the code in this context runs."""
    with Console(stderr=True).status(text):
        yield


def new_directory(path: Path) -> Path:
    """Return ``path`` if a new directory can be made there.

    Raises:
        SottovoceError: ``path`` is a file, or a directory that is not empty; neither is ever overwritten.
    """
    if path.is_file() or (path.is_dir() and any(path.iterdir())):
        raise SottovoceError(f"{path}: exists already and would be lost; remove it or name another output")
    return path
