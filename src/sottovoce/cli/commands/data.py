"""``sottovoce data``: corpora."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ..inference.channel import ChannelOption
from ..inference.recordings import exit_with_faults
from ..names_in_help import one_of_in_help, usable_names
from .data_copies import copies

data = typer.Typer(name="data", help="Make, import, check and show corpora.", no_args_is_help=True)
data.command()(copies)


@data.callback()
def _group() -> None:
    """Make, import, check and show corpora."""


class _ImportCommand(TyperCommand):
    """A command whose help lists all layouts, including those of other packages, which are imported only for the help."""

    def format_help(self, *arguments: Any) -> None:
        from sottovoce.data.corpora.layouts import LAYOUTS

        one_of_in_help(self, "layout", usable_names(LAYOUTS))
        super().format_help(*arguments)


class _SynthesizeCommand(TyperCommand):
    """A command whose help lists all tasks with a synthetic corpus, including those of other packages."""

    def format_help(self, *arguments: Any) -> None:
        from sottovoce.data.synthesis import SYNTHESES

        one_of_in_help(self, "task", usable_names(SYNTHESES))
        super().format_help(*arguments)


FurtherOptions = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="An option of what another package has added; may be repeated."),
]


@data.command(cls=_SynthesizeCommand)
def synthesize(
    task: Annotated[str, typer.Argument(help="The task that the corpus is for.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the corpus.")],
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same corpus.")] = None,
    speakers_train: Annotated[int | None, typer.Option(help="Speakers of the training split.")] = None,
    speakers_dev: Annotated[
        int | None, typer.Option(help="Speakers of the development split; 0 for no such split.")
    ] = None,
    speakers_test: Annotated[int | None, typer.Option(help="Speakers of the test split.")] = None,
    utterances: Annotated[int | None, typer.Option(help="Utterances of each speaker (not of diarization).")] = None,
    scene: Annotated[str | None, typer.Option(help="Acoustics: rooms (reverberant and noisy) or dry.")] = None,
    styles: Annotated[
        str | None, typer.Option(help="Kinds of text, with commas: sentence,question,command,digits (recognition).")
    ] = None,
    spoofed: Annotated[int | None, typer.Option(help="Spoofed recordings for each bona fide one (spoofing).")] = None,
    attacks: Annotated[str | None, typer.Option(help="Attacks in all splits, with commas (spoofing).")] = None,
    held_out: Annotated[str | None, typer.Option(help="Attacks only in the test split (spoofing).")] = None,
    conversations_train: Annotated[
        int | None, typer.Option(help="Recordings of the training split (diarization).")
    ] = None,
    conversations_dev: Annotated[
        int | None, typer.Option(help="Recordings of the development split (diarization).")
    ] = None,
    conversations_test: Annotated[int | None, typer.Option(help="Recordings of the test split (diarization).")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Approximate length of a conversation in seconds (diarization).")
    ] = None,
    voices: Annotated[
        tuple[int, int] | None,
        typer.Option(help="Least and largest number of speakers in a conversation (diarization)."),
    ] = None,
    overlap: Annotated[
        float | None, typer.Option(help="Fraction of the speech in which two speakers overlap (diarization).")
    ] = None,
    pause: Annotated[float | None, typer.Option(help="Mean pause between turns in seconds (diarization).")] = None,
    further: FurtherOptions = None,
) -> None:
    """Make a corpus of invented speakers for a task: audio, Lhotse cuts, and trials or RTTM and UEM."""
    given = dict(locals())  # the arguments, before there are other local names
    from sottovoce.cli.terminal import progress_bar
    from sottovoce.data.synthesis import synthesize as library
    from sottovoce.data.synthesis.corpus import synthesis_of

    lists = {name: _names(given.pop(name)) for name in ("styles", "attacks", "held_out")}
    further_options = _further(given.pop("further"))
    options = {name: value for name, value in (given | lists | further_options).items() if value is not None}
    synthesis_of(task, {k: v for k, v in options.items() if k not in ("task", "out")}, spelling=_option)
    with progress_bar("synthesizing speech") as progress:
        corpus = library(options.pop("out"), progress=progress, **options)
    for path in corpus.parts():
        typer.echo(path)


def _names(text: str | None) -> list[str] | None:
    """``lpc,splice`` as a list of names; ``None`` stays ``None``."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


