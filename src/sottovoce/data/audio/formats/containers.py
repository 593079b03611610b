"""Where the audio of a file begins and ends, by the header of its container.

    container    form of the length                        if the length is missing
    WAV, RF64    size of the data chunk (RF64: in ds64)    0 or a placeholder, as programs write to a pipe: to the end
    W64          64-bit size of the data chunk             the same
    AIFF, SVX    size of the SSND or BODY chunk            the same
    CAF          64-bit size of the data chunk             -1: to the end
    AU           size in the header                        0 or a placeholder: to the end
    SPHERE       samples x channels x bytes                no sample_count: to the end
    VOC          sizes of its blocks of sound              0: to the end
    AVR, MPC, SDS, WVE, MAT4, MAT5, HTK    samples         never missing
    IRCAM, PAF, PVF, XI                                    always missing: to the end
    FLAC         samples; see `flac_frames`                0: the last frame has its position
    Ogg          pages; see `ogg_pages`
    MP3          an optional first frame; see `mpeg`       counted

Codecs in which libsndfile cannot seek (`UNSEEKABLE`) are decoded from their beginning.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass

from .file_bytes import FileBytes

UNSEEKABLE = ("GSM610", "G721_32", "G723_24", "G723_40", "NMS_ADPCM_16", "NMS_ADPCM_24", "NMS_ADPCM_32", "VOX_ADPCM",
              "DPCM_8", "DPCM_16")  # fmt: skip
"""Codecs in which libsndfile reaches a sample only by decoding everything before it."""

FRAME_BYTES = {"PCM_S8": 1, "PCM_U8": 1, "ULAW": 1, "ALAW": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4,
               "DOUBLE": 8}  # fmt: skip
"""Bytes of one sample of one channel, for codecs with a fixed sample size."""

_SLACK = 2**16
"""Bytes by which a placeholder may differ from the largest number or half of it: a header, or whole samples."""


_MPEG = (0x50, 0x55)
"""Format tags in the ``fmt `` chunk of a WAV for MPEG layers 1 and 2, and for layer 3."""


class DamagedAudio(ValueError):
    """Damaged audio that a decoder would skip, or report only on standard output; the message gives the position."""


@dataclass(frozen=True)
class AudioSpan:
    """Where the audio of a file begins and ends.

    Attributes:
        start: the first byte of the audio.
        end: the byte after the audio, by the header; ``None`` if the header has no length and the audio goes on to the
            end of the file.
        next_file: the byte at which another file would begin, if one was appended to this one.
        size_patch: ``(position, bytes)`` to write into the header so that libsndfile decodes to the end of the file;
            ``None`` if no patch is needed.
        truncate: whether libsndfile must not see the bytes after ``end``.
        blocks: ``(start, stop)`` in bytes of each part of the audio, if other bytes lie between them.
        mpeg: whether the audio is an MPEG stream, whose length follows from its frames.
    """

    start: int
    end: int | None
    next_file: int | None = None
    size_patch: tuple[int, bytes] | None = None
    truncate: bool = False
    blocks: tuple[tuple[int, int], ...] = ()
    mpeg: bool = False

    def byte_count(self, content: FileBytes) -> int:
        """Bytes of audio in the file."""
        blocks = self.blocks or ((self.start, len(content) if self.end is None else self.end),)
        return sum(stop - start for start, stop in blocks)


def audio_span(content: FileBytes) -> AudioSpan | None:
    """Where the audio lies; ``None`` for a container that is not in the table, or a header that cannot be parsed.

    Raises:
        DamagedAudio: a part of the audio is damaged, or would be left out by libsndfile.
    """
    for magic, offset, parse in _PARSERS:
        if content[offset : offset + len(magic)] == magic:
            try:
                return parse(content)
            except DamagedAudio:
                raise
            except (struct.error, ValueError, IndexError, OverflowError):
                return None
    return None


def is_placeholder(size: int, bits: int = 32) -> bool:
    """Whether a size is the placeholder that programs write when the size is unknown, as on a pipe."""
    return any(-_SLACK <= size - most <= (0 if most == 2**bits else _SLACK) for most in (2 ** (bits - 1), 2**bits)) or (
        bits == 32 and -_SLACK <= size - 0x7F000000 <= _SLACK  # sox, of AIFF
    )


def _unpack(content: FileBytes, place: int, form: str) -> tuple[int, ...]:
    return struct.unpack(form, content[place : place + struct.calcsize(form)])


def _chunks(content: FileBytes, place: int, order: str) -> list[tuple[bytes, int, int]]:
    """``(id, start, size)`` of the chunks from ``place`` on, up to the first invalid one; the last may be truncated."""
    found: list[tuple[bytes, int, int]] = []
    while place + 8 <= len(content):
        name, size = content[place : place + 4], *_unpack(content, place + 4, f"{order}I")
        if not re.fullmatch(rb"[ -~]{4}", name) or len(found) > 1000:
            break
        found.append((name, place + 8, size))
        place += 8 + size + size % 2
    return found


def _riff(content: FileBytes) -> AudioSpan | None:
    order = ">" if content[:4] == b"RIFX" else "<"
    chunks = _chunks(content, 12, order)
    known = [chunk for chunk in chunks if chunk[0] in (b"ds64", b"data")]
    where = next((chunk for chunk in known if chunk[0] == b"data"), None)
    if where is None:
        return None
    _, start, size = where
    mpeg = any(name == b"fmt " and _unpack(content, place, f"{order}H")[0] in _MPEG for name, place, _ in chunks)
    stated: int | None = size
    (whole,) = _unpack(content, 4, f"{order}I")
    if known[0][0] == b"ds64" and size >= 0xFFFFFFFF - 1:
        whole, stated = _unpack(content, known[0][1], "<QQ")
        if not stated or is_placeholder(stated, 64):
            stated = None
    elif (size == 0 and not _only_chunks(content, start)) or (size and is_placeholder(size)):
        stated = None
    if stated is None:
        joined = content.find(b"WAVEfmt ", start)
        another = joined - 8 if joined >= 8 and content[joined - 8 : joined - 4] == b"RIFF" else None
        available = len(content) - start
        if known[0][0] == b"ds64":
            return AudioSpan(start, None, another, (known[0][1] + 8, struct.pack("<Q", available)))
        size_here = (start - 4, struct.pack(f"{order}I", available)) if available < 2**31 and not mpeg else None
        return AudioSpan(start, None, another, size_here, mpeg=mpeg)
    end = start + stated
    return AudioSpan(start, end, 8 + whole if 8 + whole >= end else end + stated % 2, mpeg=mpeg)


def _only_chunks(content: FileBytes, place: int) -> bool:
    """Whether only complete chunks follow from ``place`` on, so that a size of 0 really means no audio."""
    chunks = _chunks(content, place, "<")
    end = chunks[-1][1] + chunks[-1][2] if chunks else place
    return place >= len(content) or (bool(chunks) and len(content) - 1 <= end <= len(content))


def _wave64(content: FileBytes) -> AudioSpan | None:
    place = 40
    while place + 24 <= len(content):
        (size,) = _unpack(content, place + 16, "<Q")
        if content[place : place + 4] == b"data":
            unknown = size in (0, 24) and place + 24 < len(content) or is_placeholder(size, 64)
            end = None if unknown else place + size
            (whole,) = _unpack(content, 16, "<Q")
            return AudioSpan(place + 24, end, None if end is None else max(whole, -(-end // 8) * 8))
        if size < 24:
            return None
        place += -(-size // 8) * 8
    return None


def _iff(content: FileBytes) -> AudioSpan | None:
    for name, start, size in _chunks(content, 12, ">"):
        if name in (b"SSND", b"BODY"):
            first = start + (8 + _unpack(content, start, ">I")[0] if name == b"SSND" else 0)
            unknown = is_placeholder(size) or (
                size <= 8 and first < len(content) and not _iff_only(content, start + size)
            )
            (whole,) = _unpack(content, 4, ">I")
            end = None if unknown else start + size
            return AudioSpan(first, end, None if end is None else max(8 + whole, end + size % 2))
    return None


def _iff_only(content: FileBytes, place: int) -> bool:
    chunks = _chunks(content, place, ">")
    return place >= len(content) or (bool(chunks) and chunks[-1][1] + chunks[-1][2] <= len(content))


def _core_audio(content: FileBytes) -> AudioSpan | None:
    place = 8
    while place + 12 <= len(content):
        name, (size,) = content[place : place + 4], _unpack(content, place + 4, ">q")
        if name == b"data":
            end = (
                None
                if size < 0 or (size == 0 and place + 12 < len(content)) or is_placeholder(size, 64)
                else place + 12 + size
            )
            size_patch = None if end else (place + 4, struct.pack(">q", len(content) - place - 12))
            return AudioSpan(place + 16, end, None, size_patch)
        if size < 0:
            return None
        place += 12 + size
    return None


def _sun(content: FileBytes) -> AudioSpan:
    order = ">" if content[:4] == b".snd" else "<"
    start, size = _unpack(content, 4, f"{order}II")
    end = None if is_placeholder(size) or (size == 0 and start < len(content)) else start + size
    available = len(content) - start
    return AudioSpan(
        start, end, end, (8, struct.pack(f"{order}I", available)) if end is None and available < 2**31 else None
    )


def _sphere(content: FileBytes) -> AudioSpan | None:
    start = int(content[8:16])
    fields = dict(re.findall(rb"(\w+) -i (-?\d+)", content[:start]))
    count, channels = int(fields.get(b"sample_count", 0)), int(fields.get(b"channel_count", 1))
    coding = re.search(rb"sample_coding -s\d+ (\S+)", content[:start])
    packed = coding is not None and b"embedded" in coding[1]  # shorten
    width = 1 if coding and coding[1] in (b"ulaw", b"alaw", b"mu-law") else int(fields.get(b"sample_n_bytes", 2))
    if packed or count <= 0 or is_placeholder(count) or min(channels, width) < 1:
        return AudioSpan(start, None)
    return AudioSpan(start, start + count * channels * width, start + count * channels * width)


def _creative(content: FileBytes) -> AudioSpan | None:
    """Blocks by type: sound (1 and 9 begin with its format, 2 continues it), silence (3), 0 (the end), and others."""
    (place,) = _unpack(content, 20, "<H")
    audio_format, blocks, endless = b"", list[tuple[int, int]](), False
    while place + 4 <= len(content) and not endless and (kind := content[place : place + 1][0]):
        low, high = _unpack(content, place + 1, "<HB")
        size, start = low | high << 16, place + 4 + {1: 2, 9: 12}.get(kind, 0)
        if kind in (1, 9):
            audio_format = audio_format or content[place + 4 : start]
            if content[place + 4 : start] != audio_format:
                raise DamagedAudio(f"the sound from byte {place} on is of another rate or kind than that before")
        if kind == 3:
            raise DamagedAudio(f"the silence at byte {place}, of which only the length is written, would not be heard")
        if kind in (1, 9) or (kind == 2 and blocks):
            endless = size == 0
            blocks.append((start, len(content) if endless else place + 4 + size))
        place += 4 + size
    if not blocks:
        return None
    start, end = blocks[0][0], None if endless else blocks[-1][1]
    ended = content[place : place + 1] == b"\0"
    if len(blocks) > 1 and not (ended or endless) and place <= len(content):
        raise DamagedAudio(f"cut off: no last block behind the one that ends at byte {place}")
    return AudioSpan(start, end, place + ended, truncate=True, blocks=tuple(blocks) if len(blocks) > 1 else ())


def _avr(content: FileBytes) -> AudioSpan:
    stereo, bits = _unpack(content, 12, ">HH")
    (count,) = _unpack(content, 26, ">I")
    return AudioSpan(128, 128 + count * (2 if stereo else 1) * (bits // 8))


def _mpc(content: FileBytes) -> AudioSpan:
    (stereo,) = _unpack(content, 21, "B")
    (count,) = _unpack(content, 30, "<I")
    return AudioSpan(42, 42 + count * 2 * (2 if stereo else 1))


def _sds(content: FileBytes) -> AudioSpan:
    bits, low, mid, high = _unpack(content, 6, "B3x3B")
    count = low | mid << 7 | high << 14
    end = 21 + 127 * -(-count // (120 // -(-bits // 7)))
    for place in range(21, min(end, len(content)), 127):
        if content[place : place + 2] != b"\xf0\x7e":  # libsndfile reports this only on standard output
            raise DamagedAudio(f"damaged: no packet of samples at byte {place}")
    return AudioSpan(21, end)


def _psion(content: FileBytes) -> AudioSpan:
    (count,) = _unpack(content, 18, ">I")
    return AudioSpan(32, 32 + count)


def _matlab4(content: FileBytes) -> AudioSpan:
    """Two matrices: the sample rate, and the samples."""
    order = "<" if content[:4] == b"\0\0\0\0" else ">"
    place = 0
    for _ in range(2):
        kind, rows, columns, _, named = _unpack(content, place, f"{order}5I")
        start = place + 20 + named
        place = start + rows * columns * {0: 8, 1: 4, 2: 4, 3: 2, 4: 2, 5: 1}[kind // 10 % 10]
    return AudioSpan(start, place)


def _matlab5(content: FileBytes) -> AudioSpan:
    """Elements after 128 bytes of text; the second has flags and dimensions (32 bytes), a name, and the samples."""
    order = "<" if content[126:128] == b"IM" else ">"
    (first,) = _unpack(content, 132, f"{order}I")
    place = 144 + first + 32
    kind, named = _unpack(content, place, f"{order}II")
    place += 8 if kind >> 16 else 8 + -(-named // 8) * 8  # a short name is stored in its own tag
    _, size = _unpack(content, place, f"{order}II")
    return AudioSpan(place + 8, place + 8 + size)


_PARSERS: tuple[tuple[bytes, int, Callable[[FileBytes], AudioSpan | None]], ...] = (
    (b"WAVE", 8, _riff),
    (b"riff\x2e\x91\xcf\x11", 0, _wave64),
    (b"FORM", 0, _iff),
    (b"caff", 0, _core_audio),
    (b".snd", 0, _sun),
    (b"dns.", 0, _sun),
    (b"NIST_1A\n", 0, _sphere),
    (b"Creative Voice File", 0, _creative),
    (b"2BIT", 0, _avr),
    (b"\x01\x04", 0, _mpc),
    (b"\xf0\x7e", 0, _sds),
    (b"ALawSoundFile**", 0, _psion),
    (b"MATLAB 5.0", 0, _matlab5),
    (b"\0\0\0\0\1\0\0\0\1\0\0\0\0\0\0\0", 0, _matlab4),
    (b"\0\0\3\xe8\0\0\0\1\0\0\0\1\0\0\0\0", 0, _matlab4),
)

BEGINNINGS = (b"RIFF", b"RIFX", b"RF64", b"riff\x2e\x91\xcf\x11", b"FORM", b"caff\0\1", b".snd", b"NIST_1A\n", b"fLaC",
              b"Creative Voice File", b"2BIT", b"ALawSoundFile**", b"MATLAB 5.0")  # fmt: skip
"""First bytes of files, by which a file that was appended to another one is recognized."""
