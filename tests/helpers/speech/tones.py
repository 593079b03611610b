"""A language that needs no speech: letters are tones, and a blank is a pause."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from sottovoce.data.corpora.cuts import make_cut, write_cuts
from toy_recipe import toy

RATE = 16_000
UNITS = ["head", "ffn", "positional_group", "residual"]
HERTZ = {"a": 500, "b": 1100, "c": 2000, "d": 3500}


def spoken(text: str, seconds: float = 0.08, seed: int = 0) -> np.ndarray:
    """``[S]``: a tone for each letter, silence for a blank, and a little between letters."""
    generator = np.random.default_rng(seed)
    count = round(seconds * RATE)
    time = np.arange(count) / RATE
    parts = [np.zeros(count // 2)]
    for letter in text:
        loud = letter != " "
        tone = 0.3 * np.sin(2 * np.pi * HERTZ.get(letter, 0) * time) * np.hanning(count)
        parts += [tone * loud, np.zeros(count // 4)]
    wave = np.concatenate([*parts, np.zeros(count // 2)])
    return wave + 0.003 * generator.standard_normal(len(wave))


def sentence(generator: np.random.Generator) -> str:
    words = ["".join(generator.choice(list(HERTZ), generator.integers(1, 4))) for _ in range(generator.integers(1, 4))]
    return " ".join(words)


def write_tones(folder: Path, **counts: int) -> Path:
    """``<split>.jsonl.gz`` for each of ``counts``, in ``folder``; four speakers."""
    generator = np.random.default_rng(0)
    for split, count in counts.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        cuts = []
        for number in range(count):
            text, name = sentence(generator), f"{split}/{number}.wav"
            wave = spoken(text, seed=number)
            soundfile.write(folder / name, wave, RATE)
            said = dict(samples=len(wave), rate=RATE, speaker=f"s{number % 4}", text=text)
            cuts.append(make_cut(name=name, source=name, **said))
        write_cuts(cuts, folder / f"{split}.jsonl.gz")
    return folder


def tone_recipe(folder: Path, **task: Any) -> dict[str, Any]:
    """A recipe for recognition over `write_tones` in ``folder``, as plain data."""
    plain = toy(folder.parent)
    plain["encoder"] = {
        "config": {
            "front_end": "filterbank",
            "conv_channels": None,
            "hidden_size": 32,
            "layers": 2,
            "heads": 2,
            "ffn": 48,
            "positional_groups": 2,
            "positional_taps": [8],
            "layer": "pre_norm",
            "dropout": 0.0,
        }
    }
    plain["task"] = {"recognition": {"head": {"ctc": {"width": 24}}, "draws": 5, **task}}
    plain["data"] |= {
        "corpora": {
            "tones": {"cuts": {split: str(folder / f"{split}.jsonl.gz") for split in ("train", "dev", "test")}}
        },
        "train": ["tones/train"],
        "dev": {"cuts": "tones/dev"},
        "test": {"unheard": {"cuts": "tones/test"}},
        "augment": [],
        "batch": 8,
        "crop": None,
        "cache": "int16",
    }
    rates = {"encoder": 3e-3, "head": 5e-3}
    dense = {"teacher": "fine_tune"}
    plain["stages"] = [
        {"fine_tune": {"steps": 140, "lr": rates, "warmup": 10}},
        {
            "prune": {
                "steps": 20,
                "lr": rates,
                "kinds": UNITS,
                "task": 1.0,
                "distillation": dense,
                "ramp": {"steps": 10},
            }
        },
        {"distill": {"steps": 24, "lr": rates, "task": 1.0, "distillation": dense}},
    ]
    return plain
