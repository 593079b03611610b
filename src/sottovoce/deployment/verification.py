"""Speaker verification as a person uses it: embeddings of files, is this the same speaker, how good is the model."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ..data.audio import audio_shape, read_speech
from ..data.cuts import make_cut, read_cuts
from ..data.folder import audio_files
from ..encoder.errors import CheckpointError
from ..heads.task_model import TaskModel
from ..metrics.trials import read_trials
from ..tasks.task import EvaluationData
from ..tasks.verification import Verification
from .models import load_model

if TYPE_CHECKING:
    from lhotse.cut import Cut


def load_verifier(source: str | Path) -> TaskModel:
    """A task model that compares speakers.

    Raises:
        CheckpointError: nothing there, damaged, or a model for something else.
    """
    model = load_model(source)
    if not isinstance(model, TaskModel) or model.config.scoring != "cosine":
        raise CheckpointError(
            f"{source}: this is no speaker model; fine-tune one with `sottovoce compress` and a verification recipe"
        )
    return model


@torch.no_grad()
def embed(model: TaskModel, files: Iterable[str | Path], *, channel: int | None = None) -> dict[str, Tensor]:
    """Embeddings ``[E]`` of audio files, by path.

    Args:
        model: from `load_verifier`.
        files: audio files of any format, rate and length.
        channel: which one of files with several.

    Raises:
        AudioError: a file that is missing, damaged, silent, too short, or has several channels and none is chosen.
    """
    found = {}
    for file in files:
        wave = read_speech(file, channel=channel)
        found[str(file)] = model(wave[None].to(model.device)).output[0].float().cpu()
    return found


@dataclass(frozen=True)
class Verdict:
    """Whether two utterances are of one speaker.

    Args:
        score: cosine after mean subtraction, -1..1.
        threshold: from which score on it is the same speaker; ``None`` where the model was never given development
            trials to find one.
    """

    score: float
    threshold: float | None

    @property
    def same(self) -> bool | None:
        return None if self.threshold is None else self.score >= self.threshold


@torch.no_grad()
def verify(model: TaskModel, a: str | Path, b: str | Path, *, channel: int | None = None) -> Verdict:
    """Compare two files; see `embed` for what is raised."""
    assert model.scoring is not None
    one, other = (embed(model, [file], channel=channel)[str(file)] for file in (a, b))
    score = model.scoring.cpu()(one[None], other[None]).item()
    threshold = model.scoring.threshold.item()
    return Verdict(score, None if math.isnan(threshold) else threshold)


def evaluate(model: TaskModel, data: str | Path, trials: str | Path, *, draws: int = 1000) -> dict[str, Any]:
    """EER and minDCF over a trials file, with intervals by speaker where the manifest names speakers.

    Args:
        model: from `load_verifier`.
        data: Lhotse cuts (``.jsonl.gz``), or a folder, whose files trials name by their path below it.
        trials: lines ``1|0 a b``, or ``a b target|nontarget``.
        draws: of the bootstrap.

    Raises:
        DataError: trials that cannot be read, or name utterances that are not in the data.
        AudioError: an utterance that cannot be used.
    """
    return Verification(draws=draws).evaluate(model, EvaluationData(_cuts(Path(data)), read_trials(trials)))


def _cuts(data: Path) -> list[Cut]:
    if not data.is_dir():
        return list(read_cuts(data))
    cuts = []
    for file in audio_files(data):
        samples, rate, _ = audio_shape(file)
        name = file.relative_to(data).as_posix()
        cuts.append(make_cut(name=name, source=file.resolve(), samples=samples, rate=rate))
    return cuts
