"""Speech from a file or folder, as batches, for what listens without needing labels."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ...errors import AudioError
from ..audio.channels import Channel
from ..audio.reading import read_audio
from ..audio.sources import is_stream, name_of
from ..audio.suffixes import AUDIO
from ..audio.walk import walk
from .batches import Batch, collate


def audio_files(path: str | Path) -> list[Path]:
    """What was named itself (a file, standard input, a named pipe), or all audio files below a folder, sorted.

    Raises:
        AudioError: nothing there.
    """
    path = Path(path)
    if is_stream(path) or path.is_file():
        return [path]
    files = walk(path, AUDIO).files
    if not files:
        what = "no audio file in it" if path.is_dir() else "no such file or folder"
        raise AudioError(f"{name_of(path)}: {what}; give a file or a folder of speech")
    return files


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
