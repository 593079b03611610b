"""``sottovoce data copies``: make spoofed training speech from bona fide speech by copy synthesis."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def copies(
    manifest: Annotated[Path, typer.Argument(help="Lhotse cuts of bona fide speech.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the corpus.")],
    method: Annotated[
        list[str] | None, typer.Option(help="Method of synthesis; may be repeated. Default: all six.")
    ] = None,
    each: Annotated[int, typer.Option(help="Copies of each segment.", min=1)] = 2,
    seconds: Annotated[float, typer.Option(help="Length of a segment in seconds.")] = 2.5,
    stretches: Annotated[int, typer.Option(help="Most segments taken from one utterance.", min=1)] = 3,
    seed: Annotated[int, typer.Option(help="The same seed gives the same corpus.", min=0)] = 0,
) -> None:
    """Analyze speech and synthesize it again: bona fide segments and their spoofed copies, to train anti-spoofing on."""
    from sottovoce.cli.terminal import progress_bar
    from sottovoce.data.corpora.cuts import read_cuts
    from sottovoce.data.synthesis.copy_synthesis import METHODS, copy_synthesize

    cuts = read_cuts(manifest)
    with progress_bar("copying") as progress:
        path = copy_synthesize(
            cuts,
            out,
            methods=method or METHODS,
            copies=each,
            seconds=seconds,
            stretches=stretches,
            seed=seed,
            progress=progress,
        )
    typer.echo(path)
