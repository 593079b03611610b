"""Anti-spoofing as a person uses it: is this recording a person's voice, or was it made by a machine?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ..data.audio.channels import Channel
from ..data.audio.long_audio import speech_parts
from ..data.audio.sources import name_of
from ..encoder.checks.finite_outputs import finite_output, named
from ..errors import CheckpointError
from ..metrics.detection.spoofing import THRESHOLD
from ..models.networks import load_network
from ..models.task_network import TaskNetwork


def load_detector(source: str | Path) -> TaskNetwork:
    """A task model that tells bona fide from spoofed recordings.

    Raises:
        CheckpointError: nothing there, damaged, or a model for something else.
    """
    model = load_network(source)
    if not isinstance(model, TaskNetwork) or model.config.scoring != "llr":
        raise CheckpointError(
            f"{source}: this is no anti-spoofing model; make one with `sottovoce compress` and a spoofing recipe"
        )
    return model


@dataclass(frozen=True)
class Detection:
    """What an anti-spoofing model says of a recording.

    Args:
        score: of the network; higher is more likely bona fide.
        llr: the score as a log-likelihood ratio; ``None`` where the model was never calibrated on development data.
        threshold: of the ratio, from which on a recording passes as bona fide: -0.642, for the costs of ASVspoof 5.
    """

    score: float
    llr: float | None
    threshold: float = THRESHOLD

    @property
    def bonafide(self) -> bool | None:
        """The decision; ``None`` without a calibration."""
        return None if self.llr is None else self.llr >= self.threshold


@torch.no_grad()
def detect(model: TaskNetwork, file: str | Path, *, channel: Channel | None = None) -> Detection:
    """Judge a file of any format, rate and length.

    One of more than a minute is judged in equal parts of at most a minute (`speech_parts`), and its score is their mean:
    memory does not grow with the file.

    Raises:
        AudioError: a file that is missing, damaged, silent, too short, or has several channels and none is chosen.
        InferenceError: the model gives NaN or infinity.
    """
    parts = speech_parts(file, channel=channel)
    with named(name_of(file)):
        outputs = [model(part[None].to(model.device)).output.float() for part in parts]
        score = finite_output(model.scoring.scores(torch.cat(outputs).double()).mean(), model)
        llr = finite_output(model.scoring.slope * score + model.scoring.offset, model)
    return Detection(score.item(), llr.item() if model.scoring.calibrated else None)
