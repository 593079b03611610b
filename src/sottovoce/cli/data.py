"""``sottovoce data``: corpora."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

data = typer.Typer(name="data", help="Make and import corpora.", no_args_is_help=True)


@data.callback()
def _group() -> None:
    """Make and import corpora."""


@data.command()
def synthesize(
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the corpus.")],
    speakers_train: Annotated[int, typer.Option(help="Speakers to train on.")] = 80,
    speakers_test: Annotated[int, typer.Option(help="Other speakers to test on.")] = 40,
    utterances: Annotated[int, typer.Option(help="Utterances of each speaker.")] = 12,
    seed: Annotated[int, typer.Option(help="The same seed gives the same corpus.")] = 0,
) -> None:
    """Make a corpus of many invented speakers: audio, Lhotse cuts and trials."""
    from rich.console import Console
    from rich.progress import Progress

    from sottovoce.data.synthesis import synthesize as library

    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("speaking", total=None)
        corpus = library(
            out,
            speakers_train=speakers_train,
            speakers_test=speakers_test,
            utterances=utterances,
            seed=seed,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    for path in (corpus.train, corpus.test, corpus.trials):
        typer.echo(path)


@data.command("import")
def import_corpus(
    source: Annotated[Path, typer.Argument(help="The corpus: a folder, or the file that lists it.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the cuts; the audio stays where it is.")],
    layout: Annotated[
        str, typer.Option(help="table (manifest.tsv or .csv) or folder (one folder a speaker).")
    ] = "table",
    drop_faulty: Annotated[bool, typer.Option(help="Leave faulty audio out, and say so, instead of stopping.")] = False,
) -> None:
    """Check a corpus and write Lhotse cuts, one file a split."""
    from sottovoce.data.manifests import import_corpus as library

    for split, path in library(source, out, layout=layout, drop_faulty=drop_faulty).items():
        typer.echo(f"{split}: {path}")
