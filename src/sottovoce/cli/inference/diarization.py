"""``sottovoce diarize``: who speaks when; ``tune`` and ``plda``: its threshold and PLDA; ``der``: its error rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .recordings import (
    Channel,
    CommonOptions,
    Json,
    Recordings,
    ShowProgress,
    SkipFaulty,
    run_on_recordings,
    tab_separated,
)

if TYPE_CHECKING:
    from sottovoce.data.corpora.rttm import Turn
    from sottovoce.diarization.tuned_settings import Changes
    from sottovoce.inference.inputs import Recording


Linkage = Annotated[
    str | None,
    typer.Option(
        help="Distance of clusters: average (cosine, of their voices) or centroid (Euclidean, of their means); default: as"
        " the model was tuned, else average."
    ),
]
PldaFile = Annotated[
    Path | None, typer.Option(help="PLDA of the speaker model, a file or a released folder: cluster by VBx.")
]
Window = Annotated[
    float | None, typer.Option(help="Length of a window in seconds; default: as the model was tuned, else 8.")
]
Step = Annotated[
    float | None,
    typer.Option(
        help="Seconds from one window to the next; half the step takes twice the time. Default: as the model was tuned, else"
        " 0.8."
    ),
]
Fa = Annotated[float | None, typer.Option(help="Of VBx, scale of the evidence; default: 0.07.")]
Fb = Annotated[float | None, typer.Option(help="Of VBx, scale of the prior on voices; default: 0.8.")]
Loop = Annotated[float | None, typer.Option(help="Of VBx, how surely a speaker goes on; default: 0.")]


def diarize(
    model: Annotated[str, typer.Argument(help="A diarization model, as a run leaves it in models/.")],
    recordings: Recordings,
    embedding: Annotated[
        str | None,
        typer.Option(help="A speaker model, which matches speakers across windows; not needed for one window."),
    ] = None,
    speakers: Annotated[int | None, typer.Option(help="Number of speakers, if known.", min=1)] = None,
    min_speakers: Annotated[int | None, typer.Option(help="Least number of speakers.", min=1)] = None,
    max_speakers: Annotated[int | None, typer.Option(help="Largest number of speakers.", min=1)] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail if fewer speakers are found than requested; nothing is written then.")
    ] = False,
    window: Window = None,
    step: Step = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Distance of embeddings above which they are of different speakers; default: as the model was tuned, else"
            " 0.7."
        ),
    ] = None,
    linkage: Linkage = None,
    plda: PldaFile = None,
    fa: Fa = None,
    fb: Fb = None,
    loop: Loop = None,
    exclusive: Annotated[bool, typer.Option("--exclusive", help="At most one speaker at a time.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw the turns into a .png, .svg or .pdf file.")] = None,
    channel: Channel = None,
    skip_faulty: SkipFaulty = False,
    as_json: Json = False,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", help="One RTTM file of all recordings; or a folder (DIR/) for one of each."),
    ] = None,
) -> None:
    """Write who speaks when in each recording, as RTTM."""
    from sottovoce.cli.terminal import count_of
    from sottovoce.data.corpora.rttm import rttm_lines, write_rttm
    from sottovoce.diarization.speaker_count import SpeakerCount
    from sottovoce.diarization.tuned_settings import model_settings
    from sottovoce.errors import DataError
    from sottovoce.files import check_writable
    from sottovoce.inference.diarization import diarize as library
    from sottovoce.inference.inputs import check_ids
    from sottovoce.models.loading import load as load_network
    from sottovoce.report.pictures.speaker_timeline import check_picture_path, draw_timeline

    # All options are checked before the model is loaded.
    bounds = (speakers, min_speakers, max_speakers)
    count = None if bounds == (None, None, None) else SpeakerCount.from_bounds(*bounds)
    changes = _changes(window, step, linkage, threshold, plda, fa=fa, fb=fb, loop=loop, exclusive=exclusive)
    picture = None if picture is None else check_writable(check_picture_path(picture))
    folder = Path(out) if out is not None and (out.endswith("/") or Path(out).is_dir()) else None
    if folder is not None and as_json:
        raise DataError(f"--out {out}: --json writes one file; name a file, or leave --json out")
    if folder is not None:
        check_writable(folder / "any.rttm")

    longest = window if window is not None or Path(model, "config.toml").is_file() else 8.0

    def check(item: Recording) -> None:
        seconds = item.seconds()
        if embedding is None and longest is not None and seconds > longest:
            raise DataError(
                f"{item.name}: {seconds:.1f} s is more than a window of {longest:g} s; give --embedding, a speaker model,"
                " which matches speakers across windows"
            )

    def check_all(items: Sequence[Recording]) -> None:
        check_ids(items)
        if picture is not None and len(items) != 1:
            raise DataError(f"--picture {picture}: draws one recording, and there are {len(items)}; name one")

    def load() -> Callable[[Recording, ShowProgress], list[Turn]]:
        network = load_network(model, task="diarization")
        settings = model_settings(network, changes)
        speaker_model = None if embedding is None else load_network(embedding, task="verification")

        def process(item: Recording, show_progress: ShowProgress) -> list[Turn]:
            seconds = item.seconds()
            turns = library(
                network,
                item,
                speaker_model,
                settings=settings,
                count=count,
                strict=strict,
                progress=lambda what, done: show_progress(f"{what}, {done:.0f} of {seconds:.0f} s"),
            )
            if folder is not None:
                write_rttm({item.id: turns}, folder / item.file_name(".rttm"))
            if picture is not None:
                draw_timeline(turns, seconds, picture, title=item.name)
            if out is not None and not as_json:
                spoken = sum(turn.end - turn.start for turn in turns)
                summary = (count_of(len({turn.speaker for turn in turns}), "speaker"), count_of(len(turns), "turn"))
                typer.echo(tab_separated(item.name, *summary, f"{spoken:.1f} s of speech in {seconds:.1f} s"))
            return turns

        return process

    def lines(item: Recording, turns: list[Turn]) -> list[str]:
        return [] if folder is not None else list(rttm_lines({item.id: turns}))

    def data(item: Recording, turns: list[Turn]) -> dict[str, Any]:
        listed = [{"start": turn.start, "end": turn.end, "speaker": turn.speaker} for turn in turns]
        speakers = len({turn.speaker for turn in turns})
        return {"file": item.name, "seconds": item.seconds(), "speakers": speakers, "turns": listed}

    run_on_recordings(
        CommonOptions(
            recordings, channel, skip_faulty, as_json, None if out is None or folder is not None else Path(out)
        ),
        load,
        lines,
        data,
        check=check,
        check_all=check_all,
        columns="SPEAKER, recording, channel, onset, duration, -, -, speaker, -, - (RTTM)",
    )


def _changes(
    window: float | None,
    step: float | None,
    linkage: str | None,
    threshold: float | None,
    plda: Path | None,
    *,
    exclusive: bool = False,
    **vbx: float | None,
) -> Changes:
    """The options of the command that change the settings of the model, checked before it is loaded.

    Raises:
        DataError: a value is out of its range, a constant of VBx is given without a PLDA, or the PLDA cannot be read.
    """
    from sottovoce.diarization.ahc import AHCOptions
    from sottovoce.diarization.pipeline import DiarizationSettings
    from sottovoce.diarization.plda_files import read_plda
    from sottovoce.diarization.tuned_settings import Changes
    from sottovoce.diarization.vbx import VBxOptions

    constants: dict[str, Any] = {name: value for name, value in vbx.items() if value is not None}
    AHCOptions(0.7 if threshold is None else threshold, linkage or "average")
    VBxOptions(**constants)
    if window is not None or step is not None:
        DiarizationSettings(window=window or max(8.0, step or 0), step=step or min(0.8, window or 8.0))
    if plda is not None:
        read_plda(plda)
    return Changes(window, step, threshold, linkage, plda, exclusive=exclusive, **constants)


def tune(
    model: Annotated[str, typer.Argument(help="A diarization model.")],
    data: Annotated[
        Path, typer.Argument(help="Lhotse cuts (.jsonl.gz) of recordings with turns; never your test data.")
    ],
    embedding: Annotated[str, typer.Option(help="The speaker model, which matches speakers across windows.")],
    step: Step = None,
    window: Window = None,
    linkage: Linkage = None,
    plda: PldaFile = None,
    fa: Fa = None,
    fb: Fb = None,
    loop: Loop = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find the --threshold of diarize with the lowest error rate on whole recordings."""
    from sottovoce.cli.terminal import busy, console, print_json
    from sottovoce.diarization.tuned_settings import model_settings
    from sottovoce.inference.diarization_tuning import tune as library
    from sottovoce.models.loading import load as load_network
    from sottovoce.report.tables.thresholds import threshold_table

    changes = _changes(window, step, linkage, None, plda, fa=fa, fb=fb, loop=loop)
    with busy("processing recordings"):
        network = load_network(model, task="diarization")
        tuning = library(network, data, embedding, settings=model_settings(network, changes))
    best, scores = tuning.threshold, tuning.scores
    if as_json:
        print_json({"threshold": best, "der": {f"{each:g}": score.der for each, score in scores.items()}})
        return
    console().print(threshold_table(scores, best))
    console().print(f"--threshold {best:g}", highlight=False, markup=False)


