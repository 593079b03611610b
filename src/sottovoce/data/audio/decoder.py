"""An open audio file, whose samples can be read from any position."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from ...errors import AudioError
from .formats.containers import FRAME_BYTES, UNSEEKABLE, audio_span
from .formats.file_bytes import FileBytes, Piece
from .formats.lengths import decoder_inputs
from .sources import local_file, name_of

RATES = 1_000, 1_000_000
"""Lowest and highest accepted sample rate; a header with any other rate counts as damaged."""

CHANNELS = 512
"""Maximum number of channels: more than the largest microphone arrays have."""

HEADERLESS = {".raw", ".pcm", ".s16", ".s16le", ".s8", ".u8", ".f32", ".f32le", ".ul", ".al", ".vox", ".lin"}
"""Suffixes of files that hold samples without a header."""

_ENDLESS = 2**45
"""A number of samples that is this large or larger is a placeholder for an unknown length."""

_BLOCK = 2**18

_SIZELESS = ("PAF", "SDS")
"""Containers with other bytes between the samples, so that the number of samples does not follow from the size."""


class Decoder:
    """The samples of one or more open files, decoded by libsndfile one file after another.

    Args:
        files: open files at their beginning; several are the parts of a chained or joined file.
        name: the file's name in error messages.
        samples: number of samples per channel to decode, if libsndfile would decode too many; ``None`` for all.

    Attributes:
        frames: samples per channel.
        rate: samples a second.
        channels: number of channels.
        kind: libsndfile's name of the sample type (``PCM_16``, ...).

    Raises:
        AudioError: the rate or the number of channels is out of range, or the parts differ in one of them.
    """

    def __init__(self, files: list[soundfile.SoundFile], name: str, samples: int | None = None) -> None:
        self._files, self.name = files, name
        self.rate, self.channels, self.kind = files[0].samplerate, files[0].channels, files[0].subtype
        if self.kind.startswith("DWVW"):
            raise AudioError(
                f"{name}: is coded as DWVW, which libsndfile does not read to its end; convert it elsewhere"
            )
        if not RATES[0] <= self.rate <= RATES[1]:
            raise AudioError(
                f"{name}: the header says {self.rate:,} samples a second; {RATES[0]:,} to {RATES[1]:,} are read"
            )
        if self.channels > CHANNELS:
            raise AudioError(f"{name}: the header says {self.channels:,} channels; up to {CHANNELS} are read")
        shapes = {(file.samplerate, file.channels) for file in files}
        if len(shapes) > 1:
            differing = " and ".join(f"{rate} Hz with {channels} channels" for rate, channels in sorted(shapes))
            raise AudioError(f"{name}: parts that were joined differ ({differing}); split them, or convert the file")
        self._ends = np.cumsum([file.frames for file in files], dtype=float)
        if self._ends[-1] > _ENDLESS:
            raise AudioError(f"{name}: its length is not known; convert it, for example with 'ffmpeg -i IN OUT.wav'")
        if samples is not None:
            self._ends[-1] = min(samples, self._ends[-1])
        self.frames = int(self._ends[-1])
        self._place = 0

    @property
    def seekable(self) -> bool:
        """Whether reading can start at any position without decoding everything before it."""
        return self.kind not in UNSEEKABLE and all(file.seekable() for file in self._files)

    def seek(self, first: int) -> None:
        """Move to sample ``first``; a file that is not seekable is decoded up to it.

        Raises:
            AudioError: the audio before that sample cannot be decoded.
        """
        if self.seekable:
            with self._faults():
                for file, begin in zip(self._files, [0, *self._ends[:-1]], strict=True):
                    file.seek(max(0, min(file.frames, first - int(begin))))
            self._place = first
            return
        if first < self._place:
            raise AudioError(f"{self.name}: cannot go back in {self.kind}; read it from the beginning")
        while self._place < first and len(self.read(min(_BLOCK, first - self._place))):
            pass

    def read(self, count: int, dtype: str = "float32") -> NDArray[np.float32]:
        """The next samples ``[count, channels]``; fewer only where the decodable audio ends.

        Raises:
            AudioError: the samples cannot be decoded.
        """
        parts = []
        with self._faults():
            for file, end in zip(self._files, self._ends, strict=True):
                wanted = min(count, int(end) - self._place)
                if wanted > 0:
                    parts.append(file.read(wanted, dtype=dtype, always_2d=True))
                    self._place += len(parts[-1])
                    count -= len(parts[-1])
                    if len(parts[-1]) < wanted:
                        break
        if len(parts) == 1:
            return parts[0]
        return np.concatenate(parts) if parts else np.zeros((0, self.channels), dtype)

    def blocks(self, count: int, dtype: str = "float32") -> Iterator[NDArray[np.float32]]:
        """The next ``count`` samples, in blocks ``[S, channels]``.

        Raises:
            AudioError: fewer samples can be decoded than the header promises.
        """
        while count > 0:
            block = self.read(min(_BLOCK, count), dtype)
            if not len(block):
                raise truncated_error(self.name, self.frames / self.rate, self._place / self.rate)
            count -= len(block)
            yield block

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except soundfile.LibsndfileError as error:
            raise undecodable_error(self.name, error) from error


@contextmanager
def open_audio(path: str | Path, *, thorough: bool = True) -> Iterator[Decoder]:
    """Open an audio file, standard input or a pipe for decoding, after a check that the audio is complete.

    Args:
        path: see `local_file`.
        thorough: see `decoder_inputs`.

    Raises:
        AudioError: the file is missing, empty, not audio or truncated; or libsndfile would decode only a part of it.
    """
    name, place = name_of(path), local_file(path)
    with ExitStack() as stack:
        try:
            raw = stack.enter_context(place.open("rb", buffering=0))
        except OSError as error:
            raise AudioError(f"{name}: cannot be read ({error.strerror}); give a file that can be") from error
        content = FileBytes.of_descriptor(raw.fileno())
        yield stack.enter_context(open_audio_bytes(content, name, descriptor=raw.fileno(), thorough=thorough))


@contextmanager
def open_audio_bytes(
    content: FileBytes, name: str, *, descriptor: int | None = None, thorough: bool = True
) -> Iterator[Decoder]:
    """`open_audio` for the bytes of a file, wherever they are stored.

    Args:
        content: all bytes of the file.
        name: the file's name in error messages.
        descriptor: the descriptor of the open file, if the bytes are those of a file on disk.
        thorough: see `decoder_inputs`.

    Raises:
        AudioError: as `open_audio`.
    """
    inputs = decoder_inputs(content, name, thorough=thorough)
    with ExitStack() as stack:
        try:
            files = [stack.enter_context(_file(content, pieces, descriptor)) for pieces in inputs]
        except soundfile.LibsndfileError as error:
            raise undecodable_error(name, error) from error
        yield Decoder(files, name, _samples(files[0], content, name) if len(files) == 1 else None)


def _file(content: FileBytes, pieces: tuple[Piece, ...] | None, descriptor: int | None) -> soundfile.SoundFile:
    # Opened by descriptor: given a name, libsndfile goes by the suffix (a.raw) and fails on names that are not UTF-8.
    if pieces is None and descriptor is not None:
        return soundfile.SoundFile(descriptor, closefd=False)
    return soundfile.SoundFile(content.opened(*(pieces or ())))


def _samples(file: soundfile.SoundFile, content: FileBytes, name: str) -> int | None:
    """Samples per channel by the header, for codecs with a fixed sample size, where libsndfile may decode a few too many.

    Raises:
        AudioError: libsndfile would decode fewer samples than the file has.
    """
    width = FRAME_BYTES.get(file.subtype)
    span = audio_span(content) if width is not None and file.format not in _SIZELESS else None
    if width is None or span is None:
        return None
    stored = span.byte_count(content) // (width * file.channels)
    if file.frames < stored:
        raise AudioError(
            f"{name}: {stored:,} samples are in it, and libsndfile finds {file.frames:,}; convert it, for example with "
            "'ffmpeg -i IN OUT.wav'"
        )
    return stored


def truncated_error(name: str, promised: float, decodable: float) -> AudioError:
    """The error for audio of which only ``decodable`` of the ``promised`` seconds can be decoded."""
    return AudioError(
        f"{name}: cut off: the header promises {promised:.3f} s, but only {decodable:.3f} s can be decoded; copy or convert"
        " the file again"
    )


def undecodable_error(name: str, error: soundfile.LibsndfileError) -> AudioError:
    """The error for a file that libsndfile cannot decode."""
    reason = error.error_string.removeprefix("Error : ").rstrip(".")
    if Path(name).suffix.lower() in HEADERLESS:
        return AudioError(
            f"{name}: samples without a header, which do not say their rate and type; give them one, for example with"
            f" 'ffmpeg -f s16le -ar 16000 -ac 1 -i {name} OUT.wav' for 16 bits at 16 kHz"
        )
    return AudioError(
        f"{name}: cannot be decoded ({reason}); convert it, for example with 'ffmpeg -i IN -ar 16000 OUT.wav'"
    )
