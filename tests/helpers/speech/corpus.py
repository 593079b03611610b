"""A corpus that needs nothing: speakers are bands of noise, utterances are noise of their band."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

from sottovoce.data.corpora.cuts import make_cut, write_cuts
from sottovoce.metrics.detection.trials import Trials

RATE = 16_000


def write_corpus(folder: Path, *, speakers: int = 4, utterances: int = 3, seconds: float = 0.5, seed: int = 0) -> Path:
    """``train.jsonl.gz``, ``test.jsonl.gz`` (other utterances of the same bands) and ``trials.txt`` in ``folder``."""
    generator = np.random.default_rng(seed)
    for split in ("train", "test"):
        cuts = []
        for speaker in range(speakers):
            for number in range(utterances):
                wave = _noise(speaker, speakers, round(seconds * RATE), generator)
                path = folder / "audio" / split / f"s{speaker}" / f"{number}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                soundfile.write(path, wave, RATE, subtype="PCM_16")
                name = path.relative_to(folder).as_posix()
                cuts.append(make_cut(name=name, source=name, samples=len(wave), rate=RATE, speaker=f"s{speaker}"))
        write_cuts(cuts, folder / f"{split}.jsonl.gz")
    names = [(s, f"audio/test/s{s}/{u}.wav") for s in range(speakers) for u in range(utterances)]
    pairs = [(a, b) for k, a in enumerate(names) for b in names[k + 1 :]]
    targets = np.array([a[0] == b[0] for a, b in pairs])
    Trials([a[1] for a, _ in pairs], [b[1] for _, b in pairs], targets).save(folder / "trials.txt")
    return folder


def _noise(speaker: int, speakers: int, samples: int, generator: np.random.Generator) -> np.ndarray:
    spectrum = np.fft.rfft(generator.normal(size=samples))
    place = np.linspace(0, 1, len(spectrum))
    spectrum *= np.exp(-(((place - (speaker + 0.5) / speakers) * speakers) ** 2))
    wave = np.fft.irfft(spectrum, samples)
    return (0.1 * wave / wave.std()).clip(-1, 1)
