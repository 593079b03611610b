"""What the functions of this folder take: a model or the place of one, and a recording."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..data.audio.channels import Channel
from ..models.loading import check_task, load
from ..models.task_network import TaskNetwork
from .inputs import Recording

Model = TaskNetwork | str | Path
"""A loaded task model, or the directory, file or hub id of one."""

Audio = str | Path | Recording
"""An audio file of any format, rate and length, or a `Recording`, which may be a part of a file."""


def task_model(model: Model, task: str) -> TaskNetwork:
    """The task model that is given, or that is loaded from the place that is given.

    Raises:
        CheckpointError: it cannot be loaded, or is for another task.
    """
    if isinstance(model, str | Path):
        return load(model, task)
    return check_task(model, task)


@contextmanager
def audio_file(recording: Audio, channel: Channel | None) -> Iterator[tuple[Path, Channel | None]]:
    """The file with the audio of a recording, and the channel to read.

    Args:
        recording: a file, or a `Recording`.
        channel: the channel of a file with several. A `Recording` that names its channel needs none.

    Raises:
        AudioError: the audio of a cut cannot be read.
    """
    if not isinstance(recording, Recording):
        yield Path(recording), channel
        return
    with recording.file() as file:
        yield file, recording.channel if channel is None else channel
