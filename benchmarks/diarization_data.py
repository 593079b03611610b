"""The real recordings that the diarization benchmarks go by, and how their scores are printed."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sottovoce.data.batches.speaker_activity import turns_of_cut
from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.data.corpora.manifests import import_corpus
from sottovoce.data.corpora.rttm import Turn, read_rttm
from sottovoce.metrics.diarization import DiarizationScore, score_diarization
from sottovoce.tasks.scoring.diarization_scores import numbers_of

if TYPE_CHECKING:
    from lhotse.cut import Cut

References = Mapping[str, Mapping[str, list[Turn]]]


class TestData:
    """Recordings of a corpus, with one or more references.

    Args:
        name: of the corpus.
        cuts: the recordings.
        references: name of the reference -> recording -> turns.
    """

    def __init__(self, name: str, cuts: list[Cut], references: References):
        self.name, self.cuts, self.references = name, cuts, references

    def scores(self, system: Mapping[str, list[Turn]]) -> dict[str, DiarizationScore]:
        """DER on whole recordings, collar 0, overlap scored, against each reference."""
        whole = {cut.id: [(0.0, cut.duration)] for cut in self.cuts}
        return {
            f"{self.name}{of}": score_diarization({n: turns.get(n, []) for n in whole}, system, whole)
            for of, turns in self.references.items()
        }

    def window_scores(self, system: Mapping[str, list[Turn]], seconds: float = 8.0) -> DiarizationScore:
        """Local DER against the first reference: windows side by side, each with a pairing of speakers of its own."""
        turns = next(iter(self.references.values()))
        parts = {
            f"{cut.id}@{start:g}": (cut.id, start, min(start + seconds, cut.duration))
            for cut in self.cuts
            for start in np.arange(0.0, cut.duration, seconds).tolist()
        }
        return score_diarization(
            {part: _inside(turns[name], start, end) for part, (name, start, end) in parts.items()},
            {part: _inside(system[name], start, end) for part, (name, start, end) in parts.items()},
            {part: [(start, end)] for part, (_, start, end) in parts.items()},
        )


def _inside(turns: list[Turn], start: float, end: float) -> list[Turn]:
    near = (Turn(max(turn.start, start), min(turn.end, end), turn.speaker) for turn in turns)
    return [turn for turn in near if turn.start < turn.end]


def read_data(root: Path, split: str) -> list[TestData]:
    """``conv`` and ``ami14`` below ``root``, the second with both of its references; or the cuts of a manifest."""
    if root.is_file():
        cuts = list(read_cuts(root))
        return [TestData(root.parent.name, cuts, {"": {cut.id: turns_of_cut(cut) for cut in cuts}})]
    found = []
    for name, options in (("conv", {}), ("ami14", {"rttm": root / "ami14/rttm", "uem": root / "ami14/uem"})):
        with tempfile.TemporaryDirectory() as folder:
            cuts = list(read_cuts(import_corpus(root / name, folder, **options)[split]))
        found.append(TestData(name, cuts, _references(root, name, cuts)))
    return found


def _references(root: Path, name: str, cuts: list[Cut]) -> References:
    folders = {"": "rttm"} if name == "conv" else {"": "rttm", ", only words": "rttm_but_only_words"}
    found: dict[str, dict[str, list[Turn]]] = {}
    for of, folder in folders.items():
        found[of] = {}
        for cut in cuts:
            stem = Path(cut.id).stem
            found[of][cut.id] = read_rttm(root / name / folder / f"{stem}.rttm").get(stem, [])
    return found


def score_cells(score: DiarizationScore, cuts: Sequence[Cut]) -> list[str]:
    """DER with its interval over recordings, miss, false alarm, confusion: per cent."""
    numbers = numbers_of(score, [cut.id for cut in cuts], 1000)
    low, high = (100 * numbers["der_interval"][end] for end in ("low", "high"))
    parts = (f"{100 * numbers[part]:.1f}" for part in ("miss", "false_alarm", "confusion"))
    return [f"{100 * score.der:.1f} [{low:.1f}, {high:.1f}]", *parts]


COLUMNS = ("DER % [95 % by recording]", "miss", "false alarm", "confusion")


def parser(doc: str) -> argparse.ArgumentParser:
    """With what every diarization benchmark takes."""
    made = argparse.ArgumentParser(description=doc.splitlines()[0])
    made.add_argument("data", type=Path, help="folder with conv and ami14")
    return made
