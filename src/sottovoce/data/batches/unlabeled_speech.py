"""Speech from a file or folder, as batches, for what listens without needing labels."""

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
    """One utterance a batch, so that nothing is padding.

    Args:
        path: a file or a folder.
        most: so many files at most, spread evenly over the folder.
        seconds: of each, from its beginning.
        channel: of files with several, or ``"mix"``.

    Raises:
        AudioError: nothing there, or a file that cannot be used.
    """
    files = audio_files(path)
    step = max(len(files) / most, 1.0)
    chosen = [files[int(k * step)] for k in range(min(most, len(files)))]
    return (collate([read_audio(file, duration=seconds, channel=channel).numpy()], [name_of(file)]) for file in chosen)
