"""Making, reading and writing of Lhotse cuts, the form in which every corpus reaches training and evaluation."""

from __future__ import annotations

import gzip
import importlib.util
import io
import json
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import AudioError, DataError
from ...files import unwritable, write_bytes
from ...quantities import SAMPLE_RATE
from ...text import plain_json
from ...text.text_files import lines
from ..audio.channels import MIX, Channel
from ..audio.reading import SilenceWarning, as_waveform, decode_audio, read_audio
from .shar import SHAR, Member, load_into_memory

if TYPE_CHECKING:
    from lhotse import CutSet
    from lhotse.cut import Cut
    from torch import Tensor


def require_lhotse() -> None:
    """Raise an error if Lhotse is missing.

    Raises:
        DataError: Lhotse is not installed.
    """
    if importlib.util.find_spec("lhotse") is None:
        raise DataError(
            "corpora are kept as Lhotse cuts, and Lhotse is not installed; run: pip install 'sottovoce[train]'"
        )


def make_cut(
    *,
    name: str,
    source: str | Path,
    samples: int,
    rate: int,
    speaker: str | None = None,
    text: str | None = None,
    gender: str | None = None,
    custom: Mapping[str, object] | None = None,
    stretch: tuple[float, float] | None = None,
    channel: Channel = 0,
    channels: int = 1,
    recording: str | None = None,
    segments: Iterable[tuple[float, float, str | None, str | None]] | None = None,
    cut_custom: Mapping[str, object] | None = None,
) -> Cut:
    """A cut of one channel of a file or of a stretch of it, with one supervision over the whole cut, or several.

    Args:
        name: id of the cut, by which trials refer to it.
        source: path of the file; a relative one is resolved against the folder of the manifest.
        samples, rate: samples per channel and sample rate, by the file's header.
        speaker, text, gender: fields of the supervision.
        custom: further fields of the supervision.
        stretch: start and end of the cut in the file, in seconds; ``None`` for the whole file.
        channel: the channel, or ``"mix"`` for the mean of all, which makes a MultiCut with the custom field ``channel``.
        channels: number of channels of the file.
        recording: id of the recording; by default ``name``.
        segments: start and end (in seconds from the start of the cut), speaker and text of each supervision; ``None``
            for one supervision over the whole cut.
        cut_custom: further fields of the cut.
    """
    from lhotse import MonoCut, MultiCut, Recording, SupervisionSegment
    from lhotse.audio import AudioSource

    whole = Recording(
        id=recording or name,
        sources=[AudioSource(type="file", channels=list(range(channels)), source=str(source))],
        sampling_rate=rate,
        num_samples=samples,
        duration=samples / rate,
    )
    start, end = stretch or (0.0, whole.duration)
    length = round(end - start, 8)  # as Lhotse rounds: unrounded, start + 0.3 - 0.1 could exceed the end
    mixed = channel == MIX and channels > 1
    channel_ids: Any = list(range(channels)) if mixed else 0 if channel == MIX else channel
    common = dict(recording_id=whole.id, channel=channel_ids)
    if segments is None:
        fields = dict(text=text, speaker=speaker, gender=gender, custom=custom)
        supervisions = [SupervisionSegment(id=name, start=0.0, duration=length, **common, **fields)]
    else:
        supervisions = [
            SupervisionSegment(f"{name}#{k}", start=a, duration=round(b - a, 8), speaker=who, text=what, **common)
            for k, (a, b, who, what) in enumerate(segments)
        ]
    if mixed:
        cut_custom = {**(cut_custom or {}), "channel": MIX}
    return (MultiCut if mixed else MonoCut)(
        id=name,
        start=start,
        duration=length,
        channel=channel_ids,
        supervisions=supervisions,
        recording=whole,
        custom=cut_custom,
    )


def write_cuts(cuts: Iterable[Cut], path: str | Path) -> Path:
    """Write a ``.jsonl.gz`` manifest, completely or not at all; the same cuts give the same bytes.

    Raises:
        DataError: the name does not end in ``.jsonl.gz``, a text cannot be encoded, or the file cannot be written.
    """
    path = Path(path)
    if not path.name.endswith(".jsonl.gz"):
        raise DataError(f"{path}: cuts are written as .jsonl.gz")
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, filename="") as file:
        for cut in cuts:
            try:
                file.write(plain_json.dumps(cut.to_dict()).encode() + b"\n")
            except UnicodeEncodeError as error:
                raise DataError(f"{path}: the cut {cut.id!r} has half a character (a lone surrogate) in it") from error
    with unwritable(path):
        write_bytes(path, buffer.getvalue())
    return path


def read_cuts(path: str | Path) -> CutSet:
    """Read a manifest of cuts.

    A relative path of audio is resolved against the folder of the manifest if a file exists there, and otherwise against
    the working directory, as in Lhotse.

    Args:
        path: a CutSet as ``.jsonl`` or ``.jsonl.gz``.

    Raises:
        DataError: Lhotse is missing; the file is missing, damaged, empty or not a manifest of cuts; or two cuts have
            the same id.
    """
    require_lhotse()
    from lhotse import CutSet
    from lhotse.serialization import deserialize_item

    path = Path(path)
    if not path.is_file():
        raise DataError(f"{path}: no such file; give a CutSet (.jsonl.gz)")
    cuts: dict[str, Cut] = {}
    number = 0
    try:
        for number, line in lines(path):
            if not line.strip():
                continue
            cut = deserialize_item(json.loads(line))
            if not type(cut).__name__.endswith("Cut"):
                raise DataError(f"{path}: line {number} is a {type(cut).__name__}, not a cut")
            if cut.id in cuts:
                raise DataError(f"{path}: line {number} has the id {cut.id!r} of an earlier cut")
            cuts[cut.id] = resolve_audio_paths(cut, path.parent)
    except DataError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        # Lhotse raises these on fields that it does not expect.
        raise DataError(f"{path}: not a manifest of cuts, or damaged, after line {number} ({error})") from error
    if not cuts:
        raise DataError(f"{path}: no cuts in it")
    return CutSet.from_cuts(cuts.values())


