"""The length of an audio file, by one rule for every reader: from its header, its bytes and what libsndfile decodes.

A file with less audio than its header promises is refused, and so is one of which libsndfile would decode only a part.
Where the header has no length or a wrong one (a stream, several files chained), libsndfile is given a file spliced from
the original bytes and a corrected header.
"""

from __future__ import annotations

import soundfile

from ....errors import AudioError
from . import flac_frames, mpeg, ogg_pages
from .containers import BEGINNINGS, FRAME_BYTES, AudioSpan, audio_span
from .file_bytes import FileBytes, Piece

DecoderInputs = tuple[tuple[Piece, ...] | None, ...]
"""The files that libsndfile decodes one after another, each as its pieces; ``None`` is the original file."""

_FLAC, _JOINED_FLAC = b"fLaC", b'fLaC\0\0\0"'


def decoder_inputs(content: FileBytes, name: str, *, thorough: bool) -> DecoderInputs:
    """What to give libsndfile so that it decodes all of a file.

    Args:
        content: the bytes of the file.
        name: the file's name in error messages.
        thorough: whether to check the end of a FLAC file and look for another file after it. This takes longer than
            reading a short stretch, so it is skipped for stretches of files that were checked before.

    Raises:
        AudioError: the file has less audio than its header promises, or another file follows its end.
    """
    first = _after_id3(content)
    inner = content if not first else content.part(first, len(content))
    head = inner[:4]
    whole: tuple[Piece, ...] | None = None if not first else ((first, len(content)),)
    try:
        if head == b"OggS":
            found = ogg_pages.streams(inner)
            return (whole,) if len(found) == 1 else tuple(((first + a, first + b),) for a, b in found)
        if head == _FLAC:
            return (_flac(inner, first, thorough) or whole,)
        if (span := audio_span(inner)) is None:
            return _mpeg(content)
        _check(span, inner, name)
        if span.mpeg:
            start, end = first + span.start, len(content) if span.end is None else first + span.end
            return tuple(_shifted(pieces, start, end) for pieces in _mpeg(content.part(start, end)))
    except AudioError:
        raise
    except ValueError as error:
        raise AudioError(f"{name}: {error}; copy or convert the file again") from None
    if span.size_patch is not None:
        place, size = span.size_patch
        end = first + place + len(size)
        return (((first, first + place), size, (end, len(content))),)
    if span.blocks:
        (_, stop), *others = ((first + a, first + b) for a, b in span.blocks)
        return (((first, stop), *others, b"\0"),)
    if span.truncate and span.end is not None:
        return (((first, min(first + span.end + 1, len(content))),),)
    return (whole,)


def _shifted(pieces: tuple[Piece, ...] | None, start: int, end: int) -> tuple[Piece, ...]:
    """Pieces of the part from ``start`` to ``end``, with positions in the whole file."""
    pieces = pieces if pieces is not None else ((0, end - start),)
    return tuple(each if isinstance(each, bytes) else (start + each[0], start + each[1]) for each in pieces)


def _after_id3(content: FileBytes) -> int:
    """The position after an ID3 tag in front of a file that is not MP3; otherwise 0, as MP3 files have such tags."""
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
        raise ValueError("another FLAC file begins inside it, so only a part would be decoded")
    stored = flac_frames.samples_to_end(content)
    if stored is None and stated and _decodes_to_end(content):
        return None  # something else was appended
    if stored is None:
        raise ValueError(
            f"cut off: the header promises {stated / rate:.3f} s, but the last frame, at {len(content):,} bytes, is not whole"
            if stated
            else f"cut off: its last frame, at {len(content):,} bytes, is not whole"
        )
    if stated and stored < stated:
        raise ValueError(f"cut off: the header promises {stated / rate:.3f} s, the file has {stored / rate:.3f} s")
    if stated and stored > stated:
        raise ValueError(f"the header promises {stated / rate:.3f} s, but there are {stored / rate:.3f} s in it")
    return None if stated else (flac_frames.with_samples(content, stored), (first + 42, first + len(content)))


def _decodes_to_end(content: FileBytes) -> bool:
    try:
        with soundfile.SoundFile(content.opened()) as file:
            last = min(file.frames, 4096)
            file.seek(file.frames - last)
            return len(file.read(last)) == last
    except soundfile.LibsndfileError:
        return False


def _mpeg(content: FileBytes) -> DecoderInputs:
    if mpeg.frame_at(content[:4]) is None and content[:3] != b"ID3":
        return (None,)  # a container without a length, or an unknown one
    try:
        parts = mpeg.parts(content)
    except mpeg.NoFrames:
        return (None,)
    for part in parts:
        if part.stated is not None and part.frames < part.stated and not part.counts_itself:
            promised, available = (n * part.frame.samples / part.frame.rate for n in (part.stated, part.frames))
            raise ValueError(f"cut off: the header promises {promised:.3f} s, the file has {available:.3f} s")
    if len(parts) == 1 and parts[0].stated is not None and not parts[0].counts_itself:
        return (None,)
    return tuple(part.pieces() for part in parts)


def _check(span: AudioSpan, content: FileBytes, name: str) -> None:
    size = len(content)
    places = {span.end, span.next_file} - {None}
    if span.end is not None and span.end > size:
        raise _truncated_error(span, content, name)
    for place in places:
        if place is not None and place < size and content[place : place + 20].startswith(BEGINNINGS):
            raise AudioError(
                f"{name}: another file begins at byte {place:,}, so only a part would be decoded; split them"
            )


def _truncated_error(span: AudioSpan, content: FileBytes, name: str) -> AudioError:
    assert span.end is not None
    promised, available = span.end - span.start, max(0, len(content) - span.start)
    try:
        with soundfile.SoundFile(content.opened()) as file:
            bytes_a_second = FRAME_BYTES[file.subtype] * file.channels * file.samplerate
    except (soundfile.LibsndfileError, KeyError):
        lengths = f"{promised:,} bytes of audio, the file has {available:,}"
    else:
        promised_seconds, seconds = promised / bytes_a_second, available / bytes_a_second
        lengths = f"{promised_seconds:.3f} s ({promised:,} bytes), the file has {seconds:.3f} s ({available:,})"
    return AudioError(f"{name}: cut off: the header promises {lengths}; copy or convert the file again")
