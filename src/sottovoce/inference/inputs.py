"""What can be named where recordings are wanted, and the recordings that this means.

    a.wav             the file; also ``-`` (standard input) and named pipes
    recordings/       all audio files below the folder, sorted
    cuts.jsonl.gz     each cut of the manifest, under its id
    @files.txt        what the lines of this text file name, each a file or a folder

Paths in a list count from the folder of the list where they lead somewhere, and from the working directory otherwise.
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
from ..data.audio.reading import SAMPLE_RATE, audio_shape
from ..data.audio.sources import is_stream, name_of
from ..data.audio.spool import temporary_copy
from ..data.corpora.cuts import audio_files_of, channel_of, load_cut, read_cuts
from ..errors import AudioError, DataError, SottovoceError
from ..text import text_files

if TYPE_CHECKING:
    from lhotse.cut import Cut

LIST = "@"
"""What the name of a list begins with; a file of such a name is written ``./@name``."""

MANIFESTS = (".jsonl", ".jsonl.gz")
"""Endings of manifests of cuts."""


@dataclass(frozen=True)
class Recording:
    """One thing to hear.

    Args:
        name: what results and errors call it: the path as it was named, or the id of a cut.
        path: the file.
        channel: which one of a file with several, or ``"mix"``.
        cut: where it was named by a manifest.
        whole: whether ``path`` is all of it; else it is made from the cut when it is heard.
    """

    name: str
    path: Path
    channel: Channel | None = None
    cut: Cut | None = field(default=None, compare=False)
    whole: bool = True

    @property
    def id(self) -> str:
        """Its name in RTTM and CTM files: of a path the last part without its ending; without blanks."""
        return "_".join((Path(self.name).stem if self.cut is None else self.name).split())

    def file_name(self, ending: str) -> str:
        """What a file about it is called: its `id` and an ending; no folder."""
        return self.id.replace("/", "_").replace(os.sep, "_") + ending

    def seconds(self) -> float:
        """Its length, as headers tell it.

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
        """A file with its audio, and nothing else in it; what is said of that file is said under the name.

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
            again=True,
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
    """What is meant by names on a command line, in order.

    A file that is not there is among it, so that a batch may go on without it; `Recording.seconds` says so.

    Args:
        named: files, folders, manifests and lists, see the top of this module.
        channel: which channel of files with several; cuts say it themselves.

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
    """Stop where two recordings would have one name in a file that knows recordings by `Recording.id`.

    Raises:
        DataError: which two.
    """
    seen: dict[str, Recording] = {}
    for each in found:
        if (other := seen.setdefault(each.id, each)) is not each:
            raise DataError(
                f"{other.name} and {each.name} would both be called {each.id}; rename one, or take them one after another"
            )


def list_lines(path: Path) -> list[str]:
    """What stands in a list, without empty lines and blanks around.

    Raises:
        DataError: it cannot be read, or nothing stands in it.
    """
    lines = [line.strip() for _, line in text_files.lines(path)]
    if not any(lines):
        raise DataError(f"{path}: no file is listed in it")
    return [line for line in lines if line]


def beside(path: Path, listed: str) -> Path:
    """A path that stands in a list, from the folder of the list where that leads somewhere."""
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
