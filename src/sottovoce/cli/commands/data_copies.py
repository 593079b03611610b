"""``sottovoce data copies``: spoofed speech to train on, made of bona fide speech."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def copies(
    manifest: Annotated[Path, typer.Argument(help="Lhotse cuts of bona fide speech.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the corpus.")],
    method: Annotated[list[str] | None, typer.Option(help="A way to copy; may be repeated. Default: six.")] = None,
    each: Annotated[int, typer.Option(help="Copies of each stretch.", min=1)] = 2,
    seconds: Annotated[float, typer.Option(help="Length of a stretch.")] = 2.5,
    stretches: Annotated[int, typer.Option(help="Most stretches of one utterance.", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="The same seed gives the same corpus.", min=0)] = 0,
) -> None:
    """Take speech apart and put it together again: bona fide stretches and spoofed copies to train anti-spoofing on."""
    from rich.console import Console
    from rich.progress import Progress

    from sottovoce.data.corpora.cuts import read_cuts
    from sottovoce.data.synthesis.copy_synthesis import METHODS, copy_synthesize

    cuts = read_cuts(manifest)
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("copying", total=None)
        path = copy_synthesize(
            cuts,
            out,
            methods=method or METHODS,
            copies=each,
            seconds=seconds,
            stretches=stretches,
            seed=seed,
            told=lambda done, total: bar.update(task, completed=done, total=total),
        )
    typer.echo(path)
