"""``sottovoce diarize``: who spoke when in a file; ``tune`` and ``plda``, what it goes by; ``der``, how well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .recordings import Asked, Channel, Json, Recordings, SkipFaulty, answer, row

if TYPE_CHECKING:
    from sottovoce.data.corpora.rttm import Turn
    from sottovoce.diarization.pipeline import DiarizationSettings
    from sottovoce.inference.inputs import Recording


Linkage = Annotated[
    str,
    typer.Option(
        help="Distance of clusters: average (cosine, of their voices) or centroid (Euclidean, of their means)."
    ),
]
PldaFile = Annotated[Path | None, typer.Option(help="PLDA of the speaker model: cluster by VBx.")]
Fa = Annotated[float | None, typer.Option(help="Of VBx, scale of the evidence; default: 0.07.")]
Fb = Annotated[float | None, typer.Option(help="Of VBx, scale of the prior on voices; default: 0.8.")]
Loop = Annotated[float | None, typer.Option(help="Of VBx, how surely a speaker goes on; default: 0.")]


def diarize(
    model: Annotated[str, typer.Argument(help="A diarization model, as a run leaves it in models/.")],
    recordings: Recordings,
    embedding: Annotated[
        str | None, typer.Option(help="A speaker model that tells who is who; not needed for one window of audio.")
    ] = None,
    speakers: Annotated[int | None, typer.Option(help="How many there are, if known.", min=1)] = None,
    min_speakers: Annotated[int | None, typer.Option(help="At least so many.", min=1)] = None,
    max_speakers: Annotated[int | None, typer.Option(help="At most so many.", min=1)] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fewer speakers than asked for are an error, and nothing is written.")
    ] = False,
    window: Annotated[float, typer.Option(help="Seconds of a window.")] = 8.0,
    step: Annotated[float, typer.Option(help="Seconds from window to window; half the step is twice the work.")] = 0.8,
    threshold: Annotated[float, typer.Option(help="Distance from which on voices are of two people.")] = 0.7,
    linkage: Linkage = "average",
    plda: PldaFile = None,
    fa: Fa = None,
    fb: Fb = None,
    loop: Loop = None,
    exclusive: Annotated[bool, typer.Option("--exclusive", help="Never two speakers at once.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw the turns: .png, .svg or .pdf.")] = None,
    channel: Channel = None,
    skip_faulty: SkipFaulty = False,
    as_json: Json = False,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", help="One RTTM file of all recordings; or a folder (DIR/) for one of each."),
    ] = None,
) -> None:
    """Write who speaks when in each recording, as RTTM."""
    from sottovoce.cli.terminal import many
    from sottovoce.data.corpora.rttm import rttm_lines, write_rttm
    from sottovoce.diarization.speaker_count import SpeakerCount
    from sottovoce.errors import DataError
    from sottovoce.files import check_writable
    from sottovoce.inference.diarization import diarize as library
    from sottovoce.inference.inputs import check_ids
    from sottovoce.models.loading import load as load_network
    from sottovoce.report.pictures.speaker_timeline import check_picture_path as checked_picture
    from sottovoce.report.pictures.speaker_timeline import draw_timeline

    # What can be wrong is found before anything takes long.
    count = SpeakerCount.of(speakers, min_speakers, max_speakers)
    settings = replace(_settings(window, step, linkage, threshold, plda, fa=fa, fb=fb, loop=loop), exclusive=exclusive)
    picture = None if picture is None else check_writable(checked_picture(picture))
    folder = Path(out) if out is not None and (out.endswith("/") or Path(out).is_dir()) else None
    if folder is not None and as_json:
        raise DataError(f"--out {out}: --json makes one file; name that, or leave --json out")
    if folder is not None:
        check_writable(folder / "any.rttm")

    def check(item: Recording) -> None:
        seconds = item.seconds()
        if embedding is None and seconds > window:
            raise DataError(
                f"{item.name}: {seconds:.1f} s is more than a window of {window:g} s; give --embedding, a speaker model"
                " that tells who is who across windows"
            )

    def check_all(items: Sequence[Recording]) -> None:
        check_ids(items)
        if picture is not None and len(items) != 1:
            raise DataError(f"--picture {picture}: draws one recording, and there are {len(items)}; name one")

    def load() -> Any:
        network = load_network(model, task="diarization")
        speaker_model = None if embedding is None else load_network(embedding, task="verification")

        def hear(item: Recording, told: Any) -> list[Turn]:
            seconds = item.seconds()
            turns = library(
                network,
                item,
                speaker_model,
                settings=settings,
                count=count,
                strict=strict,
                progress=lambda what, done: told(f"{what}, {done:.0f} of {seconds:.0f} s"),
            )
            if folder is not None:
                write_rttm({item.id: turns}, folder / item.file_name(".rttm"))
            if picture is not None:
                draw_timeline(turns, seconds, picture, title=item.name)
            if out is not None and not as_json:
                spoken = sum(turn.end - turn.start for turn in turns)
                summary = (many(len({turn.speaker for turn in turns}), "speaker"), many(len(turns), "turn"))
                typer.echo(row(item.name, *summary, f"{spoken:.1f} s of speech in {seconds:.1f} s"))
            return turns

        return hear

    def lines(item: Recording, turns: list[Turn]) -> list[str]:
        return [] if folder is not None else list(rttm_lines({item.id: turns}))

    def data(item: Recording, turns: list[Turn]) -> dict[str, Any]:
        said = [{"start": turn.start, "end": turn.end, "speaker": turn.speaker} for turn in turns]
        speakers = len({turn.speaker for turn in turns})
        return {"file": item.name, "seconds": item.seconds(), "speakers": speakers, "turns": said}

    answer(
        Asked(recordings, channel, skip_faulty, as_json, None if out is None or folder is not None else Path(out)),
        load,
        lines,
        data,
        check=check,
        check_all=check_all,
        columns="SPEAKER, recording, channel, onset, duration, -, -, speaker, -, - (RTTM)",
    )


def _settings(
    window: float, step: float, linkage: str, threshold: float, plda: Path | None, **vbx: float | None
) -> DiarizationSettings:
    """Of the pipeline; whatever is wrong with them is told here."""
    from sottovoce.diarization.ahc import AHCOptions
    from sottovoce.diarization.pipeline import DiarizationSettings
    from sottovoce.diarization.plda import PLDA
    from sottovoce.diarization.vbx import VBxOptions
    from sottovoce.errors import DataError

    constants: dict[str, Any] = {name: value for name, value in vbx.items() if value is not None}
    if constants and plda is None:
        raise DataError(f"--{next(iter(constants))} is of VBx, which needs --plda (sottovoce plda makes one)")
    return DiarizationSettings(
        window=window,
        step=step,
        ahc=AHCOptions(threshold, linkage),
        vbx=None if plda is None else VBxOptions(**constants),
        plda=None if plda is None else PLDA.load(plda),
    )


def tune(
    model: Annotated[str, typer.Argument(help="A diarization model.")],
    data: Annotated[
        Path, typer.Argument(help="Lhotse cuts (.jsonl.gz) of recordings with turns; never your test data.")
    ],
    embedding: Annotated[str, typer.Option(help="The speaker model that tells who is who.")],
    step: Annotated[float, typer.Option(help="Seconds from window to window.")] = 0.8,
    window: Annotated[float, typer.Option(help="Seconds of a window.")] = 8.0,
    linkage: Linkage = "average",
    plda: PldaFile = None,
    fa: Fa = None,
    fb: Fb = None,
    loop: Loop = None,
    as_json: Annotated[bool, typer.Option("--json", help="For another program.")] = False,
) -> None:
    """Find the --threshold for diarize: DER of whole recordings at each."""
    from rich.table import Table

    from sottovoce.cli.terminal import busy, console, print_json
    from sottovoce.inference.diarization_tuning import tune as library

    settings = _settings(window, step, linkage, 0.7, plda, fa=fa, fb=fb, loop=loop)
    with busy("listening"):
        tuning = library(model, data, embedding, settings=settings)
    best, found = tuning.threshold, tuning.scores
    if as_json:
        print_json({"threshold": best, "der": {f"{each:g}": score.der for each, score in found.items()}})
        return
    table = Table("threshold", "DER %", "miss", "false alarm", "confusion", title=str(found[best].protocol))
    for each, score in found.items():
        numbers = (score.der, score.miss, score.false_alarm, score.confusion)
        table.add_row(f"{each:.2f}", *(f"{100 * n:.2f}" for n in numbers), style="bold" if each == best else None)
    console().print(table)
    console().print(f"--threshold {best:g}", highlight=False, markup=False)


def plda(
    model: Annotated[str, typer.Argument(help="A speaker model.")],
    data: Annotated[Path, typer.Argument(help="Lhotse cuts (.jsonl.gz) of utterances with speakers.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .safetensors file.")],
    seconds: Annotated[float, typer.Option(help="Stretches that are embedded: as short as turns are.")] = 2.0,
    size: Annotated[int | None, typer.Option(help="Directions that are kept; default: all.", min=1)] = None,
) -> None:
    """Fit a PLDA to the embeddings of a speaker model: with it, diarize --plda clusters by VBx."""
    from sottovoce.cli.terminal import busy, console
    from sottovoce.inference.plda_fitting import plda as library

    with busy("listening"):
        fitted = library(model, data, seconds=seconds, size=size)
    fitted.save(out)
    console().print(
        f"{len(fitted.phi)} directions, between-speaker variance {fitted.phi[0]:.2f} to {fitted.phi[-1]:.2f}: {out}",
        markup=False,
    )


def der(
    reference: Annotated[Path, typer.Argument(help="RTTM file, or a folder of them.")],
    system: Annotated[Path, typer.Argument(help="RTTM file, or a folder of them.")],
    uem: Annotated[Path | None, typer.Option(help="What is scored: a UEM file, or a folder of them.")] = None,
    collar: Annotated[float, typer.Option(help="Seconds on EACH side of a boundary that are not scored.", min=0)] = 0.0,
    skip_overlap: Annotated[bool, typer.Option("--skip-overlap", help="Leave out where several speak.")] = False,
    draws: Annotated[int, typer.Option(help="Draws of the bootstrap.", min=1)] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="For another program.")] = False,
) -> None:
    """Diarization and Jaccard error rate, by recording and in all, with an interval over recordings."""
    from sottovoce.cli.terminal import console, print_json
    from sottovoce.inference.diarization_scoring import der as library
    from sottovoce.metrics.diarization import Protocol

    score = library(reference, system, uem, protocol=Protocol(collar=collar, skip_overlap=skip_overlap))
    interval = score.interval(draws=draws) if len(score.files) > 1 else None
    if as_json:
        rates = {name: getattr(score, name) for name in ("der", "miss", "false_alarm", "confusion", "jer", "speech")}
        rates |= {"unscored": score.unscored, "missing": list(score.missing)}
        bounds = None if interval is None else [interval.low, interval.high]
        files = {file.name: {key: getattr(file, key) for key in ("der", "jer", "speech")} for file in score.files}
        for file in score.files:
            if file.der_reason is not None:
                files[file.name]["der_reason"] = file.der_reason
        print_json({**rates, "der_interval": bounds, "protocol": str(score.protocol), "recordings": files})
        return
    console().print(score.table(), highlight=False)
    console().print(str(score), highlight=False)
    if interval is not None:
        console().print(
            f"95 % interval over {len(score.files)} recordings: {interval.percent()}", highlight=False, markup=False
        )
