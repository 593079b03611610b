"""What labels are in text, where that is not what they are called.

A vocabulary that was made elsewhere may write one thing in several ways: a word mark beside a space, capitals that are
written small, outputs that no token stands for. Labels must differ all the same, so such a label has a name of its own, and
a table says what it is::

    labels     <blank>  ' '   |    a    A    <unk>   <unk> (7)
    spelling            | -> ' '   A -> a            <unk> (7) -> <unk>
    aliases                                          <unk> (7) -> <unk>        the same token: repeats of both are one
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..encoder.checks.values import short
from ..errors import CheckpointError

MARK = "\u2581"
"""Begins a word in a vocabulary of pieces."""


@dataclass(frozen=True)
class Spelling:
    """Labels as text.

    Args:
        texts: of each label.
        first: of each label, the first one that says the same token (itself, mostly).
    """

    texts: list[str]
    first: list[int]

    @property
    def plain(self) -> bool:
        """Whether every label is a token of its own."""
        return self.first == list(range(len(self.first)))


def check_spelling(labels: Sequence[str], spelling: Mapping[str, str], aliases: Mapping[str, str]) -> None:
    """Hold both tables against the labels.

    Raises:
        CheckpointError: an entry of what is no label, or an alias of what is an alias itself.
    """
    known = set(labels)
    for name, table in (("spelling", spelling), ("aliases", aliases)):
        for label in table:
            if label not in known:
                raise CheckpointError(f"config: {name} has {short(label)}, which is none of the {len(labels)} labels")
    for label, first in aliases.items():
        if first not in known or aliases.get(first, first) != first:
            raise CheckpointError(
                f"config: aliases say that {short(label)} is {short(first)}, which is no label, or an alias itself"
            )


def spelled(
    labels: Sequence[str], spelling: Mapping[str, str] | None = None, aliases: Mapping[str, str] | None = None
) -> Spelling:
    """The spelling of ``labels``; one without an entry in ``spelling`` is its own text, `MARK` a space."""
    spelling, aliases = spelling or {}, aliases or {}
    number = {label: place for place, label in reversed(list(enumerate(labels)))}
    texts = [spelling.get(label, label.replace(MARK, " ")) for label in labels]
    return Spelling(texts, [number.get(aliases.get(label, label), place) for place, label in enumerate(labels)])
