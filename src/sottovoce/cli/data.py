"""``sottovoce data``: corpora."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .copies import copies

data = typer.Typer(name="data", help="Make, import, check and show corpora.", no_args_is_help=True)
data.command()(copies)


@data.callback()
def _group() -> None:
    """Make, import, check and show corpora."""


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
    layout: Annotated[
        str,
        typer.Argument(
            help="asvspoof, folder (one a speaker), huggingface, kaldi, lhotse, nemo, rttm, slurp, table, voxceleb."
        ),
    ],
    source: Annotated[Path, typer.Argument(help="The corpus: a folder, or the file that lists it.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the cuts; the audio stays where it is.")],
    audio: Annotated[Path | None, typer.Option(help="Folder of the audio, where it is not beside the list.")] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns of other names: path=file,speaker=spk,label=cls (table, huggingface).")
    ] = None,
    rttm: Annotated[Path | None, typer.Option(help="RTTM file, or folder of them (table).")] = None,
    uem: Annotated[Path | None, typer.Option(help="UEM file, or folder of them (rttm, table).")] = None,
    trials: Annotated[Path | None, typer.Option(help="Trials that name the utterances (voxceleb).")] = None,
    split: Annotated[str | None, typer.Option(help="What a corpus of one split is called.")] = None,
    channel: Annotated[int | None, typer.Option(help="Channel of files with several, from 0.")] = None,
    allow_pipes: Annotated[bool, typer.Option("--allow-pipes", help="Run the commands in wav.scp (kaldi).")] = False,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Segments of one speaker may overlap (kaldi).")
    ] = False,
    drop_faulty: Annotated[bool, typer.Option(help="Leave faulty audio out, and say so, instead of stopping.")] = False,
) -> None:
    """Check a corpus and write Lhotse cuts, one file a split."""
    from sottovoce.data.manifests import import_corpus as library

    given = {
        "audio": audio,
        "columns": _pairs(columns),
        "rttm": rttm,
        "uem": uem,
        "trials": trials,
        "allow_pipes": allow_pipes,
        "allow_overlap": allow_overlap,
    }
    options = {name: value for name, value in given.items() if value not in (None, False)}
    made = library(source, out, layout=layout, drop_faulty=drop_faulty, split=split, channel=channel, **options)
    for name, path in made.items():
        typer.echo(f"{name}: {path}")


def _pairs(text: str | None) -> dict[str, str] | None:
    """``path=file,speaker=spk`` as a dictionary."""
    from sottovoce.encoder.errors import DataError

    if text is None:
        return None
    pairs = [part.split("=", 1) for part in text.split(",")]
    if any(len(pair) != 2 or not all(pair) for pair in pairs) or len({pair[0] for pair in pairs}) < len(pairs):
        raise DataError(f"--columns: {text!r} is not like path=file,speaker=spk, each name once")
    return {ours: theirs for ours, theirs in pairs}


@data.command()
def check(
    manifest: Annotated[Path, typer.Argument(help="Lhotse cuts, as import writes them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Decode all audio of a manifest; tell what is missing, cut off, NaN, silent or clipped."""
    from rich.console import Console
    from rich.progress import Progress

    from sottovoce.cli.terminal import print_json
    from sottovoce.data.audit import check_audio
    from sottovoce.data.cuts import read_cuts
    from sottovoce.encoder.errors import DataError

    cuts = read_cuts(manifest)
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("decoding", total=None)
        audit = check_audio(cuts, lambda done, total: bar.update(task, completed=done, total=total))
    if as_json:
        print_json(vars(audit))
    else:
        for note in audit.notes:
            typer.echo(f"note: {note}")
        typer.echo(f"{audit.cuts} cuts, {audit.files} files, {audit.seconds / 3600:.3f} hours decoded")
    if audit.faults:
        listed = "".join(f"\n  {fault}" for fault in audit.faults)
        raise DataError(f"{manifest}: {len(audit.faults)} fault{'s' * (len(audit.faults) > 1)}:{listed}")


@data.command()
def show(
    manifest: Annotated[Path, typer.Argument(help="Lhotse cuts, as import writes them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Hours, speakers, labels and durations of a manifest."""
    from sottovoce.cli.terminal import console, print_json
    from sottovoce.data.cuts import read_cuts
    from sottovoce.data.summary import summarise
    from sottovoce.report.corpus import corpus

    found = summarise(read_cuts(manifest))
    if as_json:
        print_json(found.as_dict())
    else:
        console().print(corpus(str(manifest), found))
