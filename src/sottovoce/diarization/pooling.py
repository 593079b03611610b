"""Embeddings of the speakers of every window, from frames that were encoded once.

A window with a tenth of its length as step holds every frame ten times. The embedding model hears each only once (and a
margin twice), and its frames are pooled under the mask of each local speaker.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.activity import STEP
from ..data.audio import SAMPLE_RATE
from .windows import Wave, samples_of, windows

Flags = NDArray[np.bool_]


class FrameEmbedder(Protocol):
    """An embedding model in two halves."""

    def frames(self, waves: Tensor) -> Tensor:
        """``[B, T, F]`` of waveforms ``[B, S]``, at the frame step of 20 ms."""

    def pool(self, frames: Tensor, masks: Tensor) -> Tensor:
        """Embeddings ``[K, E]`` of ``frames[T, F]`` under each of ``masks[K, T]`` (True: heard)."""


def all_frames(
    embedder: FrameEmbedder,
    blocks: Iterable[Wave],
    count: int,
    *,
    core: float = 16.0,
    margin: float = 1.0,
    done: Callable[[int], None] | None = None,
) -> Tensor:
    """The embedding model's frames ``[count, F]`` in half precision (2 F bytes a frame: 70 MB an hour for MHFA).

    Args:
        blocks: the audio.
        count: frames that it has.
        core, margin: seconds that are new in each stretch, and that are heard around them as context.
        done: told how many frames there are so far.
    """
    new, around = round(core * SAMPLE_RATE / STEP), round(margin * SAMPLE_RATE / STEP)
    found: Tensor | None = None
    for start, wave in windows(blocks, samples_of(new + 2 * around), new * STEP):
        stretch = embedder.frames(torch.from_numpy(np.ascontiguousarray(wave))[None])[0].cpu()
        if found is None:
            found = torch.zeros(count, stretch.shape[1], dtype=torch.float16)
        first = around if start else 0  # the stretch before has the rest, with more context
        end = min(start + len(stretch), count)
        found[start + first : end] = stretch[first : end - start].half()
        if done is not None:
            done(end)
    return torch.zeros(count, 1, dtype=torch.float16) if found is None else found


def masks_of(activity: Flags, least: int) -> tuple[Flags, NDArray[np.int64]]:
    """Frames from which each local speaker is embedded.

    Args:
        activity: ``[W, T, K]`` who speaks when.
        least: frames without overlap that suffice; a speaker with fewer is embedded from all of its frames.

    Returns:
        ``[W, T, K]`` masks, and ``[W, K]`` frames in which each speaks alone.
    """
    alone = activity & (activity.sum(2, keepdims=True) == 1)
    count = alone.sum(1)
    return np.where((count >= least)[:, None], alone, activity), count


def pooled(embedder: FrameEmbedder, frames: Tensor, starts: NDArray[np.int64], masks: Flags) -> NDArray[np.float32]:
    """Embeddings ``[W, K, E]`` of the masked frames of each window; zeros where a mask is empty."""
    W, T, K = masks.shape
    found: NDArray[np.float32] | None = None
    for w, start in enumerate(starts):
        active = np.flatnonzero(masks[w].any(0))
        if not len(active):
            continue
        stretch = frames[start : start + T].float()
        mask = torch.from_numpy(np.ascontiguousarray(masks[w].T[active, : len(stretch)]))
        vectors = embedder.pool(stretch, mask).float().cpu().numpy()
        if found is None:
            found = np.zeros((W, K, vectors.shape[1]), np.float32)
        found[w, active] = vectors
    return np.zeros((W, K, 1), np.float32) if found is None else found
