"""Audio files as the encoder wants them: one channel, 16 kHz, float32, and nothing that quietly spoils a result."""

from __future__ import annotations

import io
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..encoder.errors import AudioError
from .channels import Channel, chosen_channel, heard
from .sources import local_file, name_of

SAMPLE_RATE = 16_000
"""Samples a second of every waveform inside sottovoce."""

SHORTEST = 400
"""Samples of one encoder frame (25 ms); shorter audio has no frame at all."""

HEADERLESS = {".raw", ".pcm", ".s16", ".s16le", ".s8", ".u8", ".f32", ".f32le", ".ul", ".al", ".vox", ".lin"}
"""Endings of files with nothing but samples."""

_STEP = 1 / 32_768
"""One step of 16-bit audio."""

_STREAMED = {0, 0x7FFFFFFF, 0xFFFFFFFF}
"""Sizes in the header of a WAV file whose writer could not seek back: unknown, not wrong."""

_log = logging.getLogger(__name__)
_noticed: set[int] = set()


class SilenceWarning(UserWarning):
    """The audio is digital silence: it can be read, but nothing about a speaker or word can be said from it."""


def read_audio(
    path: str | Path, *, channel: Channel | None = None, start: float = 0.0, duration: float | None = None
) -> Tensor:
    """Read a file, or a stretch of it, as a mono waveform at 16 kHz.

    Any format of libsndfile is read (wav, flac, ogg, opus, mp3, ...), and through ffmpeg, where it is installed, what
    else there is (m4a, mp4, webm, wma, aac, ...). Other sample rates are resampled by soxr, and that is logged once for
    each rate. Digital silence gives a `SilenceWarning`; whoever must decide something from it calls `refuse_silence`.

    Args:
        path: the file; or ``-`` for standard input, or a named pipe, which are copied to disk first.
        channel: which channel of a file with several, counted from 0; ``"mix"`` for the mean of all.
        start: seconds to pass over.
        duration: seconds to read; ``None`` reads to the end.

    Returns:
        ``[S]`` float32.

    Raises:
        AudioError: the file is missing, empty, not audio or cut off; it has several channels and none was chosen; a
            sample is NaN or infinite; or fewer than 400 samples (one frame) are left at 16 kHz.
    """
    with opened(path) as file:
        return _read(file, name_of(path), channel, start, duration)


@contextmanager
def opened(path: str | Path) -> Iterator[soundfile.SoundFile]:
    """A file to decode, whose header is in order; what fails while it is open is told by its name, too.

    Raises:
        AudioError: the file is missing, empty, not audio or cut off.
    """
    name, place = name_of(path), local_file(path)
    try:
        # By its descriptor: of a name, libsndfile wants to know more than its bytes (a.raw, names that are no UTF-8).
        with place.open("rb", buffering=0) as raw, soundfile.SoundFile(raw.fileno(), closefd=False) as file:
            if (fault := _cut_off(place, file)) is not None:
                raise AudioError(f"{name}: {fault}; copy or convert the file again")
            yield file
    except soundfile.LibsndfileError as error:
        raise _undecodable(name, error) from error


def decode_audio(
    encoded: bytes, name: str, *, channel: Channel | None = None, start: float = 0.0, duration: float | None = None
) -> Tensor:
    """`read_audio` of the contents of a file.

    Args:
        encoded: all of the file.
        name: what errors call it.
        channel, start, duration: as `read_audio`.

    Raises:
        AudioError: as `read_audio`.
    """
    try:
        with soundfile.SoundFile(io.BytesIO(encoded)) as file:
            if (fault := _cut_off(encoded, file)) is not None:
                raise AudioError(f"{name}: {fault}; copy or convert it again")
            return _read(file, name, channel, start, duration)
    except soundfile.LibsndfileError as error:
        raise _undecodable(name, error) from error


def _read(
    file: soundfile.SoundFile, name: str, channel: Channel | None, start: float, duration: float | None
) -> Tensor:
    rate, channels = file.samplerate, file.channels
    first = round(start * rate)
    count = file.frames - first if duration is None else round(duration * rate)
    if first < 0 or count < 0 or first > file.frames:
        raise AudioError(f"{name}: cannot read from {start:g} s for {duration} s of {file.frames / rate:.3f} s")
    count = min(count, file.frames - first)
    file.seek(first)
    samples = file.read(count, dtype="float32", always_2d=True)
    if len(samples) < count:
        raise cut_short(name, count / rate, len(samples) / rate)
    return as_waveform(samples, rate, name, channel=channel if channel is not None or channels > 1 else 0)


def cut_short(name: str, promised: float, there: float) -> AudioError:
    """What is wrong with audio of which fewer seconds can be decoded than its header says."""
    return AudioError(
        f"{name}: cut off: the header promises {promised:.3f} s, but only {there:.3f} s can be decoded; copy or convert"
        " the file again"
    )


def _undecodable(name: str, error: soundfile.LibsndfileError) -> AudioError:
    reason = error.error_string.removeprefix("Error : ").rstrip(".")
    if Path(name).suffix.lower() in HEADERLESS:
        return AudioError(
            f"{name}: samples without a header, which do not say their rate and type; give them one, for example with"
            f" 'ffmpeg -f s16le -ar 16000 -ac 1 -i {name} OUT.wav' for 16 bits at 16 kHz"
        )
    return AudioError(
        f"{name}: cannot be decoded ({reason}); convert it, for example with 'ffmpeg -i IN -ar 16000 OUT.wav'"
    )


