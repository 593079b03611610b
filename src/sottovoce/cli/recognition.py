"""``sottovoce transcribe``: what is said in audio files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


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
    channel: Annotated[int | None, typer.Option(help="Which channel of files with several, from 0.", min=0)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For another program.")] = False,
) -> None:
    """Write down what is said in audio files; of several, with the file before a tab."""
    from dataclasses import asdict

    from sottovoce.cli.terminal import busy, print_json
    from sottovoce.data.audio import audio_shape
    from sottovoce.decoding.ngram import read_arpa
    from sottovoce.decoding.recogniser import recogniser_of
    from sottovoce.deployment.recognition import Windows, load_recogniser
    from sottovoce.deployment.recognition import transcribe as library

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
    found = []
    for file in files:
        with busy(f"listening to {file}"):
            said = library(network, file, recogniser, channel=channel, windows=Windows(window))
        found.append(asdict(said))
        if not as_json:
            typer.echo(said.text if len(files) == 1 else f"{file}\t{said.text}")
    if as_json:
        print_json(found)
