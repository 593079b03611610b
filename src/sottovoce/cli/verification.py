"""``sottovoce embed``, ``verify`` and ``evaluate``: speaker models at work."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Model = Annotated[str, typer.Argument(help="A speaker model, as a run leaves it in models/.")]
Channel = Annotated[int | None, typer.Option(help="Which channel of files with several, from 0.", min=0)]
Json = Annotated[bool, typer.Option("--json", help="For another program.")]


def embed(
    model: Model,
    audio: Annotated[Path, typer.Argument(help="An audio file, or a folder of them.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="A .npz file: `names` and `embeddings` [N, E].")],
    channel: Channel = None,
) -> None:
    """Write the speaker embeddings of audio files."""
    import numpy as np

    from sottovoce.cli.terminal import busy, console
    from sottovoce.data.folder import audio_files
    from sottovoce.deployment.verification import embed as library
    from sottovoce.deployment.verification import load_verifier
    from sottovoce.training.files import whole_file

    files = audio_files(audio)
    with busy(f"embedding {len(files)} files"):
        found = library(load_verifier(model), files, channel=channel)
    stacked = np.stack([vector.numpy() for vector in found.values()])
    out = out if out.suffix == ".npz" else out.with_name(out.name + ".npz")
    with whole_file(out) as partial, partial.open("wb") as file:
        np.savez(file, names=np.array(list(found)), embeddings=stacked)
    console().print(f"{len(found)} embeddings of {stacked.shape[1]} numbers in {out}")


def verify(
    model: Model,
    a: Annotated[Path, typer.Argument(help="An audio file.")],
    b: Annotated[Path, typer.Argument(help="Another.")],
    channel: Channel = None,
    as_json: Json = False,
) -> None:
    """Say whether two files are of one speaker: score, threshold and decision."""
    from sottovoce.cli.terminal import busy, console, print_json
    from sottovoce.deployment.verification import load_verifier
    from sottovoce.deployment.verification import verify as library

    with busy("listening"):
        found = library(load_verifier(model), a, b, channel=channel)
    if as_json:
        print_json(
            {"score": found.score, "threshold": found.threshold, "same": found.same, "calibrated": found.calibrated}
        )
    elif found.threshold is None:
        console().print(
            f"score {found.score:.3f} (the model has no threshold: there were no development trials to set one by)"
        )
    else:
        word = "same speaker" if found.same else "different speakers"
        console().print(f"{word}: score {found.score:.3f}, threshold {found.threshold:.3f}")


def evaluate(
    model: Model,
    data: Annotated[Path, typer.Argument(help="Lhotse cuts (.jsonl.gz), or a folder of audio.")],
    trials: Annotated[Path, typer.Argument(help="Lines `1|0 a b`, `a b target|nontarget` or the like.")],
    key: Annotated[
        Path | None, typer.Option(help="The labels of the trials, where a file of its own has them.")
    ] = None,
    enrol: Annotated[Path | None, typer.Option(help="Lines `<enrolment> <utterance>` (enroll.lst).")] = None,
    draws: Annotated[int, typer.Option(help="Draws of the bootstrap.", min=1)] = 1000,
    channel: Channel = None,
    det: Annotated[Path | None, typer.Option(help="Draw misses against false alarms into this PNG.")] = None,
    card: Annotated[bool, typer.Option("--card", help="Put the result into the README.md of the model, too.")] = False,
    as_json: Json = False,
) -> None:
    """Equal error rate and minDCF of a speaker model over a trials file, with intervals by speaker."""
    from sottovoce.cli.terminal import busy, console, print_json
    from sottovoce.deployment.model_card import add_scores, scores_of
    from sottovoce.deployment.verification import evaluate as library
    from sottovoce.deployment.verification import load_verifier
    from sottovoce.tasks.verification import Verification

    with busy(f"evaluating on {trials}"):
        found = library(load_verifier(model), data, trials, key=key, enrol=enrol, draws=draws, channel=channel)
    if det is not None:
        draw_det({Path(model).name: found["det"]}, det)
    if card:
        add_scores(model, scores_of(trials.stem, found, Verification.metric))
    if as_json:
        print_json(found)
        return
    console().print(Verification().told(found))
    console().print(f"trials: {found['form']}", highlight=False, markup=False)
    console().print(f"{found['protocol']}; EER interpolated; minDCF at p_target 0.01, costs 1 and 1")


def draw_det(curves: dict[str, dict[str, list[float]]], path: Path) -> None:
    """Write the DET curves of some models, by name, as a PNG."""
    import numpy as np

    from sottovoce.metrics.det import DET
    from sottovoce.report.det import picture
    from sottovoce.training.files import whole_file

    drawn = {name: DET(np.array(c["miss"]), np.array(c["false_alarm"])) for name, c in curves.items()}
    with whole_file(path) as partial:
        partial.write_bytes(picture(drawn))
