"""The frames of an MP3 file, which may have no length in it, and may consist of several files joined together.

Each part begins with a frame that gives its length (Xing, Info), if the encoder wrote one. In a part without it the
frames are counted, and libsndfile is given such a frame in front of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from .file_bytes import FileBytes, Piece

_RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
_KBITS = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}


class NoFrames(ValueError):
    """The file has no MPEG frames that can be counted: none at all, or only frames of free bit rate."""


@dataclass(frozen=True)
class Frame:
    """The header of a frame.

    Attributes:
        layer: 1, 2 or 3.
        rate: samples a second.
        channels: 1 or 2.
        samples: samples per channel in the frame.
        size: bytes of the frame.
        side: bytes of its side information.
    """

    layer: int
    rate: int
    channels: int
    samples: int
    size: int
    side: int

    def same_stream(self, other: Frame) -> bool:
        """Whether both frames can belong to one stream."""
        return (self.layer, self.rate, self.channels) == (other.layer, other.rate, other.channels)


def frame_at(head: bytes) -> Frame | None:
    """The frame with this header of 4 bytes; ``None`` if they are not a header, or have a free bit rate."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer, kbits, rate = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3), head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or kbits in (0, 15) or rate == 3:
        return None
    first, hertz, mono = version == 3, _RATES[version][rate], head[3] >> 6 == 3
    bits = 1000 * _KBITS[first, layer][kbits - 1]
    samples = 384 if layer == 1 else 576 if layer == 3 and not first else 1152
    padding = head[2] >> 1 & 1
    size = (12 * bits // hertz + padding) * 4 if layer == 1 else samples // 8 * bits // hertz + padding
    return Frame(layer, hertz, 1 if mono else 2, samples, size, (17 if mono else 32) if first else 9 if mono else 17)


@dataclass
class Part:
    """A run of frames that belong to one stream.

    Attributes:
        start, stop: its first byte, and the byte after its last.
        head: the first 4 bytes: the header of the first frame.
        frame: that header, parsed.
        stated: number of frames after the first, by the Xing or Info frame; ``None`` without one.
        size: bytes of all frames, by the Xing or Info frame; ``None`` without one.
        trimmed: samples that the encoder added at both ends, by the Xing or Info frame.
        frames: number of frames found, without the Xing or Info frame.
    """

    start: int
    stop: int
    head: bytes
    frame: Frame
    stated: int | None
    size: int | None
    trimmed: int
    frames: int = 0

    @property
    def samples(self) -> int:
        return max(0, self.frames * self.frame.samples - self.trimmed)

    @property
    def counts_itself(self) -> bool:
        """Whether ``stated`` includes the Xing frame itself, as some encoders count, although no frame is missing."""
        complete = self.size is not None and self.size <= self.stop - self.start
        return self.stated is not None and self.frames == self.stated - 1 and complete

    def pieces(self) -> tuple[Piece, ...]:
        """What to give libsndfile so that it decodes every frame."""
        if self.counts_itself:
            place = self.start + 4 + self.frame.side + 8
            return (self.start, place), self.frames.to_bytes(4, "big"), (place + 4, self.stop)
        if self.stated is None and self.frame.layer == 3:
            return self.info_frame(), (self.start, self.stop)
        return ((self.start, self.stop),)

    def info_frame(self) -> bytes:
        """An Info frame with the number of frames, for a part without one."""
        head = bytearray(self.head)
        head[1] |= 1  # without a checksum
        for kbits in range(1, 15):  # the lowest bit rate whose frame has room for the fields
            head[2] = kbits << 4 | head[2] & 0x0C
            frame = frame_at(bytes(head))
            if frame is not None and frame.size >= 4 + frame.side + 16:
                info = b"Info\0\0\0\1" + self.frames.to_bytes(4, "big")
                return (bytes(head[:4]) + bytes(frame.side) + info).ljust(frame.size, b"\0")
        raise AssertionError("every rate has a frame of 64 bytes")


def parts(content: FileBytes) -> list[Part]:
    """The runs of frames in a file.

    Raises:
        NoFrames: the file has no frames.
        ValueError: other bytes lie between the frames; the message says where.
    """
    found: list[Part] = []
    place = _first_frame(content)
    while place < len(content):
        frame = frame_at(content[place : place + 4])
        if frame is not None and place + frame.size > len(content):
            break  # the file ends inside a frame; if it has a length, frames are found missing
        part = found[-1] if found else None
        if frame is None or (part is not None and not frame.same_stream(part.frame)):
            after = _next_frame(content, _after_tags(content, place))
            if after is None:
                break  # bytes that another program has appended
            following = frame_at(content[after : after + 4])
            assert following is not None
            if after > _after_tags(content, place):
                raise ValueError(f"damaged: no MPEG frame at byte {place}")
            place, frame, part = after, following, None
        stated_lengths = _info(content, place, frame)
        done = part is not None and part.stated is not None and part.frames >= part.stated
        if part is None or stated_lengths is not None or done:
            found.append(Part(place, place, content[place : place + 4], frame, *(stated_lengths or (None, None, 0))))
        part = found[-1]
        part.frames += stated_lengths is None or part.stated is None
        place += frame.size
        part.stop = place
    return [part for part in found if part.frames or part.stated]


def _first_frame(content: FileBytes) -> int:
    """Where the first complete frame begins, after tags and a partial frame at the beginning of a recorded stream."""
    if (found := _next_frame(content, _after_tags(content, 0))) is None:
        raise NoFrames("no MPEG frames in it")
    return found


def _next_frame(content: FileBytes, place: int) -> int | None:
    """Where the next frame begins, after which another frame of the same stream or the end of the file must follow."""
    while 0 <= place < len(content):
        if (frame := frame_at(content[place : place + 4])) is not None:
            after = place + frame.size
            following = frame_at(content[after : after + 4])
            if after == len(content) or (following is not None and following.same_stream(frame)):
                return place
        place = content.find(b"\xff", place + 1)
    return None


def _after_tags(content: FileBytes, place: int) -> int:
    """The position after ID3, APE and Lyrics tags, and zeros."""
    while place < len(content):
        head = content[place : place + 32]
        if head[:3] == b"ID3" and len(head) >= 10:
            size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
            place += 10 + size + (10 if head[5] & 0x10 else 0)
        elif head[:3] == b"TAG":
            place += 128
        elif head[:8] == b"APETAGEX":
            size = int.from_bytes(head[12:16], "little")
            place += 32 + size if head[20:24] and head[23] & 0x20 else 32
        elif head[:11] == b"LYRICSBEGIN":
            end = content.find(b"LYRICS200", place)
            place = end + 9 if end >= 0 else len(content)
        elif head[:1] == b"\0":
            place += len(head) - len(head.lstrip(b"\0"))
        else:
            return place
    return min(place, len(content))


def _info(content: FileBytes, place: int, frame: Frame) -> tuple[int | None, int | None, int] | None:
    """Numbers in a Xing or Info frame: frames that follow, bytes of all frames, and samples to drop at both ends."""
    if frame.layer != 3:
        return None
    info = content[place + 4 + frame.side : place + 4 + frame.side + 150]
    if info[:4] not in (b"Xing", b"Info"):
        return None
    flags, at = info[7], 8
    count = int.from_bytes(info[8:12], "big") if flags & 1 else None
    at += 4 * (flags & 1)
    size = int.from_bytes(info[at : at + 4], "big") if flags & 2 else None
    at += 4 * (flags >> 1 & 1) + 100 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1)
    lame = info[at : at + 24]
    trimmed = 0
    if lame[:4] in (b"LAME", b"Lavf", b"Lavc") and len(lame) >= 24:
        trimmed = (lame[21] << 4 | lame[22] >> 4) + ((lame[22] & 15) << 8 | lame[23])
    return count, size, trimmed
