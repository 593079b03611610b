"""Ways to spoil bytes that were valid, each a function of the bytes and a generator of random numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Mutation = Callable[[bytes, np.random.Generator], bytes]
HEAD = 256
"""Bytes in which headers are."""


def _place(content: bytes, random: np.random.Generator) -> int:
    return int(random.integers(max(len(content), 1)))


def truncate(content: bytes, random: np.random.Generator) -> bytes:
    """Lose the end."""
    return content[: _place(content, random)]


def truncate_little(content: bytes, random: np.random.Generator) -> bytes:
    """Lose the last few bytes."""
    return content[: max(0, len(content) - int(random.integers(1, 64)))]


def behead(content: bytes, random: np.random.Generator) -> bytes:
    """Lose the beginning."""
    return content[int(random.integers(1, HEAD)) :]


def flip_bits(content: bytes, random: np.random.Generator) -> bytes:
    """A few bits anywhere."""
    spoiled = bytearray(content)
    for _ in range(int(random.integers(1, 9))):
        spoiled[_place(content, random)] ^= 1 << int(random.integers(8))
    return bytes(spoiled)


def flip_header(content: bytes, random: np.random.Generator) -> bytes:
    """A few bytes of the header."""
    spoiled = bytearray(content)
    for _ in range(int(random.integers(1, 5))):
        spoiled[_place(content[:HEAD], random)] = int(random.integers(256))
    return bytes(spoiled)


def number(content: bytes, random: np.random.Generator) -> bytes:
    """A number of the header becomes one that is extreme."""
    spoiled = bytearray(content)
    width = int(random.choice([1, 2, 4, 8]))
    place = _place(content[:HEAD], random)
    most = 256**width
    value = int(random.choice([0, 1, 2, 3])) if random.random() < 0.3 else 0
    value = value or [most - 1, most // 2, most // 2 - 1, most - 37, 1, 0][int(random.integers(6))]
    order = "little" if random.random() < 0.5 else "big"
    spoiled[place : place + width] = value.to_bytes(width, order)  # type: ignore[arg-type]
    return bytes(spoiled[: len(content)])


def duplicate(content: bytes, random: np.random.Generator) -> bytes:
    """A stretch comes twice."""
    start, stop = sorted((_place(content, random), _place(content, random)))
    return content[:stop] + content[start:]


def remove(content: bytes, random: np.random.Generator) -> bytes:
    """A stretch is missing."""
    start, stop = sorted((_place(content, random), _place(content, random)))
    return content[:start] + content[stop:]


def zero(content: bytes, random: np.random.Generator) -> bytes:
    """A stretch is zeros, as on a disk that lost it."""
    start, stop = sorted((_place(content, random), _place(content, random)))
    return content[:start] + bytes(stop - start) + content[stop:]


def insert(content: bytes, random: np.random.Generator) -> bytes:
    """Noise in between."""
    place = _place(content, random)
    return content[:place] + random.bytes(int(random.integers(1, 512))) + content[place:]


def swap(content: bytes, random: np.random.Generator) -> bytes:
    """Two stretches change places."""
    first, second, third = sorted(_place(content, random) for _ in range(3))
    return content[:first] + content[second:third] + content[first:second] + content[third:]


def append(content: bytes, random: np.random.Generator) -> bytes:
    """Something behind the end."""
    return content + random.bytes(int(random.integers(1, 1024)))


MUTATIONS: tuple[Mutation, ...] = (
    truncate, truncate_little, behead, flip_bits, flip_header, number, number, duplicate, remove, zero, insert, swap, append,
)  # fmt: skip
