"""What diarization costs without a network: one speaker everywhere, and as many as there are at random.

A trained model must beat these on the same recordings, or it is none. Speech is known (from the reference), or it is
what is loud; at random means that each two seconds of speech go to one of as many speakers as the reference has.

    python benchmarks/diarization_baseline.py DATA
    python benchmarks/diarization_baseline.py RUN/data/talks/test.jsonl.gz  # of diarization-synthetic
"""

from __future__ import annotations

import numpy as np
from diarization_data import COLUMNS, TestData, parser, read_data, score_cells
from rich.console import Console
from rich.table import Table

from sottovoce.data.audio.speech_detection import detect_speech
from sottovoce.data.corpora.cuts import load_cut
from sottovoce.data.corpora.rttm import Turn, merge_regions
from sottovoce.metrics.diarization import DiarizationScore

PIECE, SEEDS = 2.0, 50

Stretches = list[tuple[float, float]]


def known_speech(data: TestData) -> dict[str, Stretches]:
    """Where the first reference has anyone speak."""
    turns = next(iter(data.references.values()))
    return {name: merge_regions([(turn.start, turn.end) for turn in said]) for name, said in turns.items()}


def loud_speech(data: TestData) -> dict[str, Stretches]:
    return {cut.id: detect_speech(load_cut(cut).numpy()) for cut in data.cuts}


def one_speaker(speech: dict[str, Stretches]) -> dict[str, list[Turn]]:
    return {name: [Turn(a, b, "one") for a, b in said] for name, said in speech.items()}


def at_random(data: TestData, speech: dict[str, Stretches], seed: int) -> dict[str, list[Turn]]:
    generator = np.random.default_rng(seed)
    turns = next(iter(data.references.values()))
    found: dict[str, list[Turn]] = {}
    for name, said in speech.items():
        speakers = max(1, len({turn.speaker for turn in turns[name]}))
        found[name] = [
            Turn(start, min(start + PIECE, b), f"speaker{generator.integers(speakers)}")
            for a, b in said
            for start in np.arange(a, b, PIECE).tolist()
        ]
    return found


def median(scores: list[DiarizationScore]) -> DiarizationScore:
    return sorted(scores, key=lambda score: score.der)[len(scores) // 2]


def main() -> None:
    options = parser(__doc__).parse_args()
    columns = ("data", "baseline", "speech", "what", *COLUMNS)
    table = Table(*columns, title="dev, collar 0, overlap scored")
    for data in read_data(options.data, "dev"):
        for how, speech in (("known", known_speech(data)), ("loudness", loud_speech(data))):
            drawn = [at_random(data, speech, seed) for seed in range(SEEDS)]
            for name, systems in (("one speaker", [one_speaker(speech)]), ("random, number known", drawn)):
                rows = {(data.name, "windows of 8 s"): [data.window_scores(each) for each in systems]}
                scores = [data.scores(each) for each in systems]
                rows |= {(of, "recordings"): [each[of] for each in scores] for of in scores[0]}
                for (of, what), found in rows.items():
                    table.add_row(of, name, how, what, *score_cells(median(found), data.cuts))
    Console(width=140).print(table)
    print(f"random: the median of {SEEDS} draws; in windows as many speakers as the recording has")


if __name__ == "__main__":
    main()
