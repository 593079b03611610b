"""Speaker verification as a person uses it: embeddings of files, is this the same speaker, how good is the model."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..data.audio import audio_shape
from ..data.audit import refuse_missing
from ..data.channels import chosen_channel
from ..data.cuts import make_cut, read_cuts
from ..data.folder import audio_files
from ..data.long_audio import speech_parts
from ..encoder.errors import CheckpointError, DataError
from ..finite_outputs import finite_output, named
from ..heads.task_model import TaskModel
from ..metrics.trials import read_trials
from ..tasks.speaker_scoring import calibrated, calibration_of, score
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


def embed(model: TaskModel, files: Iterable[str | Path], *, channel: int | None = None) -> dict[str, Tensor]:
    """Embeddings ``[E]`` of audio files, by path.

    Args:
        model: from `load_verifier`.
        files: audio files of any format, rate and length.
        channel: which one of files with several.

    Raises:
        AudioError: a file that is missing, damaged, silent, too short, or has several channels and none is chosen.
        InferenceError: the model gives NaN or infinity.
    """
    files = list(files)
    for file in files:
        audio_shape(file)  # a fault in the last one shows before the first is heard
    return {str(file): embed_file(model, file, channel=channel) for file in files}


@torch.no_grad()
def embed_file(model: TaskModel, file: str | Path, *, channel: int | None = None) -> Tensor:
    """The embedding ``[E]`` of a file; of one of more than a minute the mean over its parts (`speech_parts`).

    Raises:
        AudioError, InferenceError: see `embed`.
    """
    with named(str(file)):  # a head that needs several frames does not know of whom it speaks
        outputs = [model(part[None].to(model.device)).output[0] for part in speech_parts(file, channel=channel)]
        return finite_output(torch.stack(outputs).float().mean(0).cpu(), model)


@dataclass(frozen=True)
class Verdict:
    """Whether two utterances are of one speaker.

    Args:
        score: as the model's recipe has it: a cosine (-1..1), normalised against other speakers or not; or, of a
            calibrated model, a log-likelihood ratio.
        threshold: from which score on it is the same speaker; ``None`` where the model was never given development
            trials to find one.
        calibrated: whether the score is a log-likelihood ratio.
    """

    score: float
    threshold: float | None
    calibrated: bool = False

    @property
    def same(self) -> bool | None:
        return None if self.threshold is None else self.score >= self.threshold


def verify(model: TaskModel, a: str | Path, b: str | Path, *, channel: int | None = None) -> Verdict:
    """Compare two files; see `embed` for what is raised."""
    seconds = [samples / rate for samples, rate, _ in map(audio_shape, (a, b))]
    vectors = torch.stack([embed_file(model, file, channel=channel) for file in (a, b)])
    scored = score(model.scoring, vectors, seconds, np.array([0]), np.array([1]))
    told = calibrated(model.scoring, scored)
    finite_output(torch.from_numpy(np.asarray(told)), model, [f"{a} and {b}"])
    threshold = model.scoring.threshold.item()
    return Verdict(
        float(told[0]),
        None if math.isnan(threshold) else threshold,
        calibration_of(model.scoring) is not None,
    )


def evaluate(
    model: TaskModel,
    data: str | Path,
    trials: str | Path,
    *,
    key: str | Path | None = None,
    enrol: str | Path | None = None,
    draws: int = 1000,
    channel: int | None = None,
) -> dict[str, Any]:
    """EER and minDCF over a trials file, with intervals by speaker where the manifest names speakers; see
    `Verification.evaluate`.

    Args:
        model: from `load_verifier`.
        data: Lhotse cuts (``.jsonl.gz``), or a folder, whose files trials name by their path below it.
        trials: lines ``1|0 a b``, ``a b target|nontarget`` or another form, see `trial_forms`.
        key, enrol: files that say which trials are of one speaker, and which utterance an enrolment is, where the trials
            do not; see `read_trials`.
        draws: of the bootstrap.
        channel: which one of the files of a folder with several; cuts say it themselves.

    Raises:
        DataError: trials that cannot be read, or name utterances that are not in the data; a channel of cuts.
        AudioError: an utterance that cannot be used, or has several channels and none is chosen.
        InferenceError: the model gives NaN or infinity.
    """
    pairs = read_trials(trials, key=key, enrol=enrol)
    cuts = _cuts(Path(data), set(pairs.utterances()), channel)
    return Verification(draws=draws).evaluate(model, EvaluationData(cuts, pairs)) | {"form": pairs.form}


def _cuts(data: Path, wanted: set[str], channel: int | None) -> list[Cut]:
    """Those of the data that are ``wanted``, as far as they are there."""
    if not data.is_dir():
        if channel is not None:
            raise DataError(
                f"{data}: cuts say which channel they are of; leave channel {channel} out, or give a folder"
            )
        cuts = [cut for cut in read_cuts(data) if cut.id in wanted]
        refuse_missing(cuts, str(data))
        return cuts
    files = {file.relative_to(data).as_posix(): file for file in audio_files(data)}
    cuts = []
    for name in sorted(files.keys() & wanted):
        samples, rate, channels = audio_shape(files[name])
        heard = chosen_channel(channel, channels, str(files[name]))
        source = files[name].resolve()
        cut = make_cut(name=name, source=source, samples=samples, rate=rate, channel=heard, channels=channels)
        cuts.append(cut)
    return cuts
