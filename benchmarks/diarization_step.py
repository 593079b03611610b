"""DER and time against the step from window to window: the biggest lever on the speed of diarization.

    python benchmarks/diarization_step.py DATA --threshold 0.7 [--run runs/diarization-conv] [--voices runs/...]

The models are those of benchmarks/diarization_table.py, which also prints the threshold. Time is that of the CPU (one
thread) for one second of audio, both models and clustering included, over all dev recordings of conv.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path

from diarization_data import COLUMNS, parser, read_data, score_cells
from rich.console import Console
from rich.table import Table

from sottovoce.data.corpora.cuts import load_cut
from sottovoce.diarization.ahc import AHCOptions
from sottovoce.diarization.models import EmbeddingModel, SegmentationModel
from sottovoce.diarization.pipeline import DiarizationSettings, diarize
from sottovoce.models.loading import load
from sottovoce.profiling.timing import threads

STEPS = (0.4, 0.8, 1.6, 4.0, 8.0)
MODELS = {"dense": "fine_tune", "slim": "distill"}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--threshold", type=float, required=True)
    arguments.add_argument("--run", type=Path, default=Path("runs/diarization-conv"))
    arguments.add_argument("--voices", type=Path, default=Path("runs/diarization-voices"))
    options = arguments.parse_args()
    (data, *_) = read_data(options.data, "dev")
    waves = {cut.id: load_cut(cut).numpy() for cut in data.cuts}
    seconds = sum(cut.duration for cut in data.cuts)
    embedder = EmbeddingModel(load(options.voices / "models" / "fine_tune", task="verification"))
    table = Table("step", "model", *COLUMNS, "CPU s per s", title=f"{data.name}, dev; collar 0, overlap scored")
    with threads(1):
        for step in STEPS:
            for name, stage in MODELS.items():
                local = SegmentationModel(load(options.run / "models" / stage, task="diarization"))
                settings = DiarizationSettings(step=step, ahc=AHCOptions(options.threshold))
                run = partial(
                    diarize, segmentation_model=local, embedder=embedder, powerset=local.powerset, settings=settings
                )
                began = time.process_time()
                found = {name: run(partial(lambda wave: [wave], wave)) for name, wave in waves.items()}
                spent = (time.process_time() - began) / seconds
                (score,) = data.scores(found).values()
                table.add_row(f"{step:g} s", name, *score_cells(score, data.cuts), f"{spent:.4f}")
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
