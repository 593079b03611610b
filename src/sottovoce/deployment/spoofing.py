"""Anti-spoofing as a person uses it: is this recording a person's voice, or was it made by a machine?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from ..data.audio import SAMPLE_RATE, read_speech
from ..encoder.errors import CheckpointError
from ..heads.task_model import TaskModel
from ..metrics.spoofing import THRESHOLD
from .models import load_model

LONGEST = 60 * SAMPLE_RATE
"""Samples that are judged at once."""


def load_detector(source: str | Path) -> TaskModel:
    """A task model that tells bona fide from spoofed recordings.

    Raises:
        CheckpointError: nothing there, damaged, or a model for something else.
    """
    model = load_model(source)
    if not isinstance(model, TaskModel) or model.config.scoring != "llr":
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
def detect(model: TaskModel, file: str | Path, *, channel: int | None = None) -> Detection:
    """Judge a file of any format, rate and length.

    One of more than a minute is judged in equal parts of at most a minute, and its score is their mean: memory does not
    grow with the file, and no part is much longer than what models learn from.

    Raises:
        AudioError: a file that is missing, damaged, silent, too short, or has several channels and none is chosen.
    """
    wave = read_speech(file, channel=channel)
    parts = wave.tensor_split(-(-len(wave) // LONGEST))
    output = torch.cat([model(part[None].to(model.device)).output.float().cpu() for part in parts])
    scoring = model.scoring.cpu()
    score = scoring.scores(output).mean().item()
    llr = scoring.slope.item() * score + scoring.offset.item() if scoring.calibrated else None
    return Detection(score, llr)
