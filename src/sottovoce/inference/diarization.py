"""Diarization as a person uses it: who spoke when in a file of any length."""

from __future__ import annotations

import warnings
from pathlib import Path

from ..data.audio.channels import Channel
from ..data.audio.reading import SilenceWarning
from ..data.audio.sources import name_of
from ..data.corpora.rttm import Turn
from ..diarization.audio_file import AudioFile
from ..diarization.models import EmbeddingModel, SegmentationModel
from ..diarization.pipeline import DiarizationSettings, Progress
from ..diarization.pipeline import diarize as pipeline
from ..diarization.speaker_count import SpeakerCount
from ..encoder.checks.finite_outputs import named
from ..errors import CheckpointError
from ..models.networks import load_network
from ..models.task_network import TaskNetwork


def load_local(source: str | Path) -> SegmentationModel:
    """A diarization model.

    Raises:
        CheckpointError: nothing there, damaged, or a model for something else.
    """
    try:
        return SegmentationModel(_task_model(source))
    except CheckpointError as error:
        raise _named(source, error) from None


def load_embedder(source: str | Path) -> EmbeddingModel:
    """A verification model that tells voices apart.

    Raises:
        CheckpointError: nothing there, damaged, or a model for something else.
    """
    try:
        return EmbeddingModel(_task_model(source))
    except CheckpointError as error:
        raise _named(source, error) from None


def diarize(
    file: str | Path,
    local: SegmentationModel,
    embedder: EmbeddingModel | None = None,
    *,
    settings: DiarizationSettings | None = None,
    count: SpeakerCount | None = None,
    strict: bool = False,
    channel: Channel | None = None,
    progress: Progress | None = None,
) -> list[Turn]:
    """The turns in a file. It is decoded in pieces, so its length hardly matters.

    In digital silence nobody speaks, whatever a model makes of it; a `SilenceWarning` says so.

    Args:
        file: audio of any format, rate and length.
        local, embedder: from `load_local` and `load_embedder`; without the second the file must fit in one window.
        settings: of the pipeline.
        count: known, least or most speakers. Fewer than the least are told by a `SpeakerCountWarning`.
        strict: fewer than the least are an error.
        channel: which one of a file with several, counted from 0; ``"mix"`` for the mean of all.
        progress: told what is done and how many seconds are through.

    Raises:
        AudioError: the file is missing, damaged, too short, or has several channels and none is chosen.
        DataError: it does not fit in one window and there is no embedder, the PLDA is of another embedder, or
            ``strict`` and fewer speakers than asked for.
        InferenceError: a model gives NaN or infinity.
    """
    if settings is not None and settings.plda is not None and embedder is not None:
        settings.plda.check(embedder.size)
    audio = AudioFile(file, channel=channel)
    with named(name_of(file)):
        turns = pipeline(
            audio,
            local,
            embedder,
            powerset=local.powerset,
            settings=settings,
            count=count,
            strict=strict,
            name=name_of(file),
            progress=progress,
        )
    if audio.silent:
        warnings.warn(f"{name_of(file)}: digital silence, so nobody speaks in it", SilenceWarning, stacklevel=2)
        if strict and count is not None:
            count.check(0, 0, name_of(file), strict=True)
        return []
    return turns


def _task_model(source: str | Path) -> TaskNetwork:
    model = load_network(source)
    if not isinstance(model, TaskNetwork):
        raise CheckpointError("this is a bare encoder without a head; fine-tune it first")
    return model


def _named(source: str | Path, error: CheckpointError) -> CheckpointError:
    text = str(error)
    return error if str(source) in text else CheckpointError(f"{source}: {text}")
