"""An audio file of any length as blocks at 16 kHz."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ..data.activity import FIELD
from ..data.audio import SAMPLE_RATE, audio_shape
from ..encoder.errors import AudioError
from .windows import Wave


class AudioFile:
    """Decodes a file block by block; calling it starts from the beginning.

    Args:
        path: any format of libsndfile.
        channel: which one of a file with several, from 0.
        seconds: of one block.

    Attributes:
        duration: seconds, as the header says.

    Raises:
        AudioError: the file is missing, empty, not audio, visibly cut off, or shorter than a frame; it has several
            channels and none is chosen. While reading: it cannot be decoded to its end, or a sample is NaN or infinite.
    """

    def __init__(self, path: str | Path, *, channel: int | None = None, seconds: float = 30.0):
        self.path, self.seconds = Path(path), seconds
        frames, self.rate, channels = audio_shape(self.path)
        if channel is None and channels > 1:
            raise AudioError(f"{path}: has {channels} channels, one is needed; choose with channel=0 .. {channels - 1}")
        if channel is not None and not 0 <= channel < channels:
            raise AudioError(f"{path}: has no channel {channel}; its channels are 0 .. {channels - 1}")
        self.channel, self.frames, self.duration = channel or 0, frames, frames / self.rate
        if self.duration * SAMPLE_RATE < FIELD:
            raise AudioError(f"{path}: too short: {self.duration:.3f} s, one frame needs 0.025 s; leave it out")

    def __call__(self) -> Iterator[Wave]:
        size = round(self.seconds * self.rate)
        change = None if self.rate == SAMPLE_RATE else soxr.ResampleStream(self.rate, SAMPLE_RATE, 1, dtype="float32")
        done = 0
        try:
            with soundfile.SoundFile(self.path) as file:
                while done < self.frames:
                    block = file.read(min(size, self.frames - done), dtype="float32", always_2d=True)[:, self.channel]
                    if not len(block):
                        raise AudioError(
                            f"{self.path}: cut off: the header promises {self.duration:.3f} s, but only"
                            f" {done / self.rate:.3f} s can be decoded; copy or convert the file again"
                        )
                    if not np.isfinite(block).all():
                        raise AudioError(
                            f"{self.path}: samples from {done / self.rate:.1f} s on are NaN or infinite; write the file"
                            " again"
                        )
                    done += len(block)
                    block = np.ascontiguousarray(block)
                    yield block if change is None else change.resample_chunk(block, last=done >= self.frames)
        except soundfile.LibsndfileError as error:
            reason = error.error_string.removeprefix("Error : ").rstrip(".")
            raise AudioError(f"{self.path}: cannot be decoded at {done / self.rate:.1f} s ({reason})") from error
