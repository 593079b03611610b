"""Who spoke when in a recording of any length: local decisions in windows, voices clustered, both stitched together.

    audio ─▶ windows ─▶ local model ─▶ powerset ─▶ median ─┬─▶ speakers at once ──────────────┐
      │                                                    └─▶ masks ─┐                       ▼
      └─▶ embedding model, once ─▶ frames ────────────────────────────┴─▶ pooled ─▶ clusters ─▶ turns

After Bredin 2023 (pyannote.audio 2.1) and Han et al. 2025 (DiariZen). Memory grows with local decisions
and embeddings; audio, activations and the embedding model's frames are held for a few windows only.
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
from .ahc import AHCOptions, centroids, relabel_by_appearance
from .assignment import assign
from .plda import PLDA
from .pooling import FrameEmbedder, embedding_masks, frames_in_order, pool_windows
from .powerset import Powerset
from .speaker_count import SpeakerCount
from .stitching import median_filter, most_active, speaker_counts, stitch_windows, turns_from_frames
from .vbx import VBxOptions, cluster_vbx, initial_responsibilities
from .windows import Audio, sliding_windows

LocalModel = Callable[[Tensor], Tensor]
"""``[B, S]`` waveforms to ``[B, T, classes]`` scores of powerset classes, at the frame step of 20 ms."""

Progress = Callable[[str, float], None]
"""Told what is being done, and how many seconds of the recording are through."""


@dataclass(frozen=True)
class DiarizationSettings:
    """How the pipeline works.

    Args:
        window, step: seconds of a window, and from one to the next. Halving the step doubles the work of the local model.
        median: frames of the median filter of local decisions; odd.
        batch: windows that the local model is given at once.
        alone: seconds without overlap that suffice for an embedding; a local speaker with fewer is embedded whole.
        clean: seconds that a local speaker speaks alone so that its embedding takes part in finding clusters.
        ahc: agglomerative clustering; with ``vbx`` only its start.
        vbx: Bayesian clustering after that, which needs ``plda``.
        plda: of the embedding model.
        exclusive: at most one speaker at once.

    Raises:
        DataError: values out of range, or VBx without PLDA.
    """

    window: float = 8.0
    step: float = 0.8
    median: int = 11
    batch: int = 8
    alone: float = 0.2
    clean: float = 1.0
    ahc: AHCOptions = field(default_factory=AHCOptions)
    vbx: VBxOptions | None = None
    plda: PLDA | None = None
    exclusive: bool = False

    def __post_init__(self) -> None:
        if not 0.025 <= self.window < math.inf or not 0 < self.step <= self.window or self.batch < 1:
            raise DataError(
                f"diarization: a step of {self.step:g} s and windows of {self.window:g} s do not make sense; the step is"
                " no longer than the window"
            )
        if self.median < 1 or self.median % 2 == 0 or min(self.alone, self.clean) < 0:
            raise DataError(f"diarization: a median of {self.median} frames; it must be odd")
        if self.vbx is not None and self.plda is None:
            raise DataError("diarization: VBx needs a PLDA of the embedding model; take AHC where there is none")


@dataclass(frozen=True)
class Segmentation:
    """What the local model decided.

    Attributes:
        activity: ``[W, T, K]`` who of its own speakers speaks, in each window.
        starts: ``[W]`` the frame at which each window starts.
        frames: of the whole recording.
        samples: of the whole recording, at 16 kHz.
    """

    activity: NDArray[np.bool_]
    starts: NDArray[np.int64]
    frames: int
    samples: int


@dataclass(frozen=True)
class SpeakerEmbeddings:
    """What the embedding model heard.

    Attributes:
        vectors: ``[W, K, E]`` of the local speakers of each window; zeros where one says nothing.
        active: ``[W, K]`` which of them speak.
        clear: ``[W, K]`` which of them speak alone for long enough to take part in finding clusters.
    """

    vectors: NDArray[np.float32]
    active: NDArray[np.bool_]
    clear: NDArray[np.bool_]


def diarize(
    audio: Audio,
    local_model: LocalModel,
    embedder: FrameEmbedder | None,
    *,
    powerset: Powerset | None = None,
    settings: DiarizationSettings | None = None,
    count: SpeakerCount | None = None,
    strict: bool = False,
    name: str = "diarization",
    progress: Progress | None = None,
) -> list[Turn]:
    """The turns of a recording; speakers are called ``speaker1``, ``speaker2``, ... as they appear.

    Args:
        audio: blocks at 16 kHz, see `AudioFile`; it is gone through twice.
        local_model: scores of powerset classes.
        embedder: the embedding model; ``None`` does for audio of one window, whose speakers are told apart as they are.
        powerset: the classes of the local model.
        settings: see `DiarizationSettings`.
        count: known, least or most speakers. Fewer than the least are told by a `SpeakerCountWarning`.
        strict: fewer than the least are an error.
        name: of the recording, for messages.
        progress: told how far it is.

    Raises:
        DataError: several windows and no embedding model, a local model of another number of classes, or ``strict`` and
            fewer speakers than asked for.
        AudioError: audio that cannot be read to its end.
    """
    settings, count = settings or DiarizationSettings(), count or SpeakerCount()
    local = segment(audio, local_model, powerset or Powerset(), settings, progress)
    if embedder is None and len(local.starts) > 1:
        raise DataError(
            f"diarization: {len(local.starts)} windows and no embedding model to tell who is who across them"
        )
    active = local.activity.any()
    voices = embed_speakers(audio, embedder, local, settings, progress) if embedder is not None and active else None
    turns = reconstruct(local, voices, settings, count)
    count.check(len({turn.speaker for turn in turns}), int(local.activity.any(1).sum()), name, strict=strict)
    return turns


@torch.no_grad()
def segment(
    audio: Audio, model: LocalModel, powerset: Powerset, settings: DiarizationSettings, progress: Progress | None = None
) -> Segmentation:
    """Run the local model over all windows; hard decisions, smoothed over time."""
    size = round(settings.window * SAMPLE_RATE)
    # A window of 8 s has 399 frames and not 400: windows side by side are a frame closer.
    hop = min(max(1, round(settings.step * SAMPLE_RATE / FRAME_STEP)), frame_count(size)) * FRAME_STEP
    decided: list[NDArray[np.bool_]] = []
    starts: list[int] = []
    samples = 0

    def run(waves: list[NDArray[np.float32]]) -> None:
        scores = model(torch.from_numpy(np.stack(waves)))
        if scores.shape[-1] != len(powerset):
            raise DataError(
                f"diarization: the local model gives {scores.shape[-1]} classes, {powerset.speakers} speakers with"
                f" {powerset.at_once} at once make {len(powerset)}"
            )
        found = powerset.decode(scores).bool().cpu().numpy()
        decided.extend(median_filter(found, settings.median))
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
    return Segmentation(activity, np.array(starts, np.int64), max(ends, default=0), samples)


@torch.no_grad()
def embed_speakers(
    audio: Audio,
    embedder: FrameEmbedder,
    local: Segmentation,
    settings: DiarizationSettings,
    progress: Progress | None = None,
) -> SpeakerEmbeddings:
    """Embed every local speaker."""

    def done(frames: int) -> None:
        if progress is not None:
            progress("recognizing voices", min(frames * FRAME_STEP, local.samples) / SAMPLE_RATE)

    second = SAMPLE_RATE / FRAME_STEP
    masks, alone = embedding_masks(local.activity, round(settings.alone * second))
    frames = frames_in_order(embedder, audio(), local.frames)
    vectors = pool_windows(embedder, frames, local.starts, masks, done)
    active = np.asarray(masks.any(1), np.bool_)
    return SpeakerEmbeddings(vectors, active, active & (alone >= settings.clean * second))


def reconstruct(
    local: Segmentation,
    voices: SpeakerEmbeddings | None,
    settings: DiarizationSettings,
    count: SpeakerCount | None = None,
) -> list[Turn]:
    """The turns that local decisions and voices make; without voices local speakers are taken for what they are, and of
    more than ``count`` allows those that speak longest.

    This takes no time beside `segment` and `embed_speakers`, which know nothing of the settings of clustering: to compare some,
    call it again.
    """
    count = count or SpeakerCount()
    activity = local.activity
    if voices is None and count.most is not None:
        activity = most_active(activity, count.most)
    active = activity.any(1)
    if not active.any():
        return []
    at_once = 1 if settings.exclusive else activity.shape[2] if count.most is None else count.most
    counts = speaker_counts(activity, local.starts, local.frames).clip(max=at_once)
    clusters = np.where(active, np.arange(active.shape[1]), -1)
    if voices is not None:
        clusters = cluster_speakers(voices, settings, count)
    spoken = stitch_windows(activity, local.starts, clusters, counts, count.least)
    # Clusters that no frame was given to are no speakers; the others are numbered as they appear.
    heard = np.flatnonzero(spoken.any(0))
    heard = heard[np.argsort(spoken[:, heard].argmax(0), kind="stable")]
    names = [f"speaker{place}" for place in range(1, len(heard) + 1)]
    return turns_from_frames(spoken[:, heard], names, local.samples / SAMPLE_RATE)


def cluster_speakers(
    voices: SpeakerEmbeddings, settings: DiarizationSettings, count: SpeakerCount
) -> NDArray[np.int64]:
    """The cluster of each local speaker: ``[W, K]``, -1 where it says nothing."""
    clear = voices.clear
    if clear.sum() < max(count.least, 1):
        clear = voices.active
    vectors = voices.vectors[clear].astype(np.float64)
    labels = _clustered(vectors, settings, count)
    found = assign(voices.vectors, voices.active, centroids(vectors, labels))
    if len(np.unique(found[voices.active])) < min(count.least, int(labels.max()) + 1):
        # SpeakerEmbeddings that are nearly equal: the assignment left clusters empty, so those that made them stay in them.
        found[clear] = labels
    return found


def _clustered(vectors: NDArray[np.float64], settings: DiarizationSettings, count: SpeakerCount) -> NDArray[np.int64]:
    """Cluster numbers ``[N]`` of embeddings ``[N, E]``."""
    labels = settings.ahc(vectors, SpeakerCount(count.least) if settings.vbx is not None else count)
    if settings.vbx is not None and settings.plda is not None:
        found = cluster_vbx(
            settings.plda.project(vectors), settings.plda.phi, initial_responsibilities(labels), settings.vbx
        )
        voiced = relabel_by_appearance(found.shares.argmax(1))
        speakers = int(voiced.max()) + 1
        # VBx only ever drops speakers, and cannot be told how many: where bounds are broken AHC has to keep them.
        labels = voiced if count.nearest(speakers) == speakers else settings.ahc(vectors, count)
    return labels
