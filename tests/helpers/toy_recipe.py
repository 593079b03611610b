"""A recipe that runs in a second: everything in it, at the smallest size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from corpus import write_corpus


def toy(folder: Path, **changes: Any) -> dict[str, Any]:
    """The recipe as plain data, over a corpus that is written into ``folder``."""
    if not (folder / "trials.txt").exists():
        write_corpus(folder)
    test = {"cuts": "toy/test", "trials": str(folder / "trials.txt")}
    return {
        "name": "toy",
        "seed": 3,
        "encoder": {
            "config": {
                "hidden_size": 16,
                "layers": 2,
                "heads": 2,
                "ffn": 24,
                "conv_channels": [8] * 7,
                "positional_groups": 2,
                "positional_taps": [8],
                "conv_norm": "layer",
                "layer": "pre_norm",
                "dropout": 0.1,
            }
        },
        "task": {
            "verification": {"head": {"mhfa": {"width": 6, "heads": 3, "size": 10}}, "mean_utterances": 4, "draws": 3}
        },
        "data": {
            "corpora": {"toy": {"cuts": {split: str(folder / f"{split}.jsonl.gz") for split in ("train", "test")}}},
            "train": ["toy/train"],
            "test": {"bands": test},
            "hold_out": 0,
            "batch": 2,
            "crop": 0.2,
            "augment": [{"noise": {}}],
        },
        "budget": {"params": 0.5},
        "compute": {"accelerator": "cpu", "threads": 1},
        "stages": [
            {"fine_tune": {"steps": 3, "lr": {"encoder": 1e-3}, "checkpoint_every": 1}},
            {
                "prune": {
                    "steps": 6,
                    "checkpoint_every": 2,
                    "accumulate": 2,
                    "task": 1.0,
                    "distillation": {"teacher": "fine_tune", "projections": True},
                    "ramp": {"steps": 4},
                    "round_to": 1,
                }
            },
            {"distill": {"steps": 2, "distillation": {"teacher": "fine_tune"}}},
            {"fine_tune": {"name": "recover", "steps": 2, "checkpoint_every": 1}},
        ],
        **changes,
    }


def write(data: dict[str, Any], path: Path) -> Path:
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path
