"""The pages of an Ogg file (RFC 3533): whether all are present, and where chained streams begin."""

from __future__ import annotations

import zlib

from .file_bytes import FileBytes

_MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def streams(content: FileBytes) -> list[tuple[int, int]]:
    """``(start, stop)`` in bytes of each of the chained streams.

    Raises:
        ValueError: a page is missing, damaged or truncated, or a stream has no last page; the message says which.
    """
    found: list[tuple[int, int]] = []
    place, start, began, ended = 0, 0, False, True
    numbers: dict[bytes, int] = {}
    while place < len(content):
        head = content[place : place + 27]
        if head[:4] != b"OggS":
            if ended and not _more(content, place):
                break  # bytes that another program has appended
            raise ValueError(f"damaged: no Ogg page at byte {place}")
        lacing = content[place + 27 : place + 27 + head[26]] if len(head) == 27 else b""
        size = 27 + len(lacing) + sum(lacing)
        if len(head) < 27 or len(lacing) < head[26] or place + size > len(content):
            raise ValueError(f"cut off: the Ogg stream has no last page (the page at byte {place} is not whole)")
        page = content[place : place + size]
        if _checksum(page) != int.from_bytes(page[22:26], "little"):
            raise ValueError(f"damaged: the Ogg page at byte {place} does not have its checksum")
        serial, number, kind = page[14:18], int.from_bytes(page[18:22], "little"), page[5]
        if kind & 2:
            if began:  # not one of several streams that begin together
                if not ended:
                    raise ValueError(f"cut off: the Ogg stream has no last page before the next one at byte {place}")
                found.append((start, place))
                start, began, numbers = place, False, {}
            ended = False
        else:
            began = True
            if number != numbers.get(serial, number - 1) + 1:
                raise ValueError(f"damaged: Ogg pages are missing before byte {place}")
        numbers[serial] = number
        ended = ended or bool(kind & 4)
        place += size
    if not ended:
        raise ValueError("cut off: the Ogg stream has no last page")
    return [*found, (start, place)]


def _more(content: FileBytes, place: int) -> bool:
    return content.find(b"OggS\0", place) >= 0


def _checksum(page: bytes) -> int:
    """The checksum of a page whose checksum field is set to 0: the polynomial of zlib with its bits mirrored."""
    turned = (page[:22] + bytes(4) + page[26:]).translate(_MIRRORED)
    return int(f"{zlib.crc32(turned, 0xFFFFFFFF) ^ 0xFFFFFFFF:032b}"[::-1], 2)
