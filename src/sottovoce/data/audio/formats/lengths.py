"""How long is this file? One rule for every reader: what its header says, what is there, and what libsndfile hears.

A file is refused that has less audio than it says, and one in which libsndfile would hear less than there is. Where a
header says nothing, or what is not so (a stream, several files joined that may be), libsndfile is given a view of the
file that says it.
"""

from __future__ import annotations

import soundfile

from ....errors import AudioError
from . import flac_frames, mpeg, ogg_pages
from .containers import BEGINNINGS, FRAME_BYTES, AudioSpan, audio_span
from .file_bytes import FileBytes, Piece

DecoderInputs = tuple[tuple[Piece, ...] | None, ...]
"""What libsndfile decodes, one after another; ``None``: the file as it is."""

_FLAC, _JOINED_FLAC = b"fLaC", b'fLaC\0\0\0"'


def decoder_inputs(content: FileBytes, name: str, *, thorough: bool) -> DecoderInputs:
    """What libsndfile is to decode of a file, so that it hears all of it.

    Args:
        content: the file.
        name: what errors call it.
        thorough: look at the end of a FLAC file, and whether another follows; where only a stretch is wanted of a file
            that was looked at before, that would take longer than the stretch.

    Raises:
        AudioError: there is less audio than the header says, or another file behind its end.
    """
    first = _behind_id3(content)
    inner = content if not first else content.part(first, len(content))
    head = inner[:4]
    whole: tuple[Piece, ...] | None = None if not first else ((first, len(content)),)
    try:
        if head == b"OggS":
            found = ogg_pages.streams(inner)
            return (whole,) if len(found) == 1 else tuple(((first + a, first + b),) for a, b in found)
        if head == _FLAC:
            return (_flac(inner, first, thorough) or whole,)
        if (bounds := audio_span(inner)) is None:
            return _mpeg(content)
        _check(bounds, inner, name)
        if bounds.mpeg:
            start, end = first + bounds.start, len(content) if bounds.end is None else first + bounds.end
            return tuple(_shifted(view, start, end) for view in _mpeg(content.part(start, end)))
    except AudioError:
        raise
    except ValueError as error:
        raise AudioError(f"{name}: {error}; copy or convert the file again") from None
    if bounds.size is not None:
        place, size = bounds.size
        end = first + place + len(size)
        return (((first, first + place), size, (end, len(content))),)
    if bounds.blocks:
        (_, stop), *others = ((first + a, first + b) for a, b in bounds.blocks)
        return (((first, stop), *others, b"\0"),)
    if bounds.alone and bounds.end is not None:
        return (((first, min(first + bounds.end + 1, len(content))),),)
    return (whole,)


def _shifted(view: tuple[Piece, ...] | None, start: int, end: int) -> tuple[Piece, ...]:
    """What is to be decoded of a part of the content, in places of all of it."""
    pieces = view if view is not None else ((0, end - start),)
    return tuple(each if isinstance(each, bytes) else (start + each[0], start + each[1]) for each in pieces)


def _behind_id3(content: FileBytes) -> int:
    """Where a file begins that has a tag of another format in front; 0 of an MP3 file, to which it belongs."""
    head = content[:10]
    if head[:3] != b"ID3" or len(head) < 10:
        return 0
    place = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]) + (10 if head[5] & 0x10 else 0)
    return place if content[place : place + 4] in (_FLAC, b"OggS", b"RIFF", b"FORM") else 0


def _flac(content: FileBytes, first: int, thorough: bool) -> tuple[Piece, ...] | None:
    stated = flac_frames.stated_samples(content)
    if stated and not thorough:
        return None
    rate = max(int.from_bytes(content[18:21], "big") >> 4, 1)
    if content.find(_JOINED_FLAC, 4) >= 0:
        raise ValueError("another FLAC file begins inside it, so only a part would be heard")
    there = flac_frames.samples_to_end(content)
    if there is None and stated and _has_end(content):
        return None  # something else was appended
    if there is None:
        raise ValueError(
            f"cut off: the header promises {stated / rate:.3f} s, but the last frame, at {len(content):,} bytes, is not whole"
            if stated
            else f"cut off: its last frame, at {len(content):,} bytes, is not whole"
        )
    if stated and there < stated:
        raise ValueError(f"cut off: the header promises {stated / rate:.3f} s, the file has {there / rate:.3f} s")
    if stated and there > stated:
        raise ValueError(f"the header promises {stated / rate:.3f} s, but there are {there / rate:.3f} s in it")
    return None if stated else (flac_frames.with_samples(content, there), (first + 42, first + len(content)))


def _has_end(content: FileBytes) -> bool:
    try:
        with soundfile.SoundFile(content.opened()) as file:
            last = min(file.frames, 4096)
            file.seek(file.frames - last)
            return len(file.read(last)) == last
    except soundfile.LibsndfileError:
        return False


def _mpeg(content: FileBytes) -> DecoderInputs:
    if mpeg.frame_at(content[:4]) is None and content[:3] != b"ID3":
        return (None,)  # a container that never says its length, or nothing that is known
    try:
        parts = mpeg.parts(content)
    except mpeg.NoFrames:
        return (None,)
    for part in parts:
        if part.stated is not None and part.frames < part.stated and not part.counts_itself:
            said, there = (n * part.frame.samples / part.frame.rate for n in (part.stated, part.frames))
            raise ValueError(f"cut off: the header promises {said:.3f} s, the file has {there:.3f} s")
    if len(parts) == 1 and parts[0].stated is not None and not parts[0].counts_itself:
        return (None,)
    return tuple(part.view() for part in parts)


def _check(bounds: AudioSpan, content: FileBytes, name: str) -> None:
    size = len(content)
    places = {bounds.end, bounds.after} - {None}
    if bounds.end is not None and bounds.end > size:
        raise _cut_off(bounds, content, name)
    for place in places:
        if place is not None and place < size and content[place : place + 20].startswith(BEGINNINGS):
            raise AudioError(
                f"{name}: another file begins at byte {place:,}, so only a part would be heard; split them"
            )


def _cut_off(bounds: AudioSpan, content: FileBytes, name: str) -> AudioError:
    assert bounds.end is not None
    said, there = bounds.end - bounds.start, max(0, len(content) - bounds.start)
    try:
        with soundfile.SoundFile(content.opened()) as file:
            bytes_a_second = FRAME_BYTES[file.subtype] * file.channels * file.samplerate
    except (soundfile.LibsndfileError, KeyError):
        lengths = f"{said:,} bytes of audio, the file has {there:,}"
    else:
        lengths = (
            f"{said / bytes_a_second:.3f} s ({said:,} bytes), the file has {there / bytes_a_second:.3f} s ({there:,})"
        )
    return AudioError(f"{name}: cut off: the header promises {lengths}; copy or convert the file again")
