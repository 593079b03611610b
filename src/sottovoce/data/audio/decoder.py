"""An audio file while it is open: all of its samples, from any place on."""

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
"""Samples a second that are believed: from below the slowest telephone to beyond bats."""

CHANNELS = 512
"""Channels that are believed: more than the largest arrays of microphones have."""

HEADERLESS = {".raw", ".pcm", ".s16", ".s16le", ".s8", ".u8", ".f32", ".f32le", ".ul", ".al", ".vox", ".lin"}
"""Endings of files with nothing but samples."""

_ENDLESS = 2**45
"""Samples from which on a number of them means that it was not known."""

_BLOCK = 2**18

_SIZELESS = ("PAF", "SDS")
"""Containers that put more between their samples than samples."""


class Decoder:
    """What libsndfile decodes of a file, as if it were one file with a header that is right.

    Args:
        files: open, each from its beginning; what is heard one after another.
        name: what errors call them.
        samples: how many of a channel are to be heard, where that is known to be fewer than libsndfile finds.

    Attributes:
        frames, rate, channels: samples of a channel, samples a second, channels.
        kind: of the samples, as libsndfile calls it (``PCM_16``, ...).

    Raises:
        AudioError: rate or channels that nobody has; files that do not fit together.
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
            told = " and ".join(f"{rate} Hz with {channels} channels" for rate, channels in sorted(shapes))
            raise AudioError(f"{name}: parts that were joined differ ({told}); split them, or convert the file")
        self._ends = np.cumsum([file.frames for file in files], dtype=float)
        if self._ends[-1] > _ENDLESS:
            raise AudioError(f"{name}: its length is not known; convert it, for example with 'ffmpeg -i IN OUT.wav'")
        if samples is not None:
            self._ends[-1] = min(samples, self._ends[-1])
        self.frames = int(self._ends[-1])
        self._place = 0

    @property
    def seekable(self) -> bool:
        """Whether it can be read from any place without decoding all before it."""
        return self.kind not in UNSEEKABLE and all(file.seekable() for file in self._files)

    def seek(self, first: int) -> None:
        """Go to a sample; where that cannot be done directly, by decoding up to it.

        Raises:
            AudioError: it cannot be decoded.
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
        """The next samples ``[count, channels]``; fewer only at the end of what can be decoded.

        Raises:
            AudioError: they cannot be decoded.
        """
        found = []
        with self._faults():
            for file, end in zip(self._files, self._ends, strict=True):
                wanted = min(count, int(end) - self._place)
                if wanted > 0:
                    found.append(file.read(wanted, dtype=dtype, always_2d=True))
                    self._place += len(found[-1])
                    count -= len(found[-1])
                    if len(found[-1]) < wanted:
                        break
        if len(found) == 1:
            return found[0]
        return np.concatenate(found) if found else np.zeros((0, self.channels), dtype)

    def blocks(self, count: int, dtype: str = "float32") -> Iterator[NDArray[np.float32]]:
        """The next ``count`` samples, a block at a time.

        Raises:
            AudioError: fewer can be decoded than there are said to be.
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
    """What was named (a file, standard input, a pipe), to decode; its header is in order, and it is all there.

    Args:
        path: see `local_file`.
        thorough: see `decoder_inputs`.

    Raises:
        AudioError: it is missing, empty, not audio or cut off; or not all of it would be heard.
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
    """`open_audio` of the contents of a file, wherever they are.

    Args:
        content: all of the file.
        name: what errors call it.
        descriptor: of the file, if it is one of its own.
        thorough: see `decoder_inputs`.

    Raises:
        AudioError: as `open_audio`.
    """
    views = decoder_inputs(content, name, thorough=thorough)
    with ExitStack() as stack:
        try:
            files = [stack.enter_context(_file(content, view, descriptor)) for view in views]
        except soundfile.LibsndfileError as error:
            raise undecodable_error(name, error) from error
        yield Decoder(files, name, _samples(files[0], content, name) if len(files) == 1 else None)


def _file(content: FileBytes, view: tuple[Piece, ...] | None, descriptor: int | None) -> soundfile.SoundFile:
    # By its descriptor: of a name, libsndfile wants to know more than its bytes (a.raw, names that are no UTF-8).
    if view is None and descriptor is not None:
        return soundfile.SoundFile(descriptor, closefd=False)
    return soundfile.SoundFile(content.opened(*(view or ())))


def _samples(file: soundfile.SoundFile, content: FileBytes, name: str) -> int | None:
    """How many samples there are by the header, where they all have the same bytes: libsndfile may hear a few behind.

    Raises:
        AudioError: it would hear less than there is.
    """
    width = FRAME_BYTES.get(file.subtype)
    bounds = audio_span(content) if width is not None and file.format not in _SIZELESS else None
    if width is None or bounds is None:
        return None
    there = bounds.bytes_of(content) // (width * file.channels)
    if file.frames < there:
        raise AudioError(
            f"{name}: {there:,} samples are in it, and libsndfile finds {file.frames:,}; convert it, for example with "
            "'ffmpeg -i IN OUT.wav'"
        )
    return there


def truncated_error(name: str, promised: float, there: float) -> AudioError:
    """What is wrong with audio of which fewer seconds can be decoded than its header says."""
    return AudioError(
        f"{name}: cut off: the header promises {promised:.3f} s, but only {there:.3f} s can be decoded; copy or convert"
        " the file again"
    )


def undecodable_error(name: str, error: soundfile.LibsndfileError) -> AudioError:
    """What is wrong with a file that libsndfile does not decode."""
    reason = error.error_string.removeprefix("Error : ").rstrip(".")
    if Path(name).suffix.lower() in HEADERLESS:
        return AudioError(
            f"{name}: samples without a header, which do not say their rate and type; give them one, for example with"
            f" 'ffmpeg -f s16le -ar 16000 -ac 1 -i {name} OUT.wav' for 16 bits at 16 kHz"
        )
    return AudioError(
        f"{name}: cannot be decoded ({reason}); convert it, for example with 'ffmpeg -i IN -ar 16000 OUT.wav'"
    )
