"""Segments of an utterance against numpy's linspace and wrapping, as the toolkits cut."""

import numpy as np
import pytest
import torch

from sottovoce.data.audio.segments import Segments


@pytest.mark.parametrize("samples", [100_003, 48_000, 47_999, 30_000, 900])
@pytest.mark.parametrize("count", [1, 4, 5])
def test_they_are_cut_as_the_toolkits_do(samples, count):
    wave = np.random.default_rng(samples).normal(size=samples).astype(np.float32)
    audio, target = wave, 48_000
    if len(audio) < target:
        audio = np.pad(audio, (0, target - len(audio) + 1), "wrap")
    starts = np.linspace(0, len(audio) - target, num=count)
    expected = np.stack([audio[int(start) : int(start) + target] for start in starts])
    assert np.array_equal(Segments(count, 3.0).of(torch.from_numpy(wave)).numpy(), expected)
