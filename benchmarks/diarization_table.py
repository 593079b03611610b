"""Dense against slim diarization on real recordings: windows, whole recordings, and whole recordings of known number.

    python benchmarks/diarization_table.py DATA [--run runs/diarization-conv] [--voices runs/diarization-voices] [--set ...]

Carries out recipes/diarization-voices.yaml and recipes/diarization-conv.yaml (or goes on with them), finds the threshold
of clustering on the training conversations with the dense model, and prints a table for the dev recordings. Nothing is
chosen by these.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from diarization_data import COLUMNS, parser, read_data, score_cells
from rich.console import Console
from rich.table import Table

from sottovoce.data.corpora.cuts import load_cut
from sottovoce.data.corpora.rttm import Turn
from sottovoce.diarization.ahc import AHCOptions
from sottovoce.diarization.models import EmbeddingModel, SegmentationModel
from sottovoce.diarization.pipeline import DiarizationSettings, embed_speakers, reconstruct, segment
from sottovoce.diarization.speaker_count import SpeakerCount
from sottovoce.models.loading import load
from sottovoce.pruning.costs import cost
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.tasks.scoring.diarization_scores import DecisionOptions, best_threshold, local_score, threshold_scores

if TYPE_CHECKING:
    from lhotse.cut import Cut

STEP, TUNING_STEP = 0.8, 4.0
THRESHOLDS = [round(0.05 * k, 2) for k in range(4, 27)]
AMI = {"path": "", "rttm": "rttm", "uem": "uem"}
MODELS = {"dense": "fine_tune", "slim": "distill"}


def diarized(
    cuts: Sequence[Cut], local: SegmentationModel, embedder: EmbeddingModel, settings: DiarizationSettings
) -> dict[str, dict[str, list[Turn]]]:
    """Turns by recording: as they are found, and where the number of speakers is known."""
    found: dict[str, dict[str, list[Turn]]] = {"": {}, ", number known": {}}
    for cut in cuts:
        audio = partial(lambda cut: [load_cut(cut).numpy()], cut)
        decided = segment(audio, local, local.powerset, settings)
        heard = embed_speakers(audio, embedder, decided, settings)
        known = SpeakerCount.from_bounds(len({turn.speaker for turn in cut.supervisions}))
        for number, count in zip(found, (SpeakerCount(), known), strict=True):
            found[number][cut.id] = reconstruct(decided, heard, settings, count)
    return found


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--run", type=Path, default=Path("runs/diarization-conv"))
    arguments.add_argument("--voices", type=Path, default=Path("runs/diarization-voices"))
    arguments.add_argument("--set", dest="changes", action="append", default=[])
    options = arguments.parse_args()
    data, recipes = options.data, Path(__file__).parents[1] / "recipes"
    voices = [f"data.corpora.libri.import.path={data / 'libri261'}"]
    compress(read_recipe(recipes / "diarization-voices.yaml", [*voices, *options.changes]), run=options.voices)
    turns = [
        f"encoder.from={options.voices / 'models/fine_tune'}",
        f"data.corpora.conv.import.path={data / 'conv'}",
        *(f"data.corpora.ami.import.{key}={data / 'ami14' / place}" for key, place in AMI.items()),
        f"data.corpora.simulated.converse.of.import.path={data / 'libri261'}",
    ]
    compress(read_recipe(recipes / "diarization-conv.yaml", [*turns, *options.changes]), run=options.run)

    console = Console(width=140)
    embedder = EmbeddingModel(load(options.voices / "models" / "fine_tune", task="verification"))
    models = {
        name: SegmentationModel(load(options.run / "models" / stage, task="diarization"))
        for name, stage in MODELS.items()
    }
    train = [cut for each in read_data(data, "train") if each.name == "conv" for cut in each.cuts]
    tuning = DiarizationSettings(step=TUNING_STEP)
    threshold = best_threshold(threshold_scores(models["dense"], embedder, train, tuning, THRESHOLDS))
    console.print(
        f"threshold {threshold:g}: the best for the dense model on the {len(train)} training conversations of conv"
    )

    table = Table("data", "model", "params", "MACs", "what", *COLUMNS, title="dev, collar 0, overlap scored")
    settings = DiarizationSettings(step=STEP, ahc=AHCOptions(threshold))
    for each in read_data(data, "dev"):
        for name, local in models.items():
            of = cost(local.model.encoder, 8.0)
            size = (f"{of.params / 1e3:.0f} k", f"{of.macs / 1e9:.2f} G")
            windows = local_score(local.model, each.cuts, DecisionOptions())
            table.add_row(each.name, name, *size, "windows of 8 s", *score_cells(windows, each.cuts))
            for known, system in diarized(each.cuts, local, embedder, settings).items():
                for reference, score in each.scores(system).items():
                    table.add_row(reference, name, *size, f"recordings{known}", *score_cells(score, each.cuts))
    console.print(table)
    console.print(f"torch {torch.__version__}, step {STEP:g} s, AHC; the head is not in params and MACs (8 s)")


if __name__ == "__main__":
    main()
