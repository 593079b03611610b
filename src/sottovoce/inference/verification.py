"""Speaker verification: embeddings of recordings, and whether two recordings are of one speaker."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..data.audio.channels import Channel
from ..data.audio.long_audio import speech_parts
from ..data.audio.reading import audio_shape, read_audio
from ..data.audio.segments import Segments
from ..data.audio.sources import name_of
from ..encoder.checks.finite_outputs import finite_output, named
from ..models.task_network import TaskNetwork
from ..tasks.scoring.speaker_scoring import calibrated_scores, calibration_of, score, scored_by, segments_of
from .arguments import Audio, Model, audio_file, task_model
from .inputs import Recording


@dataclass(frozen=True)
class Verdict:
    """Whether two recordings are of one speaker.

    Args:
        score: a cosine (-1..1) or, by segments, a negative distance (-2..0); it may be normalized against other speakers. Of
            a calibrated model a log-likelihood ratio.
        threshold: the score from which on two recordings count as one speaker; ``None`` for a model without one, which was
            never evaluated on development trials.
        calibrated: whether the score is a log-likelihood ratio.
    """

    score: float
    threshold: float | None
    calibrated: bool = False

    @property
    def same(self) -> bool | None:
        """The decision; ``None`` without a threshold."""
        return None if self.threshold is None else self.score >= self.threshold


@torch.no_grad()
def embed(model: Model, recording: Audio, *, channel: Channel | None = None) -> Tensor:
    """The speaker embedding ``[E]`` of a recording.

    A recording of more than a minute is cut into equal parts of at most a minute (`speech_parts`), and its embedding is the
    mean of theirs.

    Args:
        model: a speaker model, or the place of one.
        recording: what is embedded.
        channel: the channel of a file with several, counted from 0, or ``"mix"`` for the mean of all.

    Raises:
        AudioError: a file that is missing, damaged, silent or too short, or has several channels and none is chosen.
        CheckpointError: the model cannot be loaded, or is for another task.
        InferenceError: an output of the model is NaN or infinite.
    """
    network = task_model(model, "verification")
    # The head may need several frames, and its error cannot know the name of the file.
    with audio_file(recording, channel) as (file, channel), named(name_of(file)):
        outputs = [network.embed(part.to(network.device)) for part in speech_parts(file, channel=channel)]
        return finite_output(torch.stack(outputs).float().mean(0).cpu(), network)


@torch.no_grad()
def voice(model: Model, recording: Audio, *, channel: Channel | None = None) -> Tensor:
    """What a model compares of a recording: its embedding ``[E]``, or ``[n, E]`` of its segments if the model scores by these.

    Args:
        model: a speaker model, or the place of one.
        recording: what is embedded.
        channel: the channel of a file with several, see `embed`.

    Raises:
        AudioError, CheckpointError, InferenceError: see `embed`.
    """
    network = task_model(model, "verification")
    if (segments := segments_of(network.scoring)) is None:
        return embed(network, recording, channel=channel)
    with audio_file(recording, channel) as (file, channel), named(name_of(file)):
        waveform = read_audio(file, channel=channel)
        return finite_output(network.embed(segments.of(waveform).to(network.device)).float().cpu(), network)


def verify(
    model: Model, a: Audio, b: Audio, *, channel: Channel | None = None, segments: Segments | None = None
) -> Verdict:
    """Decide whether two recordings are of one speaker.

    Args:
        model: a speaker model, or the place of one.
        a, b: the two recordings.
        channel: the channel of files with several, see `embed`.
        segments: score by these segments, or by the whole recordings if their number is 0; default: as the model was made to.
            The threshold of the model counts for its own way of scoring only, so with another nothing is decided.

    Raises:
        AudioError, CheckpointError, InferenceError: see `embed`.
    """
    network = task_model(model, "verification")
    seconds = [_seconds(each) for each in (a, b)]
    with scored_by(network.scoring, segments):
        voices = [voice(network, each, channel=channel) for each in (a, b)]
        return compare_embeddings(network, voices, seconds, [(0, 1)], names=[_name(a), _name(b)])[0]


def compare_embeddings(
    model: TaskNetwork,
    embeddings: Sequence[Tensor],
    seconds: Sequence[float],
    pairs: Sequence[tuple[int, int]],
    *,
    names: Sequence[str],
) -> list[Verdict]:
    """Decide for pairs of recordings with known embeddings whether they are of one speaker.

    Args:
        model: the model that made the embeddings.
        embeddings: ``N`` embeddings ``[E]``; or ``[n, E]`` of segments, for a model that scores by these, see `voice`.
        seconds: lengths of the ``N`` recordings.
        pairs: the two recordings of each comparison, by their place in ``embeddings``.
        names: names of the ``N`` recordings, for messages.

    Raises:
        InferenceError: a score is NaN or infinite.
    """
    left, right = np.array(pairs).reshape(-1, 2).T
    raw = score(model.scoring, torch.stack(list(embeddings)), list(seconds), left, right, names=names)
    labels = [f"{names[a]} and {names[b]}" for a, b in pairs]
    scores = finite_output(torch.from_numpy(np.asarray(calibrated_scores(model.scoring, raw))), model, labels)
    threshold = model.scoring.threshold.item()
    known, fitted = None if math.isnan(threshold) else threshold, calibration_of(model.scoring) is not None
    return [Verdict(value, known, fitted) for value in scores.tolist()]


def _seconds(recording: Audio) -> float:
    if isinstance(recording, Recording):
        return recording.seconds()
    samples, rate, _ = audio_shape(recording)
    return samples / rate


def _name(recording: Audio) -> str:
    return recording.name if isinstance(recording, Recording) else name_of(recording)
