"""What waiting buys: word error rate, latency and speed of a streaming recognizer for each size of chunk.

    python benchmarks/streaming.py runs/mine/models/distill runs/mine/data/sentences/dev.jsonl.gz
    python benchmarks/streaming.py MODEL CUTS --chunks 4 8 16 32 --left 4 --beam 8 --threads 1

Each utterance is heard as a stream, in pieces of 0.1 s; the last row hears it as a whole, every frame seeing all others.
Latency is algorithmic (a sound at the beginning of a chunk waits for its end, and for the window of its last frame);
`latency of words` is measured on the stream: how long after its end a word is given out, apart from computing, median and 95th
percentile. The real-time factor is seconds of computing for a second of audio, one utterance at a time.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from sottovoce.data.corpora.cuts import load_cut, read_cuts
from sottovoce.decoding.text_decoders import CTCDecoder
from sottovoce.encoder.streaming.chunks import Chunks
from sottovoce.inference.streaming import StreamingRecognizer
from sottovoce.metrics.recognition import score_recognition
from sottovoce.models.loading import load
from sottovoce.models.task_model import TaskModel
from sottovoce.tasks.recognition import Recognition, recognize

RATE, PIECE = 16_000, 1_600


@dataclass
class Heard:
    """What a model made of all utterances: texts by id, seconds of computing, and how late each word was given out."""

    texts: dict[str, str]
    spent: float
    late: list[float]


def streamed(model: TaskModel, cuts: Sequence[Any], recognizer: CTCDecoder, chunks: Chunks) -> Heard:
    heard = Heard({}, 0.0, [])
    for cut in cuts:
        wave, words = load_cut(cut), []
        stream, begin = StreamingRecognizer(model, decoder=recognizer, chunks=chunks), time.perf_counter()
        for place in range(0, len(wave), PIECE):
            piece = wave[place : place + PIECE]
            for word in stream.push(piece):
                words.append(word)
                heard.late.append((place + len(piece)) / RATE - word.end)
        words += stream.finish()
        heard.spent += time.perf_counter() - begin
        heard.texts[cut.id] = " ".join(word.text for word in words)
    return heard


def whole(model: TaskModel, cuts: Sequence[Any], recognizer: CTCDecoder) -> Heard:
    own, model.encoder.chunks = model.encoder.chunks, None
    spent, texts = 0.0, {}
    for cut in cuts:
        begin = time.perf_counter()
        texts |= recognize(model, [cut], recognizer)
        spent += time.perf_counter() - begin
    model.encoder.chunks = own
    return Heard(texts, spent, [])


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("model", type=Path, help="a streaming recognition model")
    parse.add_argument("cuts", type=Path, help="utterances with their texts, as `sottovoce data import` writes them")
    parse.add_argument("--chunks", type=int, nargs="+", default=[8, 16, 32], help="frames of a chunk")
    parse.add_argument("--left", type=int, help="chunks to look back (default: the model's own)")
    parse.add_argument("--beam", type=int)
    parse.add_argument("--threads", type=int, default=1)
    parse.add_argument("--limit", type=int, help="only so many utterances")
    given = parse.parse_args()
    torch.set_num_threads(given.threads)
    model = load(given.model, task="recognition")
    left = model.config.encoder.left_chunks if given.left is None else given.left
    recognizer, normalizer = CTCDecoder(model.config.labels or (), beam=given.beam), Recognition().normalizer()
    cuts = list(read_cuts(given.cuts))[: given.limit]
    references = {cut.id: cut.supervisions[0].text for cut in cuts}
    speakers = {cut.id: str(cut.supervisions[0].speaker) for cut in cuts}
    seconds = sum(cut.duration for cut in cuts)
    table = Table(title=f"{len(cuts)} utterances, {seconds:.0f} s, {recognizer.name}, {given.threads} thread(s)")
    for name in (
        "chunk",
        "looks back",
        "WER % [95 %]",
        "CER %",
        "latency ms",
        "latency of words ms",
        "real-time factor",
    ):
        table.add_column(name, justify="right")
    for size in [*given.chunks, None]:
        if size is None:
            heard, name, latency, back = whole(model, cuts, recognizer), "whole", "", ""
        else:
            chunks = Chunks(size, left)
            delay = model.encoder.streaming(chunks).latency
            heard = streamed(model, cuts, recognizer, chunks)
            name, latency = f"{1000 * delay.chunk:.0f} ms", f"{1000 * delay.seconds:.0f}"
            back = f"{left} x {1000 * delay.chunk:.0f} ms"
        words = score_recognition(references, heard.texts, normalizer=normalizer)
        letters = score_recognition(references, heard.texts, unit="character", normalizer=normalizer)
        interval = words.interval(speakers)
        late = [f"{1000 * np.percentile(heard.late, p):.0f}" for p in (50, 95)] if heard.late else []
        wer = f"{100 * interval.value:.1f} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
        speed = f"{heard.spent / seconds:.3f}"
        table.add_row(name, back, wer, f"{100 * letters.rate:.1f}", latency, ", ".join(late), speed)
    console = Console()
    (console if console.is_terminal else Console(width=120)).print(table)


if __name__ == "__main__":
    main()
