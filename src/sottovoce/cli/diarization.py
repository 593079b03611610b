"""``sottovoce diarize``: who spoke when in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def diarize(
    model: Annotated[str, typer.Argument(help="A diarization model, as a run leaves it in models/.")],
    file: Annotated[Path, typer.Argument(help="An audio file of any length.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="The RTTM file.")],
    embedding: Annotated[
        str | None, typer.Option(help="A speaker model that tells who is who; not needed for one window of audio.")
    ] = None,
    speakers: Annotated[int | None, typer.Option(help="How many there are, if known.", min=1)] = None,
    min_speakers: Annotated[int | None, typer.Option(help="At least so many.", min=1)] = None,
    max_speakers: Annotated[int | None, typer.Option(help="At most so many.", min=1)] = None,
    window: Annotated[float, typer.Option(help="Seconds of a window.")] = 8.0,
    step: Annotated[float, typer.Option(help="Seconds from window to window; half the step is twice the work.")] = 0.8,
    threshold: Annotated[float, typer.Option(help="Cosine distance from which on voices are of two people.")] = 0.7,
    plda: Annotated[Path | None, typer.Option(help="PLDA of the speaker model: cluster by VBx.")] = None,
    exclusive: Annotated[bool, typer.Option("--exclusive", help="Never two speakers at once.")] = False,
    picture: Annotated[Path | None, typer.Option(help="Draw the turns: .png, .svg or .pdf.")] = None,
    channel: Annotated[int | None, typer.Option(help="Which channel of a file with several, from 0.", min=0)] = None,
) -> None:
    """Write who speaks when in a file as RTTM."""
    from rich.console import Console
    from rich.progress import Progress

    from sottovoce.cli.terminal import busy, console
    from sottovoce.data.rttm import write_rttm
    from sottovoce.deployment.diarization import diarize as library
    from sottovoce.deployment.diarization import load_embedder, load_local
    from sottovoce.diarization.ahc import Ahc
    from sottovoce.diarization.audio_file import AudioFile
    from sottovoce.diarization.pipeline import Settings
    from sottovoce.diarization.plda import Plda
    from sottovoce.diarization.speaker_count import SpeakerCount
    from sottovoce.diarization.vbx import Vbx
    from sottovoce.encoder.errors import DataError
    from sottovoce.report.timeline import checked, timeline

    # What can be wrong is found before anything takes long.
    count = SpeakerCount.of(speakers, min_speakers, max_speakers)
    settings = Settings(
        window=window,
        step=step,
        ahc=Ahc(threshold),
        vbx=None if plda is None else Vbx(),
        plda=None if plda is None else Plda.load(plda),
        exclusive=exclusive,
    )
    picture = None if picture is None else checked(picture)
    duration = AudioFile(file, channel=channel).duration
    if embedding is None and duration > window:
        raise DataError(
            f"{file}: {duration:.1f} s is more than a window of {window:g} s; give --embedding, a speaker model that"
            " tells who is who across windows"
        )
    with busy("loading"):
        local, embedder = load_local(model), None if embedding is None else load_embedder(embedding)
    screen = Console(stderr=True)
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task("listening", total=duration)

        def told(what: str, seconds: float) -> None:
            bar.update(task, description=what, completed=seconds)

        turns = library(file, local, embedder, settings=settings, count=count, channel=channel, progress=told)
    write_rttm({"_".join(file.stem.split()): turns}, out)
    if picture is not None:
        timeline(turns, duration, picture, title=file.name)
    found = {turn.speaker for turn in turns}
    spoken = sum(turn.end - turn.start for turn in turns)
    console().print(f"{len(found)} speakers, {len(turns)} turns, {spoken:.1f} s of speech in {duration:.1f} s: {out}")
