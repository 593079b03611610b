"""Diarization of recordings of any length: segmentation of windows, clustering of speaker embeddings, reconstruction.

    audio ─▶ windows ─▶ segmentation model ─▶ median ──────┬─▶ number of speakers ────────────┐
      │                                                    └─▶ masks ─┐                       ▼
      └─▶ embedding model, once ─▶ frames ────────────────────────────┴─▶ pooled ─▶ clusters ─▶ turns

After Bredin 2023 (pyannote.audio 2.1) and Han et al. 2025 (DiariZen). Memory grows only with the segmentation and the
embeddings; audio, activations and the frames of the embedding model are held for a few windows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.audio.frames import FRAME_STEP, frame_count
from ..data.corpora.rttm import Turn
from ..errors import DataError
from ..quantities import SAMPLE_RATE
from .ahc import AHCOptions, centroids
from .assignment import assign
from .plda import PLDA
from .pooling import (
    FrameEmbedder,
    WindowEmbedder,
    embed_windows,
    embedding_masks,
    frames_in_order,
    pool_windows,
)
from .powerset import Powerset
from .speaker_count import SpeakerCount
from .stitching import most_active, smooth_activity, speaker_counts, stitch_windows, turns_from_frames
from .vbx import VBxOptions, cluster_vbx, initial_responsibilities
from .windows import Audio, sliding_windows

PRESENT = 1e-7
"""A prior of VBx above which a speaker exists."""

SegmentationScores = Callable[[Tensor], Tensor]
"""A function from waveforms ``[B, S]`` to scores ``[B, T, classes]`` of powerset classes, every 20 ms."""

Progress = Callable[[str, float], None]
"""``progress(step, seconds)``: the name of the step, and the seconds of the recording that are processed."""


@dataclass(frozen=True)
class DiarizationSettings:
    """The settings of the pipeline.

    Args:
        window, step: seconds of a window, and seconds from one window to the next. Halving the step doubles the cost of
            segmentation.
        median: width of the median filter of the segmentation in frames; odd.
        batch: number of windows in a batch of the segmentation model.
        alone: seconds of speech without overlap that are enough for an embedding; a local speaker with less is embedded
            from all of its speech.
        clean: share of a window in which a local speaker must speak alone for its embedding to be clustered, as published
            a tenth. If there are fewer than two such embeddings, all are clustered.
        ahc: options of agglomerative clustering, which with ``vbx`` gives the initial clusters.
        vbx: options of VBx clustering, which needs ``plda``; ``None`` for agglomerative clustering alone.
        plda: PLDA of the embedding model.
        exclusive: whether at most one speaker speaks at a time.

    Raises:
        DataError: a value is out of range, or VBx is chosen without a PLDA.
    """

    window: float = 8.0
    step: float = 0.8
    median: int = 11
    batch: int = 8
    alone: float = 0.2
    clean: float = 0.1
    ahc: AHCOptions = field(default_factory=AHCOptions)
    vbx: VBxOptions | None = None
    plda: PLDA | None = None
    exclusive: bool = False

    def __post_init__(self) -> None:
        if not 0.025 <= self.window < math.inf or not 0 < self.step <= self.window or self.batch < 1:
            raise DataError(
                f"diarization: a step of {self.step:g} s and windows of {self.window:g} s do not fit; take a step"
                " longer than 0 s and not longer than the window"
            )
        if self.median < 1 or self.median % 2 == 0 or min(self.alone, self.clean) < 0:
            raise DataError(
                f"diarization: the length of the median filter must be odd, not {self.median} frames;"
                f" take {self.median + 1}"
            )
        if self.vbx is not None and self.plda is None:
            raise DataError("diarization: VBx needs a PLDA of the embedding model; take AHC where there is none")


@dataclass(frozen=True)
class Segmentation:
    """The output of the segmentation model for ``W`` windows of ``T`` frames with ``K`` local speakers.

    Attributes:
        activity: ``[W, T, K]`` whether each local speaker speaks, in each frame of each window.
        starts: ``[W]`` first frame of each window.
        frames: number of frames of the recording.
        samples: number of samples of the recording, at 16 kHz.
        window, hop: samples of a window, and from one window to the next.
    """

    activity: NDArray[np.bool_]
    starts: NDArray[np.int64]
    frames: int
    samples: int
    window: int
    hop: int


@dataclass(frozen=True)
class SpeakerEmbeddings:
    """The output of the embedding model for the local speakers of all windows.

    Attributes:
        vectors: ``[W, K, E]`` embedding of each local speaker; zeros for one that does not speak.
        active: ``[W, K]`` whether a local speaker speaks.
        clear: ``[W, K]`` whether a local speaker speaks alone for long enough to be used in the clustering.
    """

    vectors: NDArray[np.float32]
    active: NDArray[np.bool_]
    clear: NDArray[np.bool_]


def diarize(
    audio: Audio,
    segmentation_model: SegmentationScores,
    embedder: FrameEmbedder | WindowEmbedder | None,
    *,
    powerset: Powerset | None = None,
    settings: DiarizationSettings | None = None,
    count: SpeakerCount | None = None,
    strict: bool = False,
    name: str = "diarization",
    progress: Progress | None = None,
) -> list[Turn]:
    """The turns of a recording. Speakers are named ``speaker1``, ``speaker2``, ... in the order of appearance.

    Args:
        audio: function that returns blocks at 16 kHz, see `AudioFile`; it is called twice.
        segmentation_model: function from waveforms ``[B, S]`` to scores ``[B, T, classes]`` of powerset classes.
        embedder: the embedding model; not needed for audio of one window.
        powerset: the classes of the segmentation model.
        settings: settings of the pipeline.
        count: bounds on the number of speakers. Fewer speakers than the minimum give a `SpeakerCountWarning`.
        strict: whether fewer speakers than the minimum are an error.
        name: name of the recording in messages.
        progress: called after each batch of windows.

    Raises:
        DataError: the audio has several windows and there is no embedding model, the segmentation model has another number
            of classes, or, if ``strict``, there are fewer speakers than the minimum.
        AudioError: the audio cannot be read to its end.
    """
    settings, count = settings or DiarizationSettings(), count or SpeakerCount()
    segmentation = segment(audio, segmentation_model, powerset or Powerset(), settings, progress)
    if embedder is None and len(segmentation.starts) > 1:
        raise DataError(
            f"diarization: {len(segmentation.starts)} windows need an embedding model that matches their speakers"
        )
    active = segmentation.activity.any()
    embeddings = (
        embed_speakers(audio, embedder, segmentation, settings, progress) if embedder is not None and active else None
    )
    turns = reconstruct(segmentation, embeddings, settings, count)
    count.check(len({turn.speaker for turn in turns}), int(segmentation.activity.any(1).sum()), name, strict=strict)
    return turns


@torch.no_grad()
def segment(
    audio: Audio,
    model: SegmentationScores,
    powerset: Powerset,
    settings: DiarizationSettings,
    progress: Progress | None = None,
) -> Segmentation:
    """Run the segmentation model on all windows; its decisions are smoothed by a median filter."""
    size = round(settings.window * SAMPLE_RATE)
    # A window of 8 s has 399 frames, so windows may be at most 399 frames apart, not 400.
    hop = min(max(1, round(settings.step * SAMPLE_RATE / FRAME_STEP)), frame_count(size)) * FRAME_STEP
    decided: list[NDArray[np.bool_]] = []
    starts: list[int] = []
    samples = 0

    def run(waves: list[NDArray[np.float32]]) -> None:
        scores = model(torch.from_numpy(np.stack(waves)))
        if scores.shape[-1] != len(powerset):
            raise DataError(
                f"diarization: the segmentation model gives {scores.shape[-1]} classes, {powerset.speakers} speakers with"
                f" {powerset.at_once} at once make {len(powerset)}"
            )
        found = powerset.decode(scores).bool().cpu().numpy()
        decided.extend(smooth_activity(found, settings.median))
        if progress is not None:
            progress("listening", samples / SAMPLE_RATE)

    waiting: list[NDArray[np.float32]] = []
    for start, wave in sliding_windows(audio(), size, hop):
        if waiting and (len(waiting) == settings.batch or len(wave) != len(waiting[0])):
            run(waiting)
            waiting = []
        waiting.append(wave)
        starts.append(start)
        samples = start * FRAME_STEP + len(wave)
    if waiting:
        run(waiting)
    longest = max((len(each) for each in decided), default=0)
    activity = np.zeros((len(decided), longest, powerset.speakers), np.bool_)
    for row, each in zip(activity, decided, strict=True):
        row[: len(each)] = each
    ends = [start + len(each) for start, each in zip(starts, decided, strict=True)]
    return Segmentation(activity, np.array(starts, np.int64), max(ends, default=0), samples, size, hop)


@torch.no_grad()
def embed_speakers(
    audio: Audio,
    embedder: FrameEmbedder | WindowEmbedder,
    segmentation: Segmentation,
    settings: DiarizationSettings,
    progress: Progress | None = None,
) -> SpeakerEmbeddings:
    """The embedding of every local speaker in every window."""

    def done(frames: int) -> None:
        if progress is not None:
            progress("recognizing voices", min(frames * FRAME_STEP, segmentation.samples) / SAMPLE_RATE)

    second = SAMPLE_RATE / FRAME_STEP
    masks, alone = embedding_masks(segmentation.activity, max(1, round(settings.alone * second)))
    if isinstance(embedder, WindowEmbedder):
        windows = sliding_windows(audio(), segmentation.window, segmentation.hop)
        vectors = embed_windows(embedder, (wave for _, wave in windows), segmentation.starts, masks, done)
    else:
        frames = frames_in_order(embedder, audio(), segmentation.frames)
        vectors = pool_windows(embedder, frames, segmentation.starts, masks, done)
    active = np.asarray(masks.any(1), np.bool_)
    return SpeakerEmbeddings(vectors, active, active & (alone >= round(settings.clean * masks.shape[1])))


def reconstruct(
    segmentation: Segmentation,
    embeddings: SpeakerEmbeddings | None,
    settings: DiarizationSettings,
    count: SpeakerCount | None = None,
) -> list[Turn]:
    """The turns of a recording from its segmentation and embeddings. Without embeddings (for a single window), the speakers
    are the local speakers that speak longest, at most as many as ``count`` allows.

    This is much faster than `segment` and `embed_speakers`, which do not depend on the settings of clustering: to compare
    such settings, only this function need be called again.
    """
    count = count or SpeakerCount()
    activity = segmentation.activity
    if embeddings is None and count.maximum is not None:
        activity = most_active(activity, count.maximum)
    active = activity.any(1)
    if not active.any():
        return []
    at_once = 1 if settings.exclusive else activity.shape[2] if count.maximum is None else count.maximum
    counts = speaker_counts(activity, segmentation.starts, segmentation.frames).clip(max=at_once)
    clusters = np.where(active, np.arange(active.shape[1]), -1)
    if embeddings is not None:
        clusters = cluster_speakers(embeddings, settings, count)
    spoken = stitch_windows(activity, segmentation.starts, clusters, counts, count.minimum)
    # Clusters without a frame are dropped; the others are numbered in the order of appearance.
    present = np.flatnonzero(spoken.any(0))
    present = present[np.argsort(spoken[:, present].argmax(0), kind="stable")]
    names = [f"speaker{place}" for place in range(1, len(present) + 1)]
    return turns_from_frames(spoken[:, present], names, segmentation.samples / SAMPLE_RATE)


def cluster_speakers(
    embeddings: SpeakerEmbeddings, settings: DiarizationSettings, count: SpeakerCount
) -> NDArray[np.int64]:
    """The cluster of each local speaker ``[W, K]``; -1 for a local speaker that does not speak."""
    clear = embeddings.clear
    if clear.sum() < max(count.minimum, 2):
        clear = embeddings.active
    vectors = embeddings.vectors[clear].astype(np.float64)
    labels, centers = _clustered(vectors, settings, count)
    found = assign(embeddings.vectors, embeddings.active, centers)
    if len(np.unique(found[embeddings.active])) < min(count.minimum, int(labels.max()) + 1):
        # The assignment left clusters empty, as embeddings are nearly equal: keep the clusters of the clustering.
        found[clear] = labels
    return found


def _clustered(
    vectors: NDArray[np.float64], settings: DiarizationSettings, count: SpeakerCount
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Cluster numbers ``[N]`` of embeddings ``[N, E]``, and the centers ``[C, E]`` of the clusters.

    With VBx, a cluster is a speaker with a responsibility, and its center the mean of all embeddings under that.
    """
    labels = settings.ahc(vectors, SpeakerCount(count.minimum) if settings.vbx is not None else count)
    if settings.vbx is not None and settings.plda is not None:
        start = initial_responsibilities(labels, settings.vbx.smoothing)
        found = cluster_vbx(settings.plda.project(vectors), settings.plda.phi, start, settings.vbx)
        speakers = np.flatnonzero(found.prior > PRESENT)
        if count.nearest(len(speakers)) == len(speakers):
            kept = found.responsibilities[:, speakers]
            return kept.argmax(1), kept.T @ vectors
        labels = settings.ahc(vectors, count)  # VBx cannot be given a number of speakers
    return labels, centroids(vectors, labels)