@data.command("import", cls=_ImportCommand)
def import_corpus(
    layout: Annotated[str, typer.Argument(help="The form in which the corpus is published.")],
    source: Annotated[Path, typer.Argument(help="The corpus: a folder, or the file that lists it.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the cuts; the audio stays where it is.")],
    audio: Annotated[Path | None, typer.Option(help="Folder of the audio, where it is not beside the list.")] = None,
    columns: Annotated[
        str | None, typer.Option(help="Columns of other names: path=file,speaker=spk,label=cls (table, huggingface).")
    ] = None,
    rttm: Annotated[Path | None, typer.Option(help="RTTM file, or folder of them (table).")] = None,
    uem: Annotated[Path | None, typer.Option(help="UEM file, or folder of them (rttm, table).")] = None,
    trials: Annotated[Path | None, typer.Option(help="Trials that name the utterances (voxceleb).")] = None,
    quotes: Annotated[
        str | None, typer.Option(help="csv: cells are quoted as in CSV; none: quotes are text (table).")
    ] = None,
    split: Annotated[str | None, typer.Option(help="What a corpus of one split is called.")] = None,
    channel: ChannelOption = None,
    allow_pipes: Annotated[bool, typer.Option("--allow-pipes", help="Run the commands in wav.scp (kaldi).")] = False,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Segments of one speaker may overlap (kaldi).")
    ] = False,
    skip_faulty: Annotated[
        bool, typer.Option("--skip-faulty", help="Go on without faulty audio: it is listed at the end, exit code 1.")
    ] = False,
    further: FurtherOptions = None,
) -> None:
    """Check a corpus and write Lhotse cuts, one file a split."""
    from sottovoce.cli.terminal import console, progress_bar
    from sottovoce.data.corpora.cut_records import read_cut_records
    from sottovoce.data.corpora.layouts import LAYOUTS
    from sottovoce.data.corpora.layouts.options import options_model
    from sottovoce.data.corpora.manifests import import_corpus as library
    from sottovoce.data.corpora.summary import summarize
    from sottovoce.options import check_options
    from sottovoce.report.tables.corpora import corpus_table

    given = {
        "audio": audio,
        "columns": _pairs(columns),
        "rttm": rttm,
        "uem": uem,
        "trials": trials,
        "quotes": quotes,
        "allow_pipes": allow_pipes,
        "allow_overlap": allow_overlap,
    }
    options: dict[str, Any] = {name: value for name, value in given.items() if value not in (None, False)}
    options |= _further(further)
    check_options(options_model(LAYOUTS.find(layout)), options, f"the layout {layout}", spelling=_option)
    options |= {"layout": layout, "split": split, "channel": channel, "skip_faulty": skip_faulty}
    left_out: list[str] = []
    with progress_bar("reading the corpus") as progress:
        manifests = library(source, out, progress=progress, left_out=left_out, **options)
    for name, path in manifests.items():
        typer.echo(f"{name}: {path}")
        console().print(corpus_table(str(path), summarize(read_cut_records(path))))
    if left_out:
        exit_with_faults(left_out, f"{len(left_out)} utterances")


def _further(settings: list[str] | None) -> dict[str, str]:
    """``["field=speaker"]`` as ``{"field": "speaker"}``."""
    from sottovoce.errors import DataError

    options = {}
    for setting in settings or []:
        name, equals, value = setting.partition("=")
        if not name or not equals:
            raise DataError(f"--set {setting}: not NAME=VALUE; write for example --set field=speaker")
        options[name.replace("-", "_")] = value
    return options


def _option(name: str) -> str:
    """``speakers_test`` as ``--speakers-test``."""
    return f"--{name.replace('_', '-')}"


def _pairs(text: str | None) -> dict[str, str] | None:
    """``path=file,speaker=spk`` as ``{"path": "file", "speaker": "spk"}``."""
    from sottovoce.errors import DataError

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
    """Decode all audio of a manifest and list what is missing, truncated, NaN, silent or clipped."""
    from sottovoce.cli.terminal import print_json, progress_bar
    from sottovoce.data.corpora.audio_check import check_audio
    from sottovoce.data.corpora.cuts import read_cuts
    from sottovoce.errors import DataError

    cuts = read_cuts(manifest)
    with progress_bar("decoding") as progress:
        audit = check_audio(cuts, progress)
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
    manifest: Annotated[Path, typer.Argument(help="Lhotse cuts, as import writes them, or the folder of them.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON; of a folder, by split.")] = False,
) -> None:
    """Hours, speakers, labels and durations of a manifest, or of each in a folder."""
    from sottovoce.cli.terminal import console, print_json
    from sottovoce.data.corpora.cut_records import read_cut_records
    from sottovoce.data.corpora.cuts import manifests_of
    from sottovoce.data.corpora.summary import summarize
    from sottovoce.report.tables.corpora import corpus_table

    summaries = {path: summarize(read_cut_records(path)) for path in manifests_of(manifest)}
    if not as_json:
        for path, summary in summaries.items():
            console().print(corpus_table(str(path), summary))
    elif manifest.is_dir():
        print_json({path.name.split(".jsonl")[0]: summary.as_dict() for path, summary in summaries.items()})
    else:
        print_json(summaries[manifest].as_dict())


@data.command("export-shar")
def export_shar(
    manifest: Annotated[Path, typer.Argument(help="Lhotse cuts, as import writes them.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the shards.")],
    shard_size: Annotated[int, typer.Option(help="Cuts in a shard.")] = 1_000,
) -> None:
    """Write cuts with their audio as Lhotse Shar: a few large files in place of many small ones."""
    from sottovoce.data.corpora.cuts import read_cuts
    from sottovoce.data.corpora.shar import export_shar as library

    typer.echo(library(read_cuts(manifest), out, shard_size=shard_size))
