"""The bytes of a file, read on demand, and files spliced from pieces of them."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_BLOCK = 2**16

Piece: TypeAlias = bytes | tuple[int, int]
"""Literal bytes, or the ``(start, stop)`` of a range of the file."""


class FileBytes:
    """The bytes of a file, read on demand; a slice is ``bytes``.

    Args:
        read_at: ``read_at(offset, count) -> bytes``.
        size: number of bytes.
    """

    def __init__(self, read_at: Callable[[int, int], bytes], size: int) -> None:
        self._read_at, self.size = read_at, size
        self._block, self._at = b"", 0

    @classmethod
    def of_descriptor(cls, descriptor: int) -> FileBytes:
        """The bytes of an open file."""
        return cls(lambda offset, count: os.pread(descriptor, count, offset), os.fstat(descriptor).st_size)

    @classmethod
    def of_bytes(cls, content: bytes) -> FileBytes:
        """The bytes of a file in memory."""
        return cls(lambda offset, count: content[offset : offset + count], len(content))

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, where: slice) -> bytes:
        start, stop, _ = where.indices(self.size)
        if stop - start > _BLOCK:
            return self._read_at(start, stop - start)
        if not self._at <= start <= stop <= self._at + len(self._block):
            self._block, self._at = self._read_at(start, _BLOCK), start
        return self._block[start - self._at : stop - self._at]

    def part(self, start: int, stop: int) -> FileBytes:
        """The bytes from ``start`` to ``stop`` as a file of their own."""
        return FileBytes(
            lambda offset, count: self._read_at(start + offset, min(count, stop - start - offset)), stop - start
        )

    def opened(self, *pieces: Piece) -> io.BufferedReader:
        """An open binary file of all bytes, or of these pieces one after another."""
        return io.BufferedReader(SplicedFile(self, pieces or ((0, self.size),)))

    def find(self, wanted: bytes, start: int = 0) -> int:
        """Position of the first occurrence of ``wanted`` from ``start`` on; -1 where there is none."""
        place, step = start, 2**20
        while place < self.size:
            found = self._read_at(place, step + len(wanted)).find(wanted)
            if found >= 0:
                return place + found
            place += step
        return -1


class SplicedFile(io.RawIOBase):
    """A read-only file that consists of pieces of another one, one after another."""

    def __init__(self, content: FileBytes, pieces: Sequence[Piece]) -> None:
        self._content, self._pieces = content, pieces
        self._starts = [0]
        for piece in pieces:
            self._starts.append(self._starts[-1] + (len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]))
        self._place = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._starts[-1]}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: WriteableBuffer) -> int:
        target = memoryview(buffer).cast("B")
        filled = 0
        for piece, (start, stop) in zip(self._pieces, pairwise(self._starts), strict=True):
            if start <= self._place < stop and filled < len(target):
                first, count = self._place - start, min(stop - self._place, len(target) - filled)
                from_ = first if isinstance(piece, bytes) else piece[0] + first
                found = (
                    piece[from_ : from_ + count] if isinstance(piece, bytes) else self._content[from_ : from_ + count]
                )
                target[filled : filled + len(found)] = found
                filled += len(found)
                self._place += len(found)
        return filled
