"""Augmentation by real codecs: audio is encoded and decoded in memory by libsndfile, which removes the delay of the codec."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr

from ...errors import DataError
from ...quantities import SAMPLE_RATE
from ...text.suggestions import did_you_mean
from ..audio.acoustics import Wave
from .effects import Effect

PEAK = np.float32(0.75)
"""Waveforms are scaled to this peak (1 is full scale) before coding, so that they neither clip nor lose precision."""


@dataclass(frozen=True)
class Codec:
    """A codec and its settings.

    Args:
        format, subtype: libsndfile's names of container and codec; ``None`` only resamples to ``rate`` and back.
        rate: sample rate of the coded audio in hertz: 8,000 removes everything above 4 kHz.
        compression: range of libsndfile's compression level (0 to 1, 1 is the strongest), for codecs that have one.
    """

    format: str | None = None
    subtype: str | None = None
    rate: int = 8_000
    compression: tuple[float, float] | None = None

    def __call__(self, wave: Wave, generator: np.random.Generator) -> Wave:
        """A waveform after coding, at the same length, delay and level; silence stays silence."""
        level = None if self.compression is None else generator.uniform(*self.compression)
        if not (peak := float(np.abs(wave).max(initial=0.0))):
            return wave
        narrow = soxr.resample(wave * (PEAK / np.float32(peak)), SAMPLE_RATE, self.rate)
        coded = soxr.resample(self._decoded(narrow, level), self.rate, SAMPLE_RATE)[: len(wave)]
        return np.pad(coded, (0, len(wave) - len(coded))) * (np.float32(peak) / PEAK)

    def _decoded(self, wave: Wave, level: float | None) -> Wave:
        if self.format is None:
            return wave
        file = io.BytesIO()
        kind = {"samplerate": self.rate, "channels": 1, "format": self.format, "subtype": self.subtype}
        with soundfile.SoundFile(file, "w", compression_level=level, **kind) as out:
            out.write(wave)
        file.seek(0)
        return soundfile.read(file, dtype="float32")[0]


CODECS = {
    "opus": Codec("OGG", "OPUS", 16_000, (0.8, 1.0)),  # about 60 to 6 kbit/s
    "opus_narrow": Codec("OGG", "OPUS", 8_000, (0.8, 1.0)),
    "vorbis": Codec("OGG", "VORBIS", 16_000, (0.2, 1.0)),
    "mp3": Codec("MP3", "MPEG_LAYER_III", 16_000, (0.0, 1.0)),
    "mulaw": Codec("WAV", "ULAW"),
    "alaw": Codec("WAV", "ALAW"),
    "gsm": Codec("WAV", "GSM610"),
    "g721": Codec("WAV", "G721_32"),
    "adpcm": Codec("WAV", "IMA_ADPCM"),
    "narrow": Codec(),
}
"""Codecs by name; ``narrow`` is resampling to the telephone band without a codec."""


class Coding(Effect):
    """Codes waveforms, each by a random codec.

    Args:
        probability: probability for each waveform.
        codecs: keys of `CODECS`.

    Raises:
        DataError: a codec is unknown, there are none, or the installed libsndfile does not support one.
    """

    def __init__(self, probability: float = 0.5, codecs: Sequence[str] = tuple(CODECS)) -> None:
        self.probability = probability
        if not codecs or (unknown := [name for name in codecs if name not in CODECS]):
            word = unknown[0] if codecs else "none"
            raise DataError(f"codecs: {word} is unknown; {did_you_mean(word, CODECS)}")
        self.codecs = {name: CODECS[name] for name in codecs}
        for name, codec in self.codecs.items():
            if codec.format is not None and not soundfile.check_format(codec.format, codec.subtype):
                version = soundfile.__libsndfile_version__
                raise DataError(
                    f"codecs: libsndfile {version} has no {name}; update soundfile, or leave this codec out"
                )

    def apply(self, waves: Sequence[Wave], place: int, generator: np.random.Generator) -> Wave:
        names = list(self.codecs)
        return self.codecs[names[int(generator.integers(len(names)))]](waves[place], generator)