def manifests_of(path: str | Path) -> list[Path]:
    """The manifest itself, or those in a folder, sorted.

    Raises:
        DataError: the folder has no manifest.
    """
    path = Path(path)
    if not path.is_dir():
        return [path]
    found = sorted(each for each in path.iterdir() if each.name.endswith((".jsonl", ".jsonl.gz")) and each.is_file()
                   and not each.name.startswith("."))  # fmt: skip
    if not found:
        raise DataError(f"{path}: no manifest (.jsonl.gz) in it; give the folder that data import wrote")
    return found


def resolve_audio_paths(cut: Cut, folder: Path) -> Cut:
    """Resolve relative paths of audio against the folder of the manifest, if a file exists there."""
    for part in getattr(cut, "tracks", None) or [cut]:
        recording = getattr(getattr(part, "cut", part), "recording", None)
        for source in recording.sources if recording is not None else []:
            if source.type == "file" and not Path(source.source).is_absolute() and (folder / source.source).is_file():
                source.source = str((folder / source.source).resolve())
    return cut


def audio_files_of(cut: Cut) -> list[str]:
    """The audio files of a cut, without audio that lies in a tar or in the manifest itself."""
    parts = getattr(cut, "tracks", None) or [cut]
    recordings = [getattr(getattr(part, "cut", part), "recording", None) for part in parts]
    return [
        source.source for each in recordings if each is not None for source in each.sources if source.type == "file"
    ]


def cut_speaker(cut: Cut) -> str | None:
    """The speaker of a cut, ``None`` where it has none.

    Raises:
        DataError: several speakers talk in it.
    """
    speakers = sorted({supervision.speaker for supervision in cut.supervisions if supervision.speaker})
    if len(speakers) > 1:
        raise DataError(f"cut {cut.id}: has the speakers {', '.join(speakers)}; one speaker a cut is needed")
    return speakers[0] if speakers else None


def cut_field(cut: Cut, name: str) -> str | None:
    """A custom field of a cut or of its supervisions; ``None`` where it is missing or empty.

    Raises:
        DataError: the supervisions have different values.
    """
    places = [*cut.supervisions, cut]
    found = {str(place.custom[name]) for place in places if place.custom and place.custom.get(name) not in (None, "")}
    if len(found) > 1:
        raise DataError(f"cut {cut.id}: its {name} is {' and '.join(sorted(found))}; one is needed")
    return found.pop() if found else None


def channel_of(cut: Cut) -> Channel | None:
    """The channel of its file that a cut consists of, as `read_audio` takes it; ``None`` for a mixed or transformed cut."""
    recording = getattr(cut, "recording", None)
    if recording is None or len(recording.sources) != 1 or recording.transforms:
        return None
    source = recording.sources[0]
    if source.type not in ("file", SHAR):
        return None
    if isinstance(cut.channel, int):
        return source.channels.index(cut.channel) if cut.channel in source.channels else None
    mixed = (cut.custom or {}).get("channel") == MIX and list(cut.channel) == list(source.channels)
    return MIX if mixed else source.channels.index(cut.channel[0]) if len(cut.channel) == 1 else None


def seekable_samples(cut: Cut) -> int | None:
    """Number of samples of a cut, if `load_stretch` can read a part of it; ``None`` if it must be decoded as a whole.

    It must be if it is resampled, which changes the edges of a stretch, or if its format does not seek to the exact sample.
    """
    if channel_of(cut) is None:
        return None
    recording = cut.recording
    source = recording.sources[0]
    exact = source.type == "file" and Path(source.source).suffix.lower() in (".wav", ".flac")
    return cut.num_samples if exact and recording.sampling_rate == SAMPLE_RATE else None


def load_stretch(cut: Cut, start: int, samples: int) -> Tensor:
    """``load_cut(cut)[start : start + samples]`` of a cut with `seekable_samples`, without decoding the rest.

    Raises:
        AudioError: as `read_audio`.
    """
    source = cut.recording.sources[0]
    first = round(cut.start * SAMPLE_RATE) + start
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SilenceWarning)  # a stretch of silence is normal
        return read_audio(
            source.source,
            channel=channel_of(cut),
            start=first / SAMPLE_RATE,
            duration=samples / SAMPLE_RATE,
        )


def load_cut(cut: Cut) -> Tensor:
    """The waveform of a cut: ``[S]`` float32 at 16 kHz.

    Raises:
        AudioError: as `read_audio`; or a cut is not a stretch of one file, and Lhotse cannot load it.
    """
    if (channel := channel_of(cut)) is not None:
        recording, source = cut.recording, cut.recording.sources[0]
        whole = cut.start == 0 and cut.duration == recording.duration
        stretch = {} if whole else {"start": cut.start, "duration": cut.duration}
        if source.type == SHAR:
            return decode_audio(Member.from_source(source.source).read(), f"cut {cut.id}", channel=channel, **stretch)
        return read_audio(source.source, channel=channel, **stretch)
    cut = load_into_memory(cut)
    try:
        samples = cut.load_audio()
    except Exception as error:  # the backends of Lhotse raise errors of many types
        raise AudioError(f"cut {cut.id}: Lhotse cannot load it ({str(error).splitlines()[0]})") from error
    if samples is None:
        raise AudioError(f"cut {cut.id}: has no audio: it is a {type(cut).__name__} without a recording")
    return as_waveform(samples.T, cut.sampling_rate, f"cut {cut.id}")
