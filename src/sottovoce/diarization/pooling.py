"""Embeddings of the local speakers of every window, from frames that are encoded once.

If the step is a tenth of the window, every frame is in ten windows. The embedding model encodes each frame only once (or
twice, in the margin of a block), and the frames are pooled under the mask of each local speaker as they arrive. Only the
frames of a window and a block are in memory, however long the recording is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..data.audio.frames import FRAME_STEP, frame_count, samples_for_frames
from ..quantities import SAMPLE_RATE
from .windows import Wave, sliding_windows

Flags = NDArray[np.bool_]


class FrameEmbedder(Protocol):
    """An embedding model in two steps: frames, and pooling under a mask."""

    def frames(self, waves: Tensor) -> Tensor:
        """``[B, T, F]`` of waveforms ``[B, S]``, at the frame step of 20 ms."""

    def pool(self, frames: Tensor, masks: Tensor) -> Tensor:
        """Embeddings ``[K, E]`` of ``frames[T, F]`` under each of ``masks[K, T]`` (True: used)."""


class WindowEmbedder(ABC):
    """An embedding model that has to see each window as a whole, because its frames depend on all of the audio.

    Models on a filterbank subtract the mean of each bin over the window, as they were published, and pool frames that are
    farther apart than those of the masks.
    """

    @abstractmethod
    def embed(self, wave: Tensor, masks: Tensor) -> Tensor:
        """Embeddings ``[K, E]`` of the window ``wave[S]`` under each of ``masks[K, T]``, at the frame step of 20 ms."""


def resampled_masks(masks: Tensor, frames: int) -> Tensor:
    """The masks ``[K, frames]`` of fewer or more frames that span the same time as ``masks[K, T]``.

    A frame takes the value of the nearest one before, as in pyannote. Where nothing would be left of a mask, the frame of
    its first entry stays.
    """
    K, T = masks.shape
    found = masks[:, torch.arange(frames, device=masks.device) * T // frames]
    first = masks.int().argmax(1) * frames // T
    empty = masks.any(1) & ~found.any(1)
    found[empty, first[empty]] = True
    return found


def embed_windows(
    embedder: WindowEmbedder,
    waves: Iterable[Wave],
    starts: NDArray[np.int64],
    masks: Flags,
    done: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Embeddings ``[W, K, E]`` of the masked frames of each window; zeros where a mask is empty.

    Args:
        embedder: the embedding model.
        waves: the ``W`` windows ``[S]`` at 16 kHz.
        starts, masks, done: see `pool_windows`.
    """
    samples = (torch.from_numpy(np.ascontiguousarray(wave)) for wave in waves)
    embedded = ((min(masks.shape[1], frame_count(len(wave))), partial(embedder.embed, wave)) for wave in samples)
    return _by_window(embedded, starts, masks, done)


def frames_in_order(
    embedder: FrameEmbedder, blocks: Iterable[Wave], count: int, *, core: float = 16.0, margin: float = 1.0
) -> Iterator[Tensor]:
    """The frames of the embedding model in consecutive pieces ``[t, F]``, in half precision.

    Args:
        embedder: the embedding model.
        blocks: consecutive waveforms ``[S]`` at 16 kHz.
        count: number of frames in all.
        core, margin: seconds of new audio in each block that is encoded, and seconds of context on each side.
    """
    new, around = round(core * SAMPLE_RATE / FRAME_STEP), round(margin * SAMPLE_RATE / FRAME_STEP)
    at, held = 0, torch.zeros(0, 1)  # the first frame that was not yielded yet, and the frames from there on
    for start, wave in sliding_windows(blocks, samples_for_frames(new + 2 * around), new * FRAME_STEP):
        stretch = embedder.frames(torch.from_numpy(np.ascontiguousarray(wave))[None])[0].cpu().half()
        if start:  # from the middle of the overlap on, frames have more context in the new block
            yield held[: start + around - at]
            at = start + around
        held = stretch[at - start :]
    lacking = count - at - len(held)  # a front end with a larger receptive field may give one frame less
    yield F.pad(held, (0, 0, 0, lacking))  # or more: negative padding removes them


def embedding_masks(activity: Flags, min_frames: int) -> tuple[Flags, NDArray[np.int64]]:
    """The frames from which each local speaker is embedded.

    Args:
        activity: ``[W, T, K]`` whether each local speaker speaks.
        min_frames: number of frames without overlap that are enough; a speaker with fewer is embedded from all of its frames.

    Returns:
        Masks ``[W, T, K]``, and the number of frames ``[W, K]`` in which each speaks alone.
    """
    alone = activity & (activity.sum(2, keepdims=True) == 1)
    count = alone.sum(1)
    return np.where((count >= min_frames)[:, None], alone, activity), count


def frames_of_windows(pieces: Iterable[Tensor], starts: NDArray[np.int64], length: int) -> Iterator[Tensor]:
    """The frames ``[T, F]`` of each window, as soon as they are complete; frames are dropped when no longer needed.

    Args:
        pieces: consecutive frames ``[t, F]``.
        starts: ``[W]`` first frame of each window, in order.
        length: frames of a window; the last windows may have fewer.
    """
    at, held = 0, torch.zeros(0)  # `held` has the frames from `at` on
    waiting = deque(starts.tolist())
    for piece in pieces:
        held = torch.cat([held, piece]) if len(held) else piece
        while waiting and waiting[0] + length <= at + len(held):
            yield held[waiting.popleft() - at :][:length]
        gone = min(waiting[0] - at, len(held)) if waiting else len(held)
        at, held = at + gone, held[gone:]
    for start in waiting:
        yield held[start - at :]


def pool_windows(
    embedder: FrameEmbedder,
    pieces: Iterable[Tensor],
    starts: NDArray[np.int64],
    masks: Flags,
    done: Callable[[int], None] | None = None,
) -> NDArray[np.float32]:
    """Embeddings ``[W, K, E]`` of the masked frames of each window; zeros where a mask is empty.

    Args:
        embedder: the embedding model.
        pieces: consecutive frames, see `frames_in_order`.
        starts: ``[W]`` first frame of each window, in order.
        masks: ``[W, T, K]`` frames of each local speaker.
        done: called with the number of frames that are processed so far.
    """
    stretches = frames_of_windows(pieces, starts, masks.shape[1])
    embedded = ((len(frames), partial(embedder.pool, frames.float())) for frames in stretches)
    return _by_window(embedded, starts, masks, done)


def _by_window(
    windows: Iterable[tuple[int, Callable[[Tensor], Tensor]]],
    starts: NDArray[np.int64],
    masks: Flags,
    done: Callable[[int], None] | None,
) -> NDArray[np.float32]:
    """Embeddings ``[W, K, E]`` of windows, each with its number of frames and what embeds it with masks ``[K, T]``."""
    W, _, K = masks.shape
    found: NDArray[np.float32] | None = None
    for w, (frames, embed) in enumerate(windows):
        if done is not None:
            done(int(starts[w]) + frames)
        active = np.flatnonzero(masks[w].any(0))
        if not len(active):
            continue
        mask = torch.from_numpy(np.ascontiguousarray(masks[w].T[active, :frames]))
        vectors = embed(mask).float().cpu().numpy()
        found = np.zeros((W, K, vectors.shape[1]), np.float32) if found is None else found
        found[w, active] = vectors
    return np.zeros((W, K, 1), np.float32) if found is None else found
