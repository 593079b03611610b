"""``sottovoce transcribe``: what is said in recordings."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .recordings import Asked, Channel, Json, Out, Recordings, SkipFaulty, answer, row

if TYPE_CHECKING:
    from sottovoce.decoding.timing import Word
    from sottovoce.inference.inputs import Recording
    from sottovoce.inference.streaming import StreamedTranscript


def transcribe(
    model: Annotated[str, typer.Argument(help="A recognition model, as a run leaves it in models/.")],
    recordings: Recordings,
    beam: Annotated[
        int | None, typer.Option(help="Prefixes that a beam search keeps; without it the search is greedy.", min=1)
    ] = None,
    ngram: Annotated[
        Path | None,
        typer.Option(help="For CTC: a language model in the ARPA format, over words or over the model's labels."),
    ] = None,
    weight: Annotated[float, typer.Option(help="Of the language model.", min=0)] = 0.5,
    bonus: Annotated[float, typer.Option(help="For each label, against a language model's liking for few.")] = 0.0,
    window: Annotated[float, typer.Option(help="Seconds that are heard at once of a longer file.", min=8)] = 30.0,
    stream: Annotated[
        bool, typer.Option("--stream", help="Hear it as it comes, and print words as they come.")
    ] = False,
    chunk: Annotated[
        float | None,
        typer.Option(help="Seconds of a chunk of a stream; default: what the model was made for.", min=0.02),
    ] = None,
    left: Annotated[int | None, typer.Option(help="Chunks that a frame of a stream looks back.", min=0)] = None,
    timings: Annotated[
        bool, typer.Option("--timings", help="When each word was said, as lines of a CTM file.")
    ] = False,
    channel: Channel = None,
    skip_faulty: SkipFaulty = False,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Write down what is said in each recording."""
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
        raise StreamingError("--chunk and --left are of a stream; add --stream, or leave them out")
    language = None if ngram is None else read_arpa(ngram)
    live = stream and not (as_json or timings or out is not None)

    def load() -> Any:
        network = load_network(model, task="recognition")
        decoder = text_decoder(
            network,
            beam=beam or (16 if language is not None else None),
            ngram=language,
            weight=weight,
            bonus=bonus,
        )
        chunks = chunks_of(network, chunk, left) if stream else None

        def hear(item: Recording, _: Any) -> Any:
            if not stream:
                return library(network, item, decoder=decoder, windows=Windows(window))
            said = _Live(item.name, quiet=not live)
            found = transcribe_stream(network, item, decoder=decoder, chunks=chunks, on_word=said.say)
            said.end(found)
            return found

        return hear

    def lines(item: Recording, found: Any) -> list[str]:
        if live:  # they are there already
            return []
        return ctm(item.id, found.words) if timings else [row(item.name, found.text)]

    def data(item: Recording, found: Any) -> dict[str, Any]:
        return {**asdict(found), "file": item.name}

    answer(
        Asked(recordings, channel, skip_faulty, as_json, out),
        load,
        lines,
        data,
        check=Recording.seconds,
        check_all=check_ids if timings and not as_json else None,
        columns="recording, channel, onset, duration, word (CTM)" if timings else "recording, text",
        shown=not live,
    )


class _Live:
    """Words of a stream on one line of standard output; how it went on standard error."""

    def __init__(self, name: str, *, quiet: bool):
        self.name, self.quiet = name, quiet
        self._begun = False

    def say(self, word: Word) -> None:
        if not self.quiet:
            typer.echo(f"{' ' if self._begun else row(self.name, '')}{word.text}", nl=False)
            sys.stdout.flush()
            self._begun = True

    def end(self, heard: StreamedTranscript) -> None:
        if not self.quiet:
            typer.echo("" if self._begun else row(self.name, ""))
        typer.echo(
            f"{self.name}: {heard.seconds:.1f} s, algorithmic latency {1000 * heard.latency:.0f} ms,"
            f" real-time factor {heard.real_time_factor:.3f}",
            err=True,
        )
