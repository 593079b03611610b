"""The frames of a FLAC file, by which the end of the audio is found if the header has no length or a wrong one.

A frame begins with a synchronization code and its number, and ends with a checksum (RFC 9639, section 9).
"""

from __future__ import annotations

from .file_bytes import FileBytes

_FARTHEST = 2**17
"""The last frame is searched in this many bytes at the end; 4,608 samples of 8 channels and 24 bits take 110,592."""

_BLOCKS = {1: 192, **{k: 576 << (k - 2) for k in range(2, 6)}, **{k: 256 << (k - 8) for k in range(8, 16)}}


def stated_samples(content: FileBytes) -> int:
    """The number of samples in STREAMINFO; 0 where the encoder did not know it."""
    info = content[8:42]
    return (info[13] & 15) << 32 | int.from_bytes(info[14:18], "big")


def with_samples(content: FileBytes, samples: int) -> bytes:
    """The first 42 bytes (STREAMINFO), with the number of samples filled in."""
    head = bytearray(content[:42])
    head[21] = head[21] & 0xF0 | samples >> 32
    head[22:26] = (samples & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(head)


def samples_to_end(content: FileBytes) -> int | None:
    """Number of samples up to the end of the last frame; ``None`` where that frame is truncated."""
    end = _end_of_audio(content)
    first = max(0, end - _FARTHEST)
    tail = content[first:end]
    place = len(tail)
    while (place := tail.rfind(b"\xff", 0, place)) >= 0:
        if (found := _numbered(tail[place : place + 16], content)) is not None and _sum16(tail[place:]) == 0:
            return found
    return None


def _end_of_audio(content: FileBytes) -> int:
    """The position at which the audio ends, before any tags that other programs appended."""
    end = len(content)
    while True:
        if content[end - 128 : end - 125] == b"TAG" and end >= 128:
            end -= 128
        elif content[max(end - 32, 0) : end - 24] == b"APETAGEX":
            size = int.from_bytes(content[end - 20 : end - 16], "little")
            end -= min(size + (32 if content[end - 9 : end - 8] >= b"\x80" else 0), end)
        else:
            return end


def _numbered(head: bytes, content: FileBytes) -> int | None:
    """Number of samples up to the end of the frame that ``head`` begins; ``None`` if no frame begins there."""
    if len(head) < 6 or head[0] != 0xFF or head[1] & 0xFE != 0xF8:
        return None
    size, rate = head[2] >> 4, head[2] & 15
    length = 8 - (head[4] ^ 0xFF).bit_length() if head[4] >= 0x80 else 1  # bytes of the number, coded like UTF-8
    if size == 0 or rate == 15 or length > 7 or (length == 1 and head[4] >= 0x80):
        return None
    number = head[4] & (0x7F if length == 1 else 0x7F >> length)
    for each in head[5 : 4 + length]:
        number = number << 6 | each & 0x3F
    place = 4 + length
    block = _BLOCKS.get(size)
    if size in (6, 7):
        block = int.from_bytes(head[place : place + size - 5], "big") + 1
        place += size - 5
    place += {12: 1, 13: 2, 14: 2}.get(rate, 0)
    if block is None or place >= len(head) or _sum8(head[: place + 1]) != 0:
        return None
    return (number if head[1] & 1 else number * int.from_bytes(content[8:10], "big")) + block


def _table(bits: int, polynomial: int) -> list[int]:
    top, most, found = 1 << (bits - 1), (1 << bits) - 1, []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = (value << 1 ^ (polynomial if value & top else 0)) & most
        found.append(value)
    return found


_CRC8, _CRC16 = _table(8, 0x07), _table(16, 0x8005)


def _sum8(content: bytes) -> int:
    value = 0
    for byte in content:
        value = _CRC8[value ^ byte]
    return value


def _sum16(content: bytes) -> int:
    """The CRC-16 of the content; 0 for a frame together with its own checksum."""
    value = 0
    for byte in content:
        value = (value << 8 & 0xFFFF) ^ _CRC16[value >> 8 ^ byte]
    return value
