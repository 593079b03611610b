"""Audio inside the tars of Lhotse Shar, which is read without unpacking the tars.

Lhotse itself streams Shar, which is fast, but then the batch of step 7000 depends on all batches before it. Here a corpus
has an index (its manifest of cuts) with the position of every recording in its tar, so that batches stay functions of (seed,
step, rank) and the audio is not copied.

    cuts.000000.jsonl.gz   recording.000000.tar  |header|audio of a cut|header|its Recording|header|...
                                                        ^ offset       ^ offset + size
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import AudioError, DataError, SottovoceError
from ...files import unwritable
from ...locks import new_folder
from ..audio.decoder import open_audio_bytes
from ..audio.formats.file_bytes import FileBytes

if TYPE_CHECKING:
    from lhotse import Recording
    from lhotse.audio import AudioSource
    from lhotse.cut import Cut

SHAR = "shar"
"""The ``type`` of an ``AudioSource`` in a tar, which Lhotse alone cannot load."""

_SOURCE = re.compile(r"(.+)#(\d+)\+(\d+)")


@dataclass(frozen=True)
class Member:
    """A file inside a tar that is not compressed.

    Attributes:
        tar: the tar.
        offset, size: position of the first byte of the file in the tar, and its number of bytes.
    """

    tar: Path
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.tar}#{self.offset}+{self.size}"

    @classmethod
    def from_source(cls, source: str) -> Member:
        """Parse a source: the text that ``str`` gives for a `Member`.

        Raises:
            AudioError: the text is not such a source.
        """
        found = _SOURCE.fullmatch(source)
        if found is None:
            raise AudioError(f"{source!r}: no file in a tar (tar#offset+size); import the Shar directory again")
        return cls(Path(found[1]), int(found[2]), int(found[3]))

    def read(self) -> bytes:
        """The bytes of the file.

        Raises:
            AudioError: the tar is missing, cannot be read, or is truncated.
        """
        try:
            with self.tar.open("rb") as file:
                file.seek(self.offset)
                content = file.read(self.size)
        except OSError as error:
            raise AudioError(
                f"{self.tar}: cannot be read ({error.strerror}); import the Shar directory again"
            ) from error
        if len(content) < self.size:
            raise AudioError(f"{self.tar}: ends before byte {self.offset + self.size}; copy it again")
        return content

    def shape(self) -> tuple[int, int, int]:
        """``(samples, rate, channels)`` of all audio in the file; see `sottovoce.data.audio.formats.lengths`.

        Raises:
            AudioError: as `read`; or the file is not audio.
        """
        try:
            with self.tar.open("rb", buffering=0) as tar:
                content = FileBytes.of_descriptor(tar.fileno()).part(self.offset, self.offset + self.size)
                with open_audio_bytes(content, str(self)) as file:
                    return file.frames, file.rate, file.channels
        except OSError as error:
            raise AudioError(f"{self.tar}: cannot be read ({error.strerror})") from error


def index_shard(tar: Path) -> tuple[dict[str, Member], dict[str, Recording]]:
    """The positions of the audio and the recordings of a shard, by the id of their cut. No audio is read.

    Raises:
        DataError: the tar is not a shard of recordings, or is truncated.
    """
    from lhotse import Recording

    audio: dict[str, Member] = {}
    recordings: dict[str, Recording] = {}
    try:
        with tarfile.open(tar, "r:") as archive:  # not compressed, so that files have positions
            for member in archive:
                name, _, ending = member.name.rpartition(".")
                if ending == "json" and (file := archive.extractfile(member)) is not None:
                    recordings[name] = Recording.from_dict(json.loads(file.read()))
                elif ending not in ("nodata", "nometa"):
                    audio[name] = Member(tar.resolve(), member.offset_data, member.size)
    except (OSError, tarfile.TarError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # Lhotse and tarfile raise these on content that they do not expect.
        raise DataError(f"{tar}: cannot be read as a shard of recordings ({error})") from error
    return audio, recordings


def in_shar(cut: Cut) -> bool:
    """Whether any of a cut's audio is in a tar."""
    return any(source.type == SHAR for source in _sources(cut))


def load_into_memory(cut: Cut) -> Cut:
    """The same cut, with its audio from tars in memory, from which Lhotse can decode it.

    Raises:
        AudioError: as `Member.read`.
    """
    from lhotse.utils import fastcopy

    if tracks := getattr(cut, "tracks", None):
        return fastcopy(cut, tracks=[fastcopy(track, cut=load_into_memory(track.cut)) for track in tracks])
    if not in_shar(cut):
        return cut
    sources = [
        fastcopy(source, type="memory", source=Member.from_source(source.source).read())
        if source.type == SHAR
        else source
        for source in _sources(cut)
    ]
    return fastcopy(cut, recording=fastcopy(cut.recording, sources=sources))


def _sources(cut: Cut) -> list[AudioSource]:
    parts = [track.cut for track in getattr(cut, "tracks", None) or []] or [cut]
    recordings = [getattr(part, "recording", None) for part in parts]
    return [source for recording in recordings if recording is not None for source in recording.sources]


def export_shar(cuts: Iterable[Cut], out: str | Path, *, shard_size: int = 1_000) -> Path:
    """Write cuts and their audio (FLAC, 16 bit) as Lhotse Shar: few large files in place of many small ones.

    Args:
        cuts: cuts of any type.
        out: the folder; it must not exist, or be empty.
        shard_size: number of cuts in a shard.

    Raises:
        DataError: ``out`` is not empty or cannot be written, or audio cannot be read.
    """
    from lhotse import CutSet

    out = Path(out)
    if shard_size < 1:
        raise DataError(f"export to Shar: a shard has at least 1 cut, got {shard_size}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out}: exists and is not an empty folder; choose another one")
    try:
        with unwritable(out), new_folder(out) as work:
            from_memory = CutSet(load_into_memory(cut) for cut in cuts)
            from_memory.to_shar(work, fields={"recording": "flac"}, shard_size=shard_size, warn_unused_fields=False)
    except SottovoceError:
        raise
    except Exception as error:  # the backends of Lhotse raise errors of many types
        raise DataError(f"{out}: Lhotse cannot write it ({str(error).splitlines()[0]})") from error
    return out