def as_waveform(samples: NDArray[np.float32], rate: int, name: str, *, channel: Channel | None = None) -> Tensor:
    """Check samples that are already in memory and bring them to one channel at 16 kHz.

    Args:
        samples: ``[S]`` or ``[S, channels]``, floating point.
        rate: their samples a second.
        name: what errors call them.
        channel: which channel of several, counted from 0, or ``"mix"``.

    Returns:
        ``[S]`` float32 at 16 kHz.

    Raises:
        AudioError: as `read_audio`.
    """
    mono = one_channel(samples[:, None] if samples.ndim == 1 else samples, rate, name, channel=channel)
    if rate != SAMPLE_RATE:
        notice(rate, name)
        mono = soxr.resample(mono, rate, SAMPLE_RATE)
    if len(mono) < SHORTEST:
        raise AudioError(
            f"{name}: too short: {len(mono)} samples at 16 kHz, one frame needs {SHORTEST} (25 ms); leave it out"
        )
    waveform = torch.from_numpy(mono)
    if is_silent(waveform):
        warnings.warn(f"{name}: digital silence ({len(mono) / SAMPLE_RATE:.2f} s)", SilenceWarning, stacklevel=3)
    return waveform


def one_channel(
    samples: NDArray[np.float32], rate: int, name: str, *, channel: Channel | None = None, start: float = 0.0
) -> NDArray[np.float32]:
    """One channel ``[S]`` of ``samples[S, channels]``, checked.

    Args:
        samples, rate, name, channel: see `as_waveform`.
        start: seconds of the file before these samples.

    Raises:
        AudioError: there are several channels and none was chosen, or not the one; a sample is NaN or infinite.
    """
    mono = heard(samples, chosen_channel(channel, samples.shape[1], name))
    if not np.isfinite(mono).all():
        bad = np.flatnonzero(~np.isfinite(mono))
        raise AudioError(
            f"{name}: {len(bad)} of {len(mono)} samples are NaN or infinite (the first at {start + bad[0] / rate:.3f} s); "
            "write the file again or leave it out"
        )
    return mono


def read_speech(path: str | Path, *, channel: Channel | None = None) -> Tensor:
    """`read_audio` for those who must decide something: digital silence is refused, in one line.

    Raises:
        AudioError: as `read_audio`; or there is nothing but silence.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SilenceWarning)
        waveform = read_audio(path, channel=channel)
    refuse_silence(waveform, name_of(path))
    return waveform


def is_silent(waveform: Tensor) -> bool:
    """Whether no sample differs from another by more than one step of 16-bit audio: zeros, or a constant offset."""
    return bool(waveform.max() - waveform.min() <= _STEP)


def refuse_silence(waveform: Tensor, name: str) -> None:
    """Stop where a decision is to be made from the audio.

    Raises:
        AudioError: the waveform is digital silence.
    """
    if is_silent(waveform):
        raise AudioError(f"{name}: digital silence, so there is nothing to score; replace it or leave it out")


def audio_shape(path: str | Path) -> tuple[int, int, int]:
    """``(samples, rate, channels)`` as the header says; no more than the end of a FLAC file is decoded.

    Raises:
        AudioError: the file is missing, empty, not audio or visibly cut off.
    """
    with opened(path) as file:
        if file.format == "FLAC" and not _has_end(file):
            raise AudioError(
                f"{name_of(path)}: cut off: the header promises {file.frames} samples, and the last cannot be decoded; copy or"
                " convert the file again"
            )
        return file.frames, file.samplerate, file.channels


def _has_end(file: soundfile.SoundFile) -> bool:
    last = min(file.frames, 4096)
    try:
        file.seek(file.frames - last)
        return len(file.read(last)) == last
    except soundfile.LibsndfileError:
        return False


def _cut_off(source: Path | bytes, file: soundfile.SoundFile) -> str | None:
    """What shows, before decoding, that the end of a file is missing; libsndfile itself only shortens such files."""
    if file.format in ("WAV", "WAVEX", "RF64"):
        found = re.search(r"^\s*data\s*: (\d+) \(should be (\d+)\)", file.extra_info, re.MULTILINE)
        if found and int(found[1]) not in _STREAMED and int(found[1]) > int(found[2]):
            return f"cut off: the header promises {found[1]} bytes of audio, the file has {found[2]}"
    if file.format == "OGG" and not _ends_stream(source):
        return "cut off: the Ogg stream has no last page"
    return None


def _ends_stream(source: Path | bytes) -> bool:
    """Whether the last page of an Ogg file is complete and marked as the last (RFC 3533, section 6)."""
    longest = 27 + 255 + 255 * 255
    with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file:
        file.seek(max(0, file.seek(0, io.SEEK_END) - longest))
        tail = file.read()
    page = tail[tail.rfind(b"OggS") :]
    if len(page) < 27 or len(page) < 27 + page[26]:
        return False
    lacing = page[27 : 27 + page[26]]
    return bool(page[5] & 4) and len(page) >= 27 + len(lacing) + sum(lacing)


def notice(rate: int, name: str) -> None:
    """Say once for each rate that audio is resampled."""
    if rate not in _noticed:
        _noticed.add(rate)
        _log.warning("%s: %d Hz audio is resampled to %d Hz (said once for this rate)", name, rate, SAMPLE_RATE)
