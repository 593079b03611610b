"""``sottovoce transcribe``: what is said in audio files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sottovoce.decoding.timing import Word
    from sottovoce.deployment.recognition import Transcript
    from sottovoce.deployment.streaming import StreamedTranscript


def transcribe(
    model: Annotated[str, typer.Argument(help="A recognition model, as a run leaves it in models/.")],
    files: Annotated[list[Path], typer.Argument(help="Audio files of any length.", metavar="FILE...")],
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
    channel: Annotated[int | None, typer.Option(help="Which channel of files with several, from 0.", min=0)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For another program.")] = False,
) -> None:
    """Write down what is said in audio files; of several, with the file before a tab."""
    from dataclasses import asdict

    from sottovoce.cli.terminal import busy, print_json
    from sottovoce.data.audio import audio_shape
    from sottovoce.decoding.ngram import read_arpa
    from sottovoce.decoding.recogniser import recogniser_of
    from sottovoce.decoding.timing import ctm
    from sottovoce.deployment.recognition import Windows, load_recogniser
    from sottovoce.deployment.recognition import transcribe as library
    from sottovoce.deployment.streaming import chunks_of, transcribe_stream
    from sottovoce.encoder.errors import StreamingError

    if not stream and (chunk is not None or left is not None):
        raise StreamingError("--chunk and --left are of a stream; add --stream, or leave them out")
    for file in files:
        audio_shape(file)  # a fault in the last one shows before the first is heard
    language = None if ngram is None else read_arpa(ngram)
    network = load_recogniser(model)
    recogniser = recogniser_of(
        network,
        beam=beam or (16 if language is not None else None),
        ngram=language,
        weight=weight,
        bonus=bonus,
    )
    chunks = chunks_of(network, chunk, left) if stream else None
    found = []
    heard: Transcript | StreamedTranscript
    for file in files:
        if stream:
            live = _Live(file, named=len(files) > 1, quiet=as_json or timings)
            heard = streamed = transcribe_stream(
                network, file, recogniser, chunks=chunks, channel=channel, said=live.say
            )
            live.end(streamed)
        else:
            with busy(f"listening to {file}"):
                heard = library(network, file, recogniser, channel=channel, windows=Windows(window))
            if not (as_json or timings):
                typer.echo(heard.text if len(files) == 1 else f"{file}\t{heard.text}")
        if timings and not as_json:
            typer.echo("".join(f"{line}\n" for line in ctm(file.stem, heard.words)), nl=False)
        found.append(asdict(heard))
    if as_json:
        print_json(found)


class _Live:
    """Words of a stream on one line of standard output; how it went on standard error."""

    def __init__(self, file: Path, *, named: bool, quiet: bool):
        self.file, self.quiet = file, quiet
        self._before = f"{file}\t" if named else ""

    def say(self, word: Word) -> None:
        if not self.quiet:
            typer.echo(self._before + word.text, nl=False)
            sys.stdout.flush()
            self._before = " "

    def end(self, heard: StreamedTranscript) -> None:
        if not self.quiet:
            typer.echo(self._before if self._before != " " else "")
        typer.echo(
            f"{self.file}: {heard.seconds:.1f} s, algorithmic latency {1000 * heard.latency:.0f} ms,"
            f" real-time factor {heard.real_time_factor:.3f}",
            err=True,
        )
