"""Checks of the rows of a corpus against their audio: each row becomes a cut, or a fault."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from ...errors import AudioError
from ...metrics.unscored_zones import subtract_stretches
from ...quantities import SAMPLE_RATE
from ..audio.channels import MIX, Channel, channel_hint
from ..audio.frames import FRAME_LENGTH
from ..audio.reading import audio_shape
from .cut_checks import TOLERANCE, cut_faults
from .cuts import make_cut
from .layouts.rows import CorpusRow, Segment
from .shar import SHAR, Member

if TYPE_CHECKING:
    from lhotse.cut import Cut

_THREADS = 8
"""Number of headers that are read at once, as reading waits for the disk or network."""


class AudioHeader(NamedTuple):
    """The resolved path of an audio file, and its length (samples per channel), rate and channels."""

    path: Path
    samples: int
    rate: int
    channels: int


def read_headers(
    paths: Iterable[Path], progress: Callable[[int, int], None] | None = None
) -> dict[Path, AudioHeader | str]:
    """The header of every file, or a message if it cannot be read; each file is read once."""
    wanted = list(dict.fromkeys(paths))
    found: dict[Path, AudioHeader | str] = {}
    with ThreadPoolExecutor(_THREADS) as pool:
        for path, header in zip(wanted, pool.map(_header, wanted), strict=True):
            found[path] = header
            if progress is not None:
                progress(len(found), len(wanted))
    return found


def _header(path: Path) -> AudioHeader | str:
    try:
        return AudioHeader(path.resolve(), *audio_shape(path))
    except AudioError as error:
        return str(error)
    except (OSError, ValueError) as error:  # a name that is too long, or has a NUL in it
        return f"{path!r}: cannot be a file ({getattr(error, 'strerror', None) or error})"


def cut_from_row(
    row: CorpusRow,
    headers: Mapping[Path, AudioHeader | str],
    faults: list[str],
    *,
    channel: Channel | None,
    folder: Path,
) -> Cut | None:
    """The cut of a row; ``None``, with an entry in ``faults``, if the row does not fit its audio.

    Args:
        row: a row whose file is in ``headers``.
        headers: the result of `read_headers`.
        faults: list to which a fault is added.
        channel: the channel to use of files with several, or ``"mix"``.
        folder: paths of extracted audio are written relative to this folder, and move with the manifest.
    """
    if row.cut is not None:
        faults += (found := _finished_cut_faults(row, row.cut, headers))
        return None if found else row.cut
    header = headers[row.path]
    if isinstance(header, str):
        faults.append(header if row.where == str(row.path) else f"{row.where}: {header}")
        return None
    if row.channel is not None or (row.side is not None and header.channels > 1):
        channel = row.side if row.channel is None else row.channel
    if (fault := _audio_mismatch(row, header, channel)) is not None:
        faults.append(f"{row.where}: {row.path if row.content is None else row.name} {fault}")
        return None
    length = header.samples / header.rate
    start, end = row.start or 0.0, min(length if row.end is None else row.end, length)
    segments = None
    if row.segments is not None:
        inside = [_inside(segment, end - start, row, faults) for segment in row.segments]
        if None in inside:
            return None
        segments = [each for each in inside if each is not None]
    source = row.path.relative_to(folder) if row.content is not None else header.path
    scored = [(a, min(b, end - start)) for a, b in row.regions or [] if a < end - start]
    if row.unscored:
        scored = subtract_stretches(scored or [(0.0, end - start)], row.unscored)
        if not scored:
            faults.append(
                f"{row.where}: nothing of {row.path} is scored, all of it is NOSCORE or NON-LEX; leave it out"
            )
            return None
    regions = [list(each) for each in scored]
    cut_custom = {**(row.custom if segments is not None else {}), **({"uem": regions} if regions else {})}
    return make_cut(
        name=row.name,
        source=source,
        samples=header.samples,
        rate=header.rate,
        speaker=row.speaker,
        text=row.text,
        gender=row.gender,
        custom=(row.custom or None) if segments is None else None,
        stretch=(start, end) if row.start is not None or row.end is not None else None,
        channel=channel if channel is not None and header.channels > 1 else 0,
        channels=header.channels,
        recording=row.recording,
        segments=segments,
        cut_custom=cut_custom or None,
    )


def _audio_mismatch(row: CorpusRow, header: AudioHeader, channel: Channel | None) -> str | None:
    """Why a file cannot be the audio of a row; ``None`` if it can."""
    length = header.samples / header.rate
    start, end = row.start or 0.0, length if row.end is None else row.end
    seconds = min(end, length) - start
    if row.channel is not None and row.channel >= header.channels:
        return f"has {header.channels} channels, but channel {row.channel} is listed; they are counted from 0"
    if header.channels > 1 and channel is None:
        return f"has {header.channels} channels; {channel_hint(header.channels)}"
    if channel not in (None, MIX) and header.channels > 1 and not 0 <= channel < header.channels:
        return f"has no channel {channel}; its channels are 0 .. {header.channels - 1}"
    if start >= length or end > length + TOLERANCE:
        return f"lasts {length:.3f} s, but a stretch from {start:.3f} to {end:.3f} s is listed"
    if seconds * SAMPLE_RATE < FRAME_LENGTH - 1e-6:
        return f"is too short: {seconds:.4f} s, one frame needs 0.025 s"
    if row.duration is not None and not abs(row.duration - seconds) <= TOLERANCE:
        return f"lasts {seconds:.3f} s, but {row.duration:.3f} s are listed"
    for a, b in row.regions or []:
        if b > seconds + TOLERANCE:
            return f"lasts {seconds:.3f} s, but its UEM has a region from {a:.3f} to {b:.3f} s"
    return None


def _inside(
    segment: Segment, length: float, row: CorpusRow, faults: list[str]
) -> tuple[float, float, str | None, str | None] | None:
    """A segment in the form that `make_cut` takes; ``None``, with a fault, if it is not inside the row's audio."""
    if segment.start >= length or segment.end > length + TOLERANCE:
        name = f"{segment.speaker or 'a segment'} from {segment.start:.3f} to {segment.end:.3f} s"
        faults.append(f"{segment.where}: {name}, but {row.path} lasts {length:.3f} s")
        return None
    return segment.start, min(segment.end, length), segment.speaker, segment.text


