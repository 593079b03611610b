"""Recordings by the names that users give: files, folders, manifests and lists.

    a.wav             the file; also ``-`` (standard input) and named pipes
    recordings/       all audio files below the folder, sorted
    cuts.jsonl.gz     each cut of the manifest, under its id
    @files.txt        the files and folders that this text file names, one a line

A path in a list is relative to the folder of the list if something is there, and to the working directory otherwise.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import soundfile

from ..data.audio.channels import Channel, resolve_channel
from ..data.audio.file_search import audio_files
from ..data.audio.frames import FRAME_LENGTH
from ..data.audio.reading import audio_shape
from ..data.audio.sources import is_stream, name_of
from ..data.audio.spool import temporary_copy
from ..data.corpora.cuts import audio_files_of, channel_of, load_cut, read_cuts
from ..errors import AudioError, DataError, SottovoceError
from ..quantities import SAMPLE_RATE
from ..text import text_files

if TYPE_CHECKING:
    from lhotse.cut import Cut

LIST = "@"
"""Prefix of a list. A file whose own name begins with it is written ``./@name``."""

MANIFESTS = (".jsonl", ".jsonl.gz")
"""Endings of manifests of cuts."""


@dataclass(frozen=True)
class Recording:
    """One recording: a file, or a part of one that a cut describes.

    Args:
        name: its name in results and errors: the path as it was given, or the id of the cut.
        path: the file.
        channel: the channel of a file with several, or ``"mix"``.
        cut: the cut of a manifest that describes it.
        whole: whether it is all of ``path``; otherwise its audio is read through the cut.
    """

    name: str
    path: Path
    channel: Channel | None = None
    cut: Cut | None = field(default=None, compare=False)
    whole: bool = True

    @property
    def id(self) -> str:
        """Its name in RTTM and CTM files, without blanks: the last part of its path without suffix, or the id of its cut."""
        return "_".join((Path(self.name).stem if self.cut is None else self.name).split())

    def file_name(self, ending: str) -> str:
        """Name of a file about it: its `id` and an ending, without folders."""
        return self.id.replace("/", "_").replace(os.sep, "_") + ending

    def seconds(self) -> float:
        """Its length by the headers of its files.

        Raises:
            AudioError: it is missing, empty, not audio, visibly cut off, shorter than a frame, or has several channels
                and none is chosen.
        """
        if self.cut is not None and not self.whole:
            for file in audio_files_of(self.cut):
                audio_shape(file)
            return float(self.cut.duration)
        samples, rate, channels = audio_shape(self.path)
        resolve_channel(self.channel, channels, self.name)
        if round(samples * SAMPLE_RATE / rate) < FRAME_LENGTH:
            raise AudioError(f"{self.name}: too short: {samples / rate:.4f} s, one frame needs 0.025 s; leave it out")
        return samples / rate

    @contextmanager
    def file(self) -> Iterator[Path]:
        """A file with its audio and no more. Errors and warnings about this file name the recording instead.

        Raises:
            AudioError: the audio of a cut cannot be read.
        """
        cut = self.cut
        if cut is None or self.whole:
            yield self.path
            return
        place = temporary_copy(
            ("cut", id(cut)),
            lambda file: soundfile.write(file, load_cut(cut).numpy(), SAMPLE_RATE, format="WAV", subtype="FLOAT"),
            reproducible=True,
        )
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                yield place
            except SottovoceError as error:
                raise type(error)(str(error).replace(str(place), self.name)) from None
        for each in caught:
            warnings.warn(str(each.message).replace(str(place), self.name), each.category, stacklevel=3)


def recordings(named: str | Path | Iterable[str | Path], *, channel: Channel | None = None) -> list[Recording]:
    """The recordings that names on a command line stand for, in order.

    A file that does not exist becomes a recording, too, so that a batch can go on without it; `Recording.seconds` raises the
    error.

    Args:
        named: files, folders, manifests and lists, see the top of this module.
        channel: the channel of files with several. Cuts name their channel.

    Raises:
        AudioError: a folder without audio.
        DataError: a list or manifest that cannot be read or is empty, or a channel of cuts.
    """
    if isinstance(named, str | Path):
        named = [named]
    found: list[Recording] = []
    for each in map(str, named):
        if each.startswith(LIST):
            found += [item for path in _listed(Path(each[1:])) for item in _below(path, channel)]
        elif each.endswith(MANIFESTS):
            if channel is not None:
                raise DataError(f"{each}: cuts say which channel they are of; leave --channel {channel} out")
            found += [_of_cut(cut) for cut in read_cuts(each)]
        else:
            found += _below(Path(each), channel)
    return found


def check_ids(found: Iterable[Recording]) -> None:
    """Check that recordings differ in `Recording.id`, by which RTTM and CTM files name them.

    Raises:
        DataError: two recordings have the same id.
    """
    seen: dict[str, Recording] = {}
    for each in found:
        if (other := seen.setdefault(each.id, each)) is not each:
            raise DataError(
                f"{other.name} and {each.name} would both be called {each.id}; rename one, or take them one after another"
            )


def list_lines(path: Path) -> list[str]:
    """The lines of a list, without empty lines and surrounding blanks.

    Raises:
        DataError: it cannot be read, or is empty.
    """
    lines = [line.strip() for _, line in text_files.lines(path)]
    if not any(lines):
        raise DataError(f"{path}: no file is listed in it")
    return [line for line in lines if line]


def beside(path: Path, listed: str) -> Path:
    """A path from a list, relative to the folder of the list if something is there."""
    near = path.parent / listed
    return near if near.exists() else Path(listed)


def _listed(path: Path) -> list[Path]:
    return [beside(path, line) for line in list_lines(path)]


def _below(path: Path, channel: Channel | None) -> list[Recording]:
    if path.is_dir() and not is_stream(path):
        return [Recording(name_of(file), file, channel) for file in audio_files(path)]
    return [Recording(name_of(path), path, channel)]


def _of_cut(cut: Cut) -> Recording:
    channel, recording = channel_of(cut), getattr(cut, "recording", None)
    if channel is not None and recording is not None and cut.start == 0 and cut.duration == recording.duration:
        source = recording.sources[0]
        if source.type == "file":
            return Recording(cut.id, Path(source.source), channel, cut)
    return Recording(cut.id, Path(next(iter(audio_files_of(cut)), cut.id)), cut=cut, whole=False)
