"""The command ``sottovoce``: registers the commands and turns faults of the user's into one line.

Nothing heavy is imported here or at the top of a command's file, so that ``sottovoce --help`` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NoReturn

import typer

from sottovoce.cli.commands.benchmark import bench
from sottovoce.cli.commands.compression import compress
from sottovoce.cli.commands.data import data
from sottovoce.cli.commands.demo import demo
from sottovoce.cli.commands.inspection import inspect
from sottovoce.cli.commands.probing import probe
from sottovoce.cli.commands.pruning import prune
from sottovoce.cli.commands.recipes import recipes
from sottovoce.cli.commands.reporting import report
from sottovoce.cli.faults import fault_line
from sottovoce.cli.inference.diarization import der, diarize, plda, tune
from sottovoce.cli.inference.intent import classify
from sottovoce.cli.inference.recognition import transcribe
from sottovoce.cli.inference.spoofing import detect
from sottovoce.cli.inference.verification import embed, evaluate, verify
from sottovoce.cli.streams import OutputFault, checked_output, complain, give_up_output, never_fail
from sottovoce.version import __version__

USER_FAULT = 2
"""Exit code for a fault of the user's."""
INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 and the number of the signal, as a shell says it."""
TERMINATED = 128 + signal.SIGTERM
"""Exit code after a polite request to end, as of a batch system whose time is up."""
CUT_OFF = 141
"""Exit code when the reader of standard output has gone (``| head``): as of a program that SIGPIPE ends."""

app = typer.Typer(
    name="sottovoce",
    help="Speech encoders made small: fine-tune, prune to a budget while distilling, slim, and prove the result equal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sottovoce {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options that belong to every command. ``--debug`` is taken out by `main`, wherever it stands."""


TASKS = (embed, verify, evaluate, detect, transcribe, diarize, tune, plda, der, classify)

for command in (demo, compress, report, inspect, prune, bench, probe, *TASKS):
    app.command()(command)
app.add_typer(data)
app.add_typer(recipes, name="recipes")


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and leave the process: 0 done, 1 done but for what was faulty and is listed on stderr, 2 a
    fault of the user's (one line on stderr), 130 stopped from the keyboard, 141 standard output was closed by its reader,
    143 ended by SIGTERM.

    Args:
        arguments: what follows the program's name; the process's own by default.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments or bool(os.environ.get("SOTTOVOCE_DEBUG"))
    never_fail()
    warnings.showwarning = _noted  # type: ignore[assignment]
    with _ended_politely():
        sys.exit(_carried_out([a for a in arguments if a != "--debug"], debug))


def _carried_out(arguments: list[str], debug: bool) -> int:
    """The exit code of a command, whose one line has been printed if it has failed."""
    try:
        with checked_output():
            code = _left(arguments)
    except OutputFault as fault:
        return _without_output(fault.reason)
    except Exception as fault:  # the last resort: told in a line where it is the user's, else raised again
        line = fault_line(fault)
        if debug or line is None:
            raise
        complain(line)
        return USER_FAULT
    if code in (INTERRUPTED, TERMINATED):
        complain("stopped" if code == INTERRUPTED else "terminated")
    return code


def _left(arguments: list[str]) -> int:
    """Run a command; the exit code with which it leaves."""
    try:
        app(arguments, prog_name="sottovoce")
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        complain(str(leaving.code))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _without_output(fault: OSError) -> int:
    """Say that standard output takes nothing any more."""
    give_up_output()
    if isinstance(fault, BrokenPipeError):
        complain("standard output was closed before everything was written")
        return CUT_OFF
    complain(f"standard output: {fault_line(fault)}")
    return USER_FAULT


@contextmanager
def _ended_politely() -> Iterator[None]:
    """Within it, SIGTERM leaves as Ctrl-C does, so that nothing half-written stays behind."""

    def leave(*_: object) -> NoReturn:
        raise SystemExit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():
        yield  # only there may signals be handled
        return
    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _noted(message: Warning | str, kind: type[Warning], file: str, *_: object) -> None:
    """A warning as one line, without its place in the code; those of torch about its own affairs are left out."""
    if not issubclass(kind, DeprecationWarning | FutureWarning) and "torch" not in file.split(os.sep):
        complain(" ".join(str(message).split()))
