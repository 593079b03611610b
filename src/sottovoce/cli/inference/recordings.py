"""What all commands share that put recordings through a model: what they take, how they go on, what they print.

    sottovoce COMMAND MODEL RECORDING... [options of the command] [--channel] [--skip-faulty] [--json] [-o FILE]

One line a recording, in the order in which they are named, its name first and tabs between; with ``--json`` one JSON
object a line. ``-o`` writes into a file what would be printed. It is the same for one recording and for many.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TypeVar

import typer

from .channel import ChannelOption

if TYPE_CHECKING:
    from sottovoce.inference.batch import Batch
    from sottovoce.inference.inputs import Recording
    from sottovoce.models.task_network import TaskNetwork

Recordings = Annotated[
    list[str],
    typer.Argument(
        metavar="RECORDING",
        help="Audio files, folders of them, manifests of cuts (.jsonl.gz), @LIST (a text file with a path a line), or -"
        " for standard input.",
    ),
]
Channel = ChannelOption
SkipFaulty = Annotated[
    bool,
    typer.Option("--skip-faulty", help="Go on without faulty recordings: they are listed at the end, exit code 1."),
]
Json = Annotated[bool, typer.Option("--json", help="For another program: one JSON object a line.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="File for what would be printed.")]

SOME_FAULTY = 1
"""Exit code where recordings were left out."""

Item = TypeVar("Item")
Answer = TypeVar("Answer")
Write = Callable[[str], None]
Told = Callable[[str], None]
"""Told what is being done with the recording at hand."""


@dataclass(frozen=True)
class Asked:
    """The options that all of these commands have, see the top of this module."""

    recordings: Sequence[str]
    channel: Any = None
    skip_faulty: bool = False
    as_json: bool = False
    out: Path | None = None

    def check_out(self) -> None:
        """Raises: DataError: the answers cannot be written where they are to go."""
        from sottovoce.files import check_writable

        if self.out is not None:
            check_writable(self.out)

    def found(self) -> list[Recording]:
        """What is to be heard, when it is known that the answers can be written."""
        from sottovoce.inference.inputs import recordings

        self.check_out()
        return recordings(self.recordings, channel=self.channel)


def checked(items: Sequence[Any], check: Callable[[Any], object], asked: Asked) -> Batch[Any]:
    """The recordings without those whose headers show a fault; see `Batch`."""
    from sottovoce.cli.terminal import busy
    from sottovoce.inference.batch import Batch

    with busy(f"looking at {len(items)} recordings"):
        batch = Batch(items, check, skip_faulty=asked.skip_faulty)
    if not batch.items:
        leave(batch.faults, _share(batch, len(items)))
    return batch


def heard(
    batch: Batch[Any], hear: Callable[[Any, Told], Answer], *, shown: bool = True
) -> Iterator[tuple[Any, Answer]]:
    """Each recording with its answer; a terminal sees on standard error how far it is.

    Args:
        batch: of `checked`.
        hear: makes the answer; may tell what it is doing.
        shown: whether progress is shown; not where the answer itself comes bit by bit.
    """
    from rich.console import Console
    from rich.text import Text

    count, number = len(batch.items), 0
    status = Console(stderr=True).status("")

    def work(item: Any) -> Answer:
        nonlocal number
        number += 1
        place = f"{number}/{count} {item.name}"
        status.update(Text(place))
        if shown:
            status.start()
        try:
            return hear(item, lambda what: status.update(Text(f"{place}: {what}")))
        finally:
            status.stop()  # what is printed between two recordings would run into it

    yield from batch.answers(work)


@contextmanager
def writing(out: Path | None) -> Iterator[Write]:
    """Gives a function that writes a line: to standard output, or into a file that is there when all went well."""
    from sottovoce.files import whole_file

    if out is None:
        yield typer.echo
        return
    with whole_file(out) as partial, partial.open("w", encoding="utf-8", errors="backslashreplace") as file:
        yield lambda line: print(line, file=file)


def answer(
    asked: Asked,
    load: Callable[[], Callable[[Any, Told], Answer]],
    lines: Callable[[Any, Answer], Sequence[str]],
    data: Callable[[Any, Answer], dict[str, Any]],
    *,
    check: Callable[[Any], object],
    check_all: Callable[[Sequence[Any]], None] | None = None,
    columns: str,
    shown: bool = True,
    save: Callable[[list[tuple[Any, Answer]]], None] | None = None,
) -> None:
    """Put every recording through a model and write a line of each.

    Args:
        asked: what the user asked for.
        load: loads the model; returns what hears a recording.
        lines: one answer, for people, mostly one line; see `row`.
        data: the same as plain data, for ``--json``.
        check: raises where the header of a recording shows a fault; all are checked before the model is loaded.
        check_all: raises where recordings do not go together.
        columns: what the columns of a line are; told on standard error where that is a terminal.
        shown: whether progress is shown; not where the answer itself comes bit by bit.
        save: writes all answers at once, in place of lines.
    """
    from sottovoce.cli.terminal import busy, json_text

    items = asked.found()
    if check_all is not None:
        check_all(items)
    batch = checked(items, check, asked)
    with busy("loading the model"):
        hear = load()
    answers = heard(batch, hear, shown=shown)
    if save is not None:
        if not (every := list(answers)):
            finish(batch, len(items), asked.out)
        save(every)
    else:
        with writing(asked.out) as write:
            done = 0
            if not asked.as_json:
                legend(columns)
            for item, found in answers:
                for line in [json_text(data(item, found), asked.out)] if asked.as_json else lines(item, found):
                    write(line)
                done += 1
            if not done:
                finish(batch, len(items), asked.out)
    finish(batch, len(items), asked.out)


def through(
    model: str, task: str, function: Callable[[TaskNetwork, Recording], Answer]
) -> Callable[[], Callable[[Any, Told], Answer]]:
    """The argument ``load`` of `answer` for a library function that takes a model and a recording.

    Args:
        model: directory, file or hub id of the model.
        task: the task that it must be for.
        function: makes the answer.
    """

    def loaded() -> Callable[[Any, Told], Answer]:
        from sottovoce.models.loading import load

        network = load(model, task)
        return lambda item, _: function(network, item)

    return loaded


def legend(columns: str) -> None:
    """What stands in the columns, for whoever looks at a terminal."""
    if sys.stderr.isatty():
        typer.echo(f"columns: {columns}", err=True)


def finish(batch: Batch[Any], count: int, out: Path | None) -> None:
    """The last words: where the answers are, and what was left out.

    Raises:
        typer.Exit: with exit code 1, where something was.
    """
    if out is not None and len(batch.faults) < count:
        typer.echo(f"{count - len(batch.faults)} of {count} recordings: {out}")
    if batch.faults:
        leave(batch.faults, _share(batch, count))


def leave(faults: Sequence[str], what: str) -> NoReturn:
    """List what was left out and leave with exit code 1.

    Args:
        faults: a line each.
        what: how many of what they are.

    Raises:
        typer.Exit: always.
    """
    typer.echo(f"sottovoce: faulty and left out: {what}" + "".join(f"\n  {fault}" for fault in faults), err=True)
    raise typer.Exit(SOME_FAULTY)


def _share(batch: Batch[Any], count: int) -> str:
    return f"{len(batch.faults)} of {count} recordings"


def row(*cells: object) -> str:
    """One line with tabs between; a tab or line break within a cell is written as ``\\t``, ``\\n`` or ``\\r``."""
    return "\t".join(str(cell).translate(_ESCAPED) for cell in cells)


_ESCAPED = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})