def _finished_cut_faults(row: CorpusRow, cut: Cut, headers: Mapping[Path, AudioHeader | str]) -> list[str]:
    """The faults of a finished cut and of its files. Its paths become absolute."""
    faults: list[str] = []
    own_faults = cut_faults(cut)
    for part in getattr(cut, "tracks", None) or [cut]:
        recording: Any = getattr(getattr(part, "cut", part), "recording", None)
        if recording is None:
            continue
        for source in recording.sources:
            if source.type == SHAR and not own_faults:
                faults += _member_faults(recording, Member.from_source(source.source), f"{row.where}: {cut.id}")
            if source.type != "file":
                continue
            header = headers.get(Path(source.source)) or _header(Path(source.source))
            if isinstance(header, str):
                faults.append(f"{row.where}: {header}")
                continue
            source.source = str(header.path)
            listed = recording.num_samples, recording.sampling_rate
            if not recording.transforms and (header.samples, header.rate) != listed:
                has = f"{header.samples} samples at {header.rate} Hz"
                faults.append(f"{row.where}: {header.path} has {has}, but {listed[0]} at {listed[1]} Hz are listed")
    return faults + [f"{row.where}: {cut.id}: {fault}" for fault in own_faults]


def _member_faults(recording: Any, member: Member, where: str) -> list[str]:
    """The faults of a recording inside a tar. Lossy codecs may decode to slightly more or less than is listed."""
    try:
        samples, rate, _ = member.shape()
    except AudioError as error:
        return [f"{where}: {error}"]
    if rate != recording.sampling_rate or abs(samples - recording.num_samples) > TOLERANCE * rate:
        listed = f"{recording.num_samples} at {recording.sampling_rate} Hz are listed"
        return [f"{where}: {member.tar} has {samples} samples at {rate} Hz, but {listed}"]
    return []
