"""Valid audio files in every container and codec that libsndfile writes, and what else there is by hand: MP3 without a
length, chained Ogg, FLAC and WAV as programs write them to a pipe."""

from __future__ import annotations

import io
import struct
from functools import cache

import numpy as np
import soundfile

RATE = 16_000
SAMPLES = 24_000

NOT_WRITTEN = {("AIFF", "DWVW_12"), ("AIFF", "DWVW_16"), ("AIFF", "DWVW_24"), ("MP3", "MPEG_LAYER_I"),
               ("MP3", "MPEG_LAYER_II"), ("WAV", "MPEG_LAYER_III"), ("SD2", "PCM_S8")}  # fmt: skip
"""What libsndfile lists and does not write, or not read back."""

KINDS = [
    (container, codec)
    for container in soundfile.available_formats()
    for codec in soundfile.available_subtypes(container)
    if container not in ("RAW", "SD2") and (container, codec) not in NOT_WRITTEN
]


@cache
def speech(samples: int = SAMPLES) -> np.ndarray:
    """Smooth noise, so that no two stretches are alike."""
    noise = np.convolve(np.random.default_rng(0).standard_normal(samples + 8), np.ones(9) / 9, "valid")
    return (0.2 * noise).astype(np.float32)


@cache
def encoded(container: str, codec: str, channels: int = 1, samples: int = SAMPLES) -> bytes:
    """The bytes of a file."""
    buffer = io.BytesIO()
    wave = speech(samples) if channels == 1 else np.stack([speech(samples)] * channels, 1)
    rate = 8_000 if container == "WVE" else RATE
    soundfile.write(buffer, wave, rate, format=container, subtype=codec)
    return buffer.getvalue()


@cache
def decodable(content: bytes) -> int:
    """Samples that libsndfile decodes of a whole and regular file."""
    with soundfile.SoundFile(io.BytesIO(content)) as file:
        return len(file.read(file.frames, always_2d=True)) if file.frames else 0


def wav_from_a_pipe(size: int, *, form: str = "PCM_16", riff: int | None = None) -> bytes:
    """A WAV file of which the writer did not know the length."""
    content = bytearray(encoded("WAV", form))
    place = content.find(b"data") + 4
    content[place : place + 4] = struct.pack("<I", size)
    if riff is not None:
        content[4:8] = struct.pack("<I", riff)
    return bytes(content)


def flac_from_a_pipe(content: bytes | None = None) -> bytes:
    """A FLAC file whose header does not say how many samples it has."""
    made = bytearray(content or encoded("FLAC", "PCM_16"))
    made[21] &= 0xF0
    made[22:26] = bytes(4)
    made[26:42] = bytes(16)
    return bytes(made)


def mp3_without_length(content: bytes | None = None) -> bytes:
    """An MP3 file without the first frame, which holds no audio and says how many follow."""
    made = content or encoded("MP3", "MPEG_LAYER_III")
    place = made.find(b"\xff", 4)
    while made[place : place + 2] != made[:2]:
        place = made.find(b"\xff", place + 1)
    return made[place:]


def voc_in_blocks(size: int = 4096, ended: bool = True) -> bytes:
    """A VOC file of many blocks, as ffmpeg writes it: the first says the form of the samples, the others go on."""
    made = encoded("VOC", "PCM_16")
    place = int.from_bytes(made[20:22], "little")
    start = place + 4 + {1: 2, 9: 12}[made[place]]
    sound = made[start : start + 2 * SAMPLES]
    blocks = [sound[k : k + size] for k in range(0, len(sound), size)]
    first = made[place : place + 1] + (start - place - 4 + size).to_bytes(3, "little") + made[place + 4 : start]
    others = b"".join(b"\2" + len(each).to_bytes(3, "little") + each for each in blocks[1:])
    return made[:place] + first + blocks[0] + others + b"\0" * ended


def mp3_in_wav(size: int | None = None) -> bytes:
    """A WAV file whose audio is an MP3 stream."""
    stream = mp3_without_length()
    form = struct.pack("<HHIIHHH4xHHH", 0x55, 1, RATE, 3_000, 1, 0, 12, 1, 1, 0)[:30]
    chunks = b"fmt " + struct.pack("<I", len(form)) + form + b"data"
    chunks += struct.pack("<I", len(stream) if size is None else size) + stream + bytes(len(stream) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
