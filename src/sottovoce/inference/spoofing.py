"""Anti-spoofing: was this recording spoken by a person, or made or changed by a machine?"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

import torch

from ..data.audio.channels import Channel
from ..data.audio.long_audio import speech_parts
from ..data.audio.sources import name_of
from ..encoder.checks.finite_outputs import finite_output, named
from ..metrics.detection.spoofing import THRESHOLD
from .arguments import Audio, Model, audio_file, task_model


@dataclass(frozen=True)
class Detection:
    """The answer of an anti-spoofing model to a recording.

    Args:
        score: the output of the network; higher is more likely bona fide.
        llr: the score as a log-likelihood ratio; ``None`` for a model that was never calibrated on development data.
        threshold: the recording is accepted as bona fide from this ratio on: -0.642, for the costs of ASVspoof 5.
    """

    score: float
    llr: float | None
    threshold: float = THRESHOLD

    @property
    def bonafide(self) -> bool | None:
        """The decision; ``None`` without a calibration."""
        return None if self.llr is None else self.llr >= self.threshold


@torch.no_grad()
def detect(model: Model, recording: Audio, *, channel: Channel | None = None) -> Detection:
    """Decide whether a recording is bona fide.

    A recording of more than a minute is cut into equal parts of at most a minute (`speech_parts`), and its score is the
    mean of theirs, so memory does not grow with its length. A model for recordings of one length (``fixed_samples`` of its
    encoder) judges the start of the first part, and repeats what is shorter.

    Args:
        model: an anti-spoofing model, or the place of one.
        recording: what is judged.
        channel: the channel of a file with several, counted from 0, or ``"mix"`` for the mean of all.

    Raises:
        AudioError: a file that is missing, damaged, silent or too short, or has several channels and none is chosen.
        CheckpointError: the model cannot be loaded, or is for another task.
        InferenceError: an output of the model is NaN or infinite.
    """
    network = task_model(model, "spoofing")
    with audio_file(recording, channel) as (file, channel), named(name_of(file)):
        parts = speech_parts(file, channel=channel)
        if network.config.encoder.fixed_samples is not None:
            parts = islice(parts, 1)
        outputs = [network(part[None].to(network.device)).output.float() for part in parts]
        score = finite_output(network.scoring.scores(torch.cat(outputs).double()).mean(), network)
        llr = finite_output(network.scoring.slope * score + network.scoring.offset, network)
    return Detection(score.item(), llr.item() if network.scoring.calibrated else None)
