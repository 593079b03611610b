"""Invented conversations, and models that know them: a segmentation model and an embedding model without a network.

The "audio" is a signal from which both read what they need: who speaks is coded in the samples themselves, one level for
each set of speakers, so that the pipeline under test really reads, cuts and joins the waveform.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from sottovoce.data.audio.frames import FRAME_LENGTH, FRAME_STEP, frame_count
from sottovoce.data.corpora.rttm import Turn
from sottovoce.diarization.powerset import Powerset
from sottovoce.quantities import SAMPLE_RATE


def conversation(seconds: float, speakers: int, seed: int = 0, *, overlap: float = 0.3) -> list[Turn]:
    """Turns of 1 to 4 s with pauses and overlaps, on the grid of frames, at most two at once."""
    generator = np.random.default_rng(seed)
    grid = FRAME_STEP / SAMPLE_RATE
    turns, now, free, last = [], 0.5, 0.0, -1
    while now < seconds - 5:
        who = int(generator.choice([k for k in range(speakers) if k != last]))
        start = max(now, free)
        end = start + generator.uniform(1, 4)
        turns.append(Turn(round(round(start / grid) * grid, 6), round(round(end / grid) * grid, 6), f"s{who}"))
        free, last = now, who
        now = end - generator.uniform(0.3, 0.8) if generator.random() < overlap else end + generator.uniform(0.1, 1)
        free = max(free, turns[-2].end + grid if len(turns) > 1 else 0.0)
    return turns


class Known:
    """A conversation with everything that is needed to diarize it.

    Args:
        turns: who speaks when.
        seconds: of the recording.
        speakers: of ``s0``, ``s1``, ...
        noise: of the embeddings' frames.
    """

    def __init__(self, turns: list[Turn], seconds: float, speakers: int, *, noise: float = 0.5, seed: int = 0):
        self.turns, self.samples, self.speakers = turns, round(seconds * SAMPLE_RATE), speakers
        generator = np.random.default_rng(seed)
        self.voices = torch.from_numpy(np.linalg.qr(generator.normal(size=(32, 32)))[0][:speakers]).float()
        self.noise = noise
        self.powerset = Powerset(4, 2)
        self.heard = 0  # samples that the embedding model was given

    def audio(self) -> Iterator[np.ndarray]:
        """Each sample is the sum of 2^speaker over those who speak."""
        size = 10 * SAMPLE_RATE + 77
        edges = np.rint(np.array([turn[:2] for turn in self.turns]).reshape(-1, 2) * SAMPLE_RATE).astype(int)
        for first in range(0, self.samples, size):
            block = np.zeros(min(size, self.samples - first), np.float32)
            near = (edges[:, 1] > first) & (edges[:, 0] < first + size)
            for k in np.flatnonzero(near):
                a, b = (edges[k] - first).clip(0, size)
                block[a:b] += 2.0 ** int(self.turns[k][2][1:])
            yield block

    def _active(self, waves: torch.Tensor) -> torch.Tensor:
        """``[B, T, speakers]`` at the middle of each frame."""
        T = frame_count(waves.shape[1])
        codes = waves[:, FRAME_LENGTH // 2 :: FRAME_STEP][:, :T].long()
        return torch.stack([(codes >> k) & 1 for k in range(self.speakers)], -1)

    def local(self, waves: torch.Tensor) -> torch.Tensor:
        """Scores of powerset classes; in each window speakers are numbered by when they appear, backwards."""
        scores = []
        for active in self._active(waves):
            present = [k for k in active.any(0).nonzero()[:, 0].tolist()]
            order = sorted(present, key=lambda k: -active[:, k].nonzero()[0, 0].item())[: self.powerset.speakers]
            reference = torch.zeros(len(active), self.powerset.speakers)
            reference[:, : len(order)] = active[:, order].float()
            scores.append(torch.nn.functional.one_hot(self.powerset.encode(reference), len(self.powerset)).float())
        return torch.stack(scores)

    def frames(self, waves: torch.Tensor) -> torch.Tensor:
        """The sum of the voices that are heard in a frame, and noise that depends on the audio only."""
        self.heard += waves.numel()
        active = self._active(waves).float()
        generator = torch.Generator().manual_seed(waves.shape[1])
        noise = torch.randn(*active.shape[:2], self.voices.shape[1], generator=generator)
        return active @ self.voices + self.noise * noise

    def pool(self, frames: torch.Tensor, masks: torch.Tensor) -> torch.Tensor:
        weights = masks.float()
        return weights @ frames / weights.sum(1, keepdim=True)
