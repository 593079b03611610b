"""The command ``sottovoce``: registers all commands, and prints errors that the user can fix as one line.

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
from sottovoce.cli.commands.demonstration import demo
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
from sottovoce.cli.names_in_help import CompressCommand, PruneCommand
from sottovoce.cli.streams import OutputError, checked_output, discard_output, make_output_printable, print_error
from sottovoce.version import __version__

USER_FAULT = 2
"""Exit code after an error that the user can fix."""
INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 plus the number of the signal, as in a shell."""
TERMINATED = 128 + signal.SIGTERM
"""Exit code after SIGTERM, which a batch system sends when a job is out of time."""
CUT_OFF = 141
"""Exit code when the reader of standard output has closed it (``| head``): 128 plus the number of SIGPIPE."""

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
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Options of every command. `main` removes ``--debug`` from the arguments, wherever it stands."""


TASKS = (embed, verify, evaluate, detect, transcribe, diarize, tune, plda, der, classify)

NAMES_IN_HELP = {compress: CompressCommand, prune: PruneCommand}

for command in (demo, compress, report, inspect, prune, bench, probe, *TASKS):
    app.command(cls=NAMES_IN_HELP.get(command))(command)
app.add_typer(data)
app.add_typer(recipes, name="recipes")


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and end the process.

    Exit codes: 0 done; 1 done except for faulty input that is listed on standard error; 2 an error that the user can fix,
    as one line on standard error; 130 stopped by Ctrl-C; 141 the reader of standard output closed it; 143 ended by SIGTERM.

    Args:
        arguments: what follows the name of the program; by default the arguments of this process.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments or bool(os.environ.get("SOTTOVOCE_DEBUG"))
    make_output_printable()
    warnings.showwarning = _print_warning  # type: ignore[assignment]
    with _sigterm_leaves_like_ctrl_c():
        sys.exit(_run([a for a in arguments if a != "--debug"], debug))


def _run(arguments: list[str], debug: bool) -> int:
    """Run a command, print its error as one line if it fails, and return its exit code."""
    try:
        with checked_output():
            code = _exit_code(arguments)
    except OutputError as fault:
        return _output_failed(fault.reason)
    except Exception as fault:  # any other error: one line if the user can fix it, otherwise the traceback
        line = fault_line(fault)
        if debug or line is None:
            raise
        print_error(line)
        return USER_FAULT
    if code in (INTERRUPTED, TERMINATED):
        print_error("stopped" if code == INTERRUPTED else "terminated")
    return code


def _exit_code(arguments: list[str]) -> int:
    """Run a command and return the exit code that it ends with."""
    try:
        app(arguments, prog_name="sottovoce")
    except SystemExit as leaving:
        if leaving.code is None or isinstance(leaving.code, int):
            return leaving.code or 0
        print_error(str(leaving.code))
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


def _output_failed(fault: OSError) -> int:
    """Print that standard output cannot be written any more, and return the exit code."""
    discard_output()
    if isinstance(fault, BrokenPipeError):
        print_error("standard output was closed before everything was written")
        return CUT_OFF
    print_error(f"standard output: {fault_line(fault)}")
    return USER_FAULT


@contextmanager
def _sigterm_leaves_like_ctrl_c() -> Iterator[None]:
    """Within this context, SIGTERM raises `SystemExit`, so that half-written files are removed as after Ctrl-C."""

    def exit_process(*_: object) -> NoReturn:
        raise SystemExit(TERMINATED)

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    before = signal.signal(signal.SIGTERM, exit_process)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _print_warning(message: Warning | str, kind: type[Warning], file: str, *_: object) -> None:
    """Print a warning as one line, without its place in the code. Deprecations and warnings of torch are not printed."""
    if not issubclass(kind, DeprecationWarning | FutureWarning) and "torch" not in file.split(os.sep):
        print_error(" ".join(str(message).split()))
