"""Audio files of any length, as blocks at 16 kHz."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import torch

from ..data.audio.channels import Channel, resolve_channel
from ..data.audio.frames import FRAME_LENGTH
from ..data.audio.long_audio import audio_pieces
from ..data.audio.reading import audio_shape, is_silent
from ..data.audio.sources import name_of
from ..errors import AudioError
from ..quantities import SAMPLE_RATE
from .windows import Wave


class AudioFile:
    """Decodes a file block by block; each call starts again at the beginning of the file.

    Args:
        path: the file, in any format that `read_audio` reads.
        channel: the channel to use of a file with several, counted from 0, or ``"mix"``.
        seconds: duration of a block in seconds.

    Attributes:
        duration: duration of the file in seconds.
        silent: whether all audio read so far is digital silence.

    Raises:
        AudioError: the file is missing, empty, not audio, truncated, or shorter than a frame; or it has several channels
            and none is chosen. While reading: it cannot be decoded to its end, or a sample is NaN or infinite.
    """

    def __init__(self, path: str | Path, *, channel: Channel | None = None, seconds: float = 30.0):
        self.path, self.seconds = Path(path), seconds
        frames, rate, channels = audio_shape(self.path)
        self.channel, self.duration = resolve_channel(channel, channels, name_of(path)), frames / rate
        if self.duration * SAMPLE_RATE < FRAME_LENGTH:
            raise AudioError(
                f"{name_of(path)}: too short: {self.duration:.3f} s, one frame needs 0.025 s; leave it out"
            )
        self._range = torch.tensor([torch.inf, -torch.inf])

    def __call__(self) -> Iterator[Wave]:
        for piece in audio_pieces(self.path, self.seconds, channel=self.channel):
            if len(piece):
                least, most = self._range
                self._range = torch.stack([least.minimum(piece.min()), most.maximum(piece.max())])
            yield piece.numpy()

    @property
    def silent(self) -> bool:
        return is_silent(self._range)
