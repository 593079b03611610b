"""What the commands that run a model on recordings share: their options, their progress and their output.

    sottovoce COMMAND MODEL RECORDING... [options of the command] [--channel] [--skip-faulty] [--json] [-o FILE]

They print one line for each recording, in the given order: its name and the results, separated by tabs; with ``--json``
one JSON object a line. ``-o`` writes the same into a file. One recording is treated like many.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from .channel import ChannelOption

if TYPE_CHECKING:
    from sottovoce.data.audio.channels import Channel as AudioChannel
    from sottovoce.inference.batch import Batch, Named
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
    typer.Option("--skip-faulty", help="Skip faulty recordings; they are listed at the end, and the exit code is 1."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Write into this file instead of standard output.")]

SOME_FAULTY = 1
"""Exit code when recordings were skipped."""

Item = TypeVar("Item", bound="Named")
Result = TypeVar("Result")
Write = Callable[[str], None]
ShowProgress = Callable[[str], None]
"""A function that shows which step of the present recording is running."""


@dataclass(frozen=True)
class CommonOptions:
    """The arguments and options that all of these commands have."""

    recordings: Sequence[str]
    channel: AudioChannel | None = None
    skip_faulty: bool = False
    as_json: bool = False
    out: Path | None = None

    def check_out(self) -> None:
        """Check that the results can be written to ``--out``.

        Raises:
            DataError: the results cannot be written.
        """
        from sottovoce.files import check_writable

        if self.out is not None:
            check_writable(self.out)

    def find_recordings(self) -> list[Recording]:
        """The recordings that the arguments name, after `check_out`.

        Raises:
            DataError: there are no recordings, or the results cannot be written.
        """
        from sottovoce.inference.inputs import recordings

        self.check_out()
        return recordings(self.recordings, channel=self.channel)


def check_recordings(items: Sequence[Item], check: Callable[[Item], object], options: CommonOptions) -> Batch[Item]:
    """Check the headers of all recordings and, with ``--skip-faulty``, leave out the faulty ones; see `Batch`."""
    from sottovoce.cli.terminal import busy
    from sottovoce.inference.batch import Batch

    with busy(f"checking {len(items)} recordings"):
        batch = Batch(items, check, skip_faulty=options.skip_faulty)
    if not batch.items:
        exit_with_faults(batch.faults, _share(batch, len(items)))
    return batch


def run_batch(
    batch: Batch[Item], process: Callable[[Item, ShowProgress], Result], *, shown: bool = True
) -> Iterator[tuple[Item, Result]]:
    """Yield each recording with its result, and show the progress on standard error if that is a terminal.

    Args:
        batch: from `check_recordings`.
        process: takes a recording and a function that shows what it is doing; returns the result.
        shown: whether progress is shown; ``False`` where results are printed while they are computed.
    """
    from rich.console import Console
    from rich.text import Text

    count, number = len(batch.items), 0
    status = Console(stderr=True).status("")

    def work(item: Item) -> Result:
        nonlocal number
        number += 1
        place = f"{number}/{count} {item.name}"
        status.update(Text(place))
        if shown:
            status.start()
        try:
            return process(item, lambda what: status.update(Text(f"{place}: {what}")))
        finally:
            status.stop()  # so that printed results do not run into it

    yield from batch.answers(work)


@contextmanager
def output(out: Path | None) -> Iterator[Write]:
    """Yield a function that writes one line: to standard output, or into a file that appears only if no error is raised."""
    from sottovoce.files import whole_file

    if out is None:
        yield typer.echo
        return
    with whole_file(out) as partial, partial.open("w", encoding="utf-8", errors="backslashreplace") as file:
        yield lambda line: print(line, file=file)


def run_on_recordings(
    options: CommonOptions,
    load: Callable[[], Callable[[Recording, ShowProgress], Result]],
    lines: Callable[[Recording, Result], Sequence[str]],
    data: Callable[[Recording, Result], dict[str, object]],
    *,
    check: Callable[[Recording], object],
    check_all: Callable[[Sequence[Recording]], None] | None = None,
    columns: str,
    shown: bool = True,
    save: Callable[[list[tuple[Recording, Result]]], None] | None = None,
) -> None:
    """Run a model on every recording and print the results.

    Args:
        options: the arguments and options of the command.
        load: loads the model; returns a function from a recording and a `ShowProgress` to a result.
        lines: the lines that are printed for a result, mostly one; see `tab_separated`.
        data: a result as plain data, for ``--json``.
        check: raises an error if the header of a recording shows a fault. All headers are checked before the model is
            loaded.
        check_all: raises an error if recordings cannot be processed together.
        columns: names of the columns, printed on standard error if that is a terminal.
        shown: whether progress is shown; ``False`` where results are printed while they are computed.
        save: writes all results at once, instead of lines.
    """
    from sottovoce.cli.terminal import busy, json_text

    items = options.find_recordings()
    if check_all is not None:
        check_all(items)
    batch = check_recordings(items, check, options)
    with busy("loading the model"):
        process = load()
    results = run_batch(batch, process, shown=shown)
    if save is not None:
        if not (every := list(results)):
            print_summary(batch, len(items), options.out)
        save(every)
    else:
        with output(options.out) as write:
            count = 0
            if not options.as_json:
                print_columns(columns)
            for item, result in results:
                for line in [json_text(data(item, result), options.out)] if options.as_json else lines(item, result):
                    write(line)
                count += 1
            if not count:
                print_summary(batch, len(items), options.out)
    print_summary(batch, len(items), options.out)


def on_each(
    model: str, task: str, function: Callable[[TaskNetwork, Recording], Result]
) -> Callable[[], Callable[[Recording, ShowProgress], Result]]:
    """The argument ``load`` of `run_on_recordings` for a library function that takes a model and a recording.

    Args:
        model: directory, file or hub id of the model.
        task: the task that the model must be for.
        function: computes the result.
    """

    def loaded() -> Callable[[Recording, ShowProgress], Result]:
        from sottovoce.models.loading import load

        network = load(model, task)
        return lambda item, _: function(network, item)

    return loaded


def print_columns(columns: str) -> None:
    """Print the names of the columns on standard error, if that is a terminal."""
    if sys.stderr.isatty():
        typer.echo(f"columns: {columns}", err=True)


def print_summary(batch: Batch[Item], count: int, out: Path | None) -> None:
    """Print where the results are and which recordings were skipped.

    Raises:
        typer.Exit: recordings were skipped; the exit code is 1.
    """
    if out is not None and len(batch.faults) < count:
        typer.echo(f"{count - len(batch.faults)} of {count} recordings: {out}")
    if batch.faults:
        exit_with_faults(batch.faults, _share(batch, count))


def exit_with_faults(faults: Sequence[str], what: str) -> NoReturn:
    """List what was skipped and exit with code 1.

    Args:
        faults: one line for each skipped item.
        what: the number and kind of the skipped items, such as ``3 utterances``.

    Raises:
        typer.Exit: always.
    """
    typer.echo(f"sottovoce: faulty and left out: {what}" + "".join(f"\n  {fault}" for fault in faults), err=True)
    raise typer.Exit(SOME_FAULTY)


def _share(batch: Batch[Item], count: int) -> str:
    return f"{len(batch.faults)} of {count} recordings"


def tab_separated(*cells: object) -> str:
    """Cells as one line with tabs between them; a tab or line break inside a cell is written as ``\\t``, ``\\n`` or ``\\r``."""
    return "\t".join(str(cell).translate(_ESCAPED) for cell in cells)


_ESCAPED = str.maketrans({"\t": "\\t", "\n": "\\n", "\r": "\\r"})