def plda(
    model: Annotated[str, typer.Argument(help="A speaker model.")],
    data: Annotated[Path, typer.Argument(help="Lhotse cuts (.jsonl.gz) of utterances with speakers.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The .safetensors file.")],
    seconds: Annotated[
        float, typer.Option(help="Length of the embedded segments in seconds: about that of turns.")
    ] = 2.0,
    size: Annotated[int | None, typer.Option(help="Dimensions that are kept; default: all.", min=1)] = None,
) -> None:
    """Fit a PLDA to the embeddings of a speaker model, with which diarize --plda clusters by VBx."""
    from sottovoce.cli.terminal import busy, console
    from sottovoce.inference.plda_fitting import plda as library

    with busy("processing recordings"):
        fitted = library(model, data, seconds=seconds, size=size)
    fitted.save(out)
    console().print(
        f"{len(fitted.phi)} dimensions, between-speaker variance {fitted.phi[0]:.2f} to {fitted.phi[-1]:.2f}: {out}",
        markup=False,
    )


def der(
    reference: Annotated[Path, typer.Argument(help="RTTM file, or a folder of them.")],
    system: Annotated[Path, typer.Argument(help="RTTM file, or a folder of them.")],
    uem: Annotated[Path | None, typer.Option(help="The scored regions: a UEM file, or a folder of them.")] = None,
    collar: Annotated[float, typer.Option(help="Seconds on EACH side of a boundary that are not scored.", min=0)] = 0.0,
    skip_overlap: Annotated[bool, typer.Option("--skip-overlap", help="Do not score overlapped speech.")] = False,
    draws: Annotated[int, typer.Option(help="Number of bootstrap samples.", min=1)] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Diarization and Jaccard error rate of each recording and of all, with an interval over recordings."""
    from sottovoce.cli.terminal import console, print_json
    from sottovoce.inference.diarization_scoring import der as library
    from sottovoce.metrics.diarization import ScoringProtocol

    score = library(reference, system, uem, protocol=ScoringProtocol(collar=collar, skip_overlap=skip_overlap))
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
