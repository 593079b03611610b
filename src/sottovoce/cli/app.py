"""The command ``sottovoce``: registers the commands and turns faults of the user's into one line.

Nothing heavy is imported here or at the top of a command's file, so that ``sottovoce --help`` answers at once.
"""

from __future__ import annotations

import errno
import os
import sys
import warnings
from typing import Annotated, NoReturn

import typer

import sottovoce
from sottovoce.cli.bench import bench
from sottovoce.cli.compress import compress
from sottovoce.cli.data import data
from sottovoce.cli.demo import demo
from sottovoce.cli.diarization import der, diarize, plda, tune
from sottovoce.cli.inspect import inspect
from sottovoce.cli.intent import classify
from sottovoce.cli.probe import probe
from sottovoce.cli.prune import prune
from sottovoce.cli.recipes import recipes
from sottovoce.cli.recognition import transcribe
from sottovoce.cli.report import report
from sottovoce.cli.spoofing import detect
from sottovoce.cli.verification import embed, evaluate, verify

EXTRAS = {
    "lightning": "train",
    "lhotse": "train",
    "tensorboard": "train",
    "bokeh": "report",
    "jinja2": "report",
    "matplotlib": "report",
    "espeakng_loader": "demo",
}
"""What is only installed with an extra -> the extra."""

USER_FAULT = 2
INTERRUPTED = 130

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
        typer.echo(f"sottovoce {sottovoce.__version__}")
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
    """Run the command line and leave the process: 0 done, 2 a fault of the user's (one line on stderr), 130 stopped.

    Args:
        arguments: what follows the program's name; the process's own by default.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in arguments or bool(os.environ.get("SOTTOVOCE_DEBUG"))
    warnings.showwarning = _noted  # type: ignore[assignment]
    try:
        app([a for a in arguments if a != "--debug"], prog_name="sottovoce")
    except SystemExit as leaving:
        if leaving.code == INTERRUPTED:
            print("sottovoce: stopped", file=sys.stderr)
        raise
    except Exception as fault:
        line = _told(fault)
        if debug or line is None:
            raise
        print(f"sottovoce: {line}", file=sys.stderr)
        sys.exit(USER_FAULT)
    sys.exit(0)


def _noted(message: Warning | str, kind: type[Warning], file: str, *_: object) -> None:
    """A warning as one line, without its place in the code; those of torch about its own affairs are left out."""
    if not issubclass(kind, DeprecationWarning | FutureWarning) and "torch" not in file.split(os.sep):
        print(f"sottovoce: {' '.join(str(message).split())}", file=sys.stderr)


def _told(fault: Exception) -> str | None:
    """The one line for a fault of the user's, or None for a defect of ours, which deserves its traceback."""
    if isinstance(fault, OSError):
        place = f"{fault.filename}: " if fault.filename is not None else ""
        remedy = "; free some, and give the same command again" if fault.errno == errno.ENOSPC else ""
        return f"{place}{fault.strerror or str(fault).strip().splitlines()[0]}{remedy}"
    if isinstance(fault, ModuleNotFoundError) and (extra := EXTRAS.get((fault.name or "").partition(".")[0])):
        return f"this needs {fault.name}, which is not installed; run: pip install 'sottovoce[{extra}]'"
    if "(os error " in str(fault):  # how safetensors says that the disk is full or may not be written
        return str(fault)
    # The errors module sits beside torch code; by the time one of its errors is raised it has been imported.
    errors = sys.modules.get("sottovoce.encoder.errors")
    if errors is not None and isinstance(fault, errors.SottovoceError):
        return str(fault)  # one line; of a recipe with several faults, one line each
    return None
