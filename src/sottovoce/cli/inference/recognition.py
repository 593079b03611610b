"""``sottovoce transcribe``: the text of recordings."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .recordings import (
    Channel,
    CommonOptions,
    Json,
    Out,
    Recordings,
    ShowProgress,
    SkipFaulty,
    run_on_recordings,
    tab_separated,
)

if TYPE_CHECKING:
    from sottovoce.decoding.timing import Word
    from sottovoce.inference.inputs import Recording
    from sottovoce.inference.recognition import Transcript
    from sottovoce.inference.streaming import StreamedTranscript


def transcribe(
    model: Annotated[str, typer.Argument(help="A recognition model, as a run leaves it in models/.")],
    recordings: Recordings,
    beam: Annotated[int | None, typer.Option(help="Size of the beam; without it the search is greedy.", min=1)] = None,
    ngram: Annotated[
        Path | None,
        typer.Option(help="For CTC: a language model in the ARPA format, over words or over the model's labels."),
    ] = None,
    weight: Annotated[float, typer.Option(help="Weight of the language model.", min=0)] = 0.5,
    bonus: Annotated[
        float, typer.Option(help="Score for each label, because a language model prefers short texts.")
    ] = 0.0,
    window: Annotated[float, typer.Option(help="Seconds of each window that longer files are cut into.", min=8)] = 30.0,
    stream: Annotated[
        bool, typer.Option("--stream", help="Recognize in chunks, as audio arrives, and print each word at once.")
    ] = False,
    chunk: Annotated[
        float | None,
        typer.Option(help="Length of a chunk in seconds; default: that of the model's training.", min=0.02),
    ] = None,
    left: Annotated[int | None, typer.Option(help="Number of past chunks that a frame attends to.", min=0)] = None,
    timings: Annotated[
        bool, typer.Option("--timings", help="Print the time of each word, as lines of a CTM file.")
    ] = False,
    channel: Channel = None,
    skip_faulty: SkipFaulty = False,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Print the text of each recording."""
    from dataclasses import asdict

    from sottovoce.decoding.ngram import read_arpa
    from sottovoce.decoding.text_decoders import text_decoder
    from sottovoce.decoding.timing import ctm
    from sottovoce.errors import StreamingError
    from sottovoce.inference.inputs import Recording, check_ids
    from sottovoce.inference.recognition import Windows
    from sottovoce.inference.recognition import transcribe as library
    from sottovoce.inference.streaming import chunks_of, transcribe_stream
    from sottovoce.models.loading import load as load_network

    if not stream and (chunk is not None or left is not None):
        raise StreamingError("--chunk and --left need a stream; add --stream, or leave them out")
    language = None if ngram is None else read_arpa(ngram)
    live = stream and not (as_json or timings or out is not None)

    def load() -> Callable[[Recording, ShowProgress], Transcript | StreamedTranscript]:
        network = load_network(model, task="recognition")
        decoder = text_decoder(
            network,
            beam=beam or (16 if language is not None else None),
            ngram=language,
            weight=weight,
            bonus=bonus,
        )
        chunks = chunks_of(network, chunk, left) if stream else None

        def process(item: Recording, _: ShowProgress) -> Transcript | StreamedTranscript:
            if not stream:
                return library(network, item, decoder=decoder, windows=Windows(window))
            line = _LiveLine(item.name, quiet=not live)
            transcript = transcribe_stream(network, item, decoder=decoder, chunks=chunks, on_word=line.add)
            line.end(transcript)
            return transcript

        return process

    def lines(item: Recording, transcript: Transcript | StreamedTranscript) -> list[str]:
        if live:  # printed already
            return []
        return ctm(item.id, transcript.words) if timings else [tab_separated(item.name, transcript.text)]

    def data(item: Recording, transcript: Transcript | StreamedTranscript) -> dict[str, Any]:
        return {**asdict(transcript), "file": item.name}

    run_on_recordings(
        CommonOptions(recordings, channel, skip_faulty, as_json, out),
        load,
        lines,
        data,
        check=Recording.seconds,
        check_all=check_ids if timings and not as_json else None,
        columns="recording, channel, onset, duration, word (CTM)" if timings else "recording, text",
        shown=not live,
    )


class _LiveLine:
    """The words of a stream on one line of standard output; latency and speed on standard error."""

    def __init__(self, name: str, *, quiet: bool):
        self.name, self.quiet = name, quiet
        self._begun = False

    def add(self, word: Word) -> None:
        if not self.quiet:
            typer.echo(f"{' ' if self._begun else tab_separated(self.name, '')}{word.text}", nl=False)
            sys.stdout.flush()
            self._begun = True

    def end(self, transcript: StreamedTranscript) -> None:
        if not self.quiet:
            typer.echo("" if self._begun else tab_separated(self.name, ""))
        typer.echo(
            f"{self.name}: {transcript.seconds:.1f} s, algorithmic latency {1000 * transcript.latency:.0f} ms,"
            f" real-time factor {transcript.real_time_factor:.3f}",
            err=True,
        )
