"""Unlabeled speech from a file or folder, in batches for calibration, sensitivity and similar uses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..audio.channels import Channel
from ..audio.file_search import audio_files
from ..audio.reading import read_audio
from ..audio.sources import name_of
from .batches import Batch, collate


def speech_batches(
    path: str | Path, *, most: int = 64, seconds: float = 10.0, channel: Channel | None = None
) -> Iterator[Batch]:
    """Batches of one utterance each, so that there is no padding.

    Args:
        path: a file or a folder.
        most: maximum number of files to read, spread evenly over the folder.
        seconds: seconds to read of each file, from its beginning.
        channel: the channel to use of files with several, or ``"mix"``.

    Raises:
        AudioError: the path does not exist, or a file cannot be used.
    """
    files = audio_files(path)
    step = max(len(files) / most, 1.0)
    chosen = [files[int(k * step)] for k in range(min(most, len(files)))]
    return (collate([read_audio(file, duration=seconds, channel=channel).numpy()], [name_of(file)]) for file in chosen)
