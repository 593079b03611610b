"""``sottovoce embed``, ``verify`` and ``evaluate``: speaker embeddings, decisions and error rates."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .recordings import (
    Channel,
    CommonOptions,
    Json,
    Out,
    Recordings,
    SkipFaulty,
    check_recordings,
    on_each,
    output,
    print_columns,
    print_summary,
    run_batch,
    run_on_recordings,
    tab_separated,
)

if TYPE_CHECKING:
    from torch import Tensor

    from sottovoce.data.audio.segments import Segments
    from sottovoce.inference.inputs import Recording
    from sottovoce.inference.verification import Verdict

Model = Annotated[str, typer.Argument(help="A speaker model, as a run leaves it in models/.")]

SegmentCount = Annotated[
    int | None,
    typer.Option(
        "--segments",
        help="Score by the mean distance of this many segments of each recording, as ESPnet-SPK does; 0: whole recordings. "
        "Default: as the model.",
        min=0,
        max=1_000,
    ),
]
SegmentSeconds = Annotated[
    float, typer.Option("--segment-seconds", help="Length of a segment in seconds.", min=0.1, max=3_600)
]


def embed(
    model: Model,
    recordings: Recordings,
    channel: Channel = None,
    skip_faulty: SkipFaulty = False,
    as_json: Json = False,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="A .npz file (`names` and `embeddings` [N, E]), a Kaldi table (.ark or .scp, both are written) or a .parquet"
            " file; with --json the JSON lines.",
        ),
    ] = None,
) -> None:
    """Write the speaker embedding of each recording."""
    from sottovoce.inference.embedding_files import embedding_file
    from sottovoce.inference.inputs import Recording
    from sottovoce.inference.verification import embed as library

    if out is not None and not as_json:
        out = embedding_file(out)
    run_on_recordings(
        CommonOptions(recordings, channel, skip_faulty, as_json, out),
        on_each(model, "verification", library),
        lambda item, vector: [tab_separated(item.name, " ".join(f"{number:.6g}" for number in vector.tolist()))],
        lambda item, vector: {"file": item.name, "embedding": vector.tolist()},
        check=Recording.seconds,
        columns="recording, embedding",
        save=None if out is None or as_json else partial(_save, out),
    )


def _save(out: Path, found: list[tuple[Recording, Tensor]]) -> None:
    from sottovoce.inference.embedding_files import write_embeddings

    write_embeddings(out, [item.name for item, _ in found], [vector for _, vector in found])


def verify(
    model: Model,
    recordings: Annotated[
        list[str],
        typer.Argument(metavar="A B", help="Two audio files; or @LIST, a text file with two a line, or a trials file."),
    ],
    channel: Channel = None,
    segments: SegmentCount = None,
    segment_seconds: SegmentSeconds = 3.0,
    skip_faulty: SkipFaulty = False,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Print whether two recordings are of the same speaker: decision, score and threshold."""
    from warnings import warn

    from sottovoce.cli.terminal import busy, json_text
    from sottovoce.errors import DataError
    from sottovoce.inference.inputs import LIST, Recording
    from sottovoce.inference.pair_lists import read_pairs
    from sottovoce.inference.verification import compare_embeddings, voice
    from sottovoce.models.loading import load
    from sottovoce.tasks.scoring.speaker_scoring import scored_by

    options = CommonOptions(recordings, channel, skip_faulty, as_json, out)
    if len(recordings) == 1 and recordings[0].startswith(LIST):
        options.check_out()
        pairs = read_pairs(recordings[0].removeprefix(LIST), channel=channel)
    elif len(recordings) == 2 and len(two := options.find_recordings()) == 2:
        pairs = [(two[0], two[1])]
    else:
        raise DataError(f"{' '.join(recordings)}: give two audio files, or @LIST, a text file with two a line")
    items = list(dict.fromkeys(item for pair in pairs for item in pair))
    batch = check_recordings(items, Recording.seconds, options)
    with busy("loading the model"):
        network = load(model, task="verification")

    def process(item: Recording, _: Any) -> tuple[Tensor, float]:
        return voice(network, item), item.seconds()

    with scored_by(network.scoring, _segments(segments, segment_seconds)):
        voices = dict(run_batch(batch, process))
        if not (chosen := [pair for pair in pairs if pair[0] in voices and pair[1] in voices]):
            print_summary(batch, len(items), None)
            return
        place = {item: number for number, item in enumerate(voices)}
        vectors, seconds = zip(*voices.values(), strict=True)
        numbers = [(place[a], place[b]) for a, b in chosen]
        found = compare_embeddings(network, vectors, seconds, numbers, names=[item.name for item in voices])
    if found[0].threshold is None:
        why = (
            "no development trials set one" if segments is None else "another way of scoring than its own needs another"
        )
        warn(f"the model has no threshold ({why}), so it decides nothing", stacklevel=1)
    with output(out) as write:
        if not as_json:
            print_columns("two recordings, decision, score, threshold")
        for pair, verdict in zip(chosen, found, strict=True):
            write(json_text(_data(*pair, verdict), out) if as_json else _line(*pair, verdict))
    print_summary(batch, len(items), out)


