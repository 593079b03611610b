"""Diarization: who spoke when in a recording of any length."""

from __future__ import annotations

import warnings

from ..data.audio.channels import Channel
from ..data.audio.reading import SilenceWarning
from ..data.audio.sources import name_of
from ..data.corpora.rttm import Turn
from ..diarization.audio_file import AudioFile
from ..diarization.models import SegmentationModel, embedding_model
from ..diarization.pipeline import DiarizationSettings, Progress
from ..diarization.pipeline import diarize as pipeline
from ..diarization.speaker_count import SpeakerCount
from ..diarization.tuned_settings import model_settings, speaker_bounds
from ..encoder.checks.finite_outputs import named
from .arguments import Audio, Model, audio_file, task_model


def diarize(
    model: Model,
    recording: Audio,
    embedding: Model | None = None,
    *,
    settings: DiarizationSettings | None = None,
    count: SpeakerCount | None = None,
    strict: bool = False,
    channel: Channel | None = None,
    progress: Progress | None = None,
) -> list[Turn]:
    """The turns of each speaker in a recording. It is read in pieces, so memory hardly grows with its length.

    A recording that is digital silence has no turns, whatever the model makes of it; a `SilenceWarning` is issued.

    Args:
        model: a diarization model, or the place of one.
        recording: what is diarized.
        embedding: a speaker model that recognizes speakers across windows, or the place of one; ``None`` for a recording
            that fits in one window.
        settings: of the pipeline; ``None`` for those that a released model brings along, or the defaults.
        count: the known, least or greatest number of speakers; default: as a released model says. A `SpeakerCountWarning`
            is issued for fewer than the least.
        strict: fewer speakers than the least are an error.
        channel: the channel of a file with several, counted from 0, or ``"mix"`` for the mean of all.
        progress: called with the name of the current step and the seconds of the recording that are done.

    Raises:
        AudioError: the file is missing, damaged or too short, or has several channels and none is chosen.
        CheckpointError: a model cannot be loaded, is for another task, or has frames of another length than 20 ms; or the
            speaker model cannot embed parts of a recording.
        DataError: the recording does not fit in one window and there is no speaker model, the PLDA in ``settings`` is of
            another speaker model or missing, or with ``strict`` there are fewer speakers than the least.
        InferenceError: an output of a model is NaN or infinite.
    """
    network = task_model(model, "diarization")
    settings = model_settings(network) if settings is None else settings
    count = speaker_bounds(network) if count is None else count
    local = SegmentationModel(network)
    embedder = None if embedding is None else embedding_model(task_model(embedding, "verification"))
    if settings.plda is not None and embedder is not None:
        settings.plda.check(embedder.size)
    with audio_file(recording, channel) as (file, channel):
        name, audio = name_of(file), AudioFile(file, channel=channel)
        with named(name):
            turns = pipeline(
                audio,
                local,
                embedder,
                powerset=local.powerset,
                settings=settings,
                count=count,
                strict=strict,
                name=name,
                progress=progress,
            )
        if not audio.silent:
            return turns
        warnings.warn(f"{name}: digital silence, so nobody speaks in it", SilenceWarning, stacklevel=2)
        if strict and count is not None:
            count.check(0, 0, name, strict=True)
        return []