def _segments(count: int | None, seconds: float) -> Segments | None:
    from sottovoce.data.audio.segments import Segments

    return None if count is None else Segments(count, seconds)


def _line(a: Recording, b: Recording, found: Verdict) -> str:
    word = {None: "-", True: "same", False: "different"}[found.same]
    return tab_separated(
        a.name, b.name, word, f"{found.score:.4f}", "-" if found.threshold is None else f"{found.threshold:.4f}"
    )


def _data(a: Recording, b: Recording, found: Verdict) -> dict[str, Any]:
    values = {"score": found.score, "threshold": found.threshold, "same": found.same, "calibrated": found.calibrated}
    return {"a": a.name, "b": b.name, **values}


def evaluate(
    model: Model,
    data: Annotated[
        str, typer.Argument(help="Manifest of cuts (.jsonl.gz), folder of audio, or @LIST (a text file of paths).")
    ],
    trials: Annotated[Path, typer.Argument(help="Lines `1|0 a b`, `a b target|nontarget` or the like.")],
    key: Annotated[
        Path | None, typer.Option(help="File with the labels of the trials, if the trials file has none.")
    ] = None,
    enroll: Annotated[Path | None, typer.Option(help="Lines `<enrollment> <utterance>` (enroll.lst).")] = None,
    draws: Annotated[int, typer.Option(help="Number of bootstrap samples.", min=1)] = 1000,
    det: Annotated[Path | None, typer.Option(help="Draw the DET curve into this PNG file.")] = None,
    card: Annotated[
        bool, typer.Option("--card", help="Also write the result into the README.md of the model.")
    ] = False,
    channel: Channel = None,
    p_target: Annotated[
        float, typer.Option(help="Prior probability of a target in minDCF: 0.01; VoxSRC and ESPnet 0.05.")
    ] = 0.01,
    c_miss: Annotated[float, typer.Option(help="Cost of a miss in minDCF.")] = 1.0,
    c_fa: Annotated[float, typer.Option(help="Cost of a false alarm in minDCF.")] = 1.0,
    segments: SegmentCount = None,
    segment_seconds: SegmentSeconds = 3.0,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Equal error rate and minDCF of a speaker model over a trials file, with intervals by speaker."""
    from sottovoce.cli.terminal import busy, json_text
    from sottovoce.files import check_writable
    from sottovoce.inference.trial_evaluation import evaluate as library
    from sottovoce.models.model_card import add_scores, scores_of
    from sottovoce.options import check_options
    from sottovoce.tasks.scoring.cost_options import DetectionCost
    from sottovoce.tasks.verification import Verification

    for place in (det, out):
        if place is not None:
            check_writable(place)
    costs = {"p_target": p_target, "c_miss": c_miss, "c_fa": c_fa}
    cost = check_options(DetectionCost, costs, "evaluate", spelling=lambda name: f"--{name.replace('_', '-')}")
    with busy(f"evaluating on {trials}"):
        found: dict[str, Any] = library(
            model,
            data,
            trials,
            key=key,
            enroll=enroll,
            draws=draws,
            channel=channel,
            cost=cost,
            segments=_segments(segments, segment_seconds),
        )
    if det is not None:
        draw_det({Path(model).name: found["det"]}, det)
    if card:
        add_scores(model, scores_of(trials.stem, found, Verification.metric))
    with output(out) as write:
        if as_json:
            write(json_text(found, out))
        else:
            write(Verification().summary(found))
            write(f"trials: {found['form']}")
            write(f"{found['protocol']}; EER interpolated")


def draw_det(curves: dict[str, dict[str, list[float]]], path: Path) -> None:
    """Write a PNG with the DET curve of each model; ``curves`` has the error rates of a curve by the name of its model."""
    import numpy as np

    from sottovoce.files import write_bytes
    from sottovoce.metrics.detection.error_tradeoff import DET
    from sottovoce.report.pictures.det_curves import det_picture

    drawn = {name: DET(np.array(c["miss"]), np.array(c["false_alarm"])) for name, c in curves.items()}
    write_bytes(path, det_picture(drawn))
