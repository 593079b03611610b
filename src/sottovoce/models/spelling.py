"""The text of labels whose names are not their text.

A stock vocabulary may have several tokens with the same text: a word mark beside a space, capitals that are written in lower
case, outputs without a token. Names of labels must differ, so such a label has a name of its own, and two tables give its
text and the token that it repeats::

    labels     <blank>  ' '   |    a    A    <unk>   <unk> (7)
    spelling            | -> ' '   A -> a            <unk> (7) -> <unk>
    aliases                                          <unk> (7) -> <unk>        the same token: repeats of both are merged
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..encoder.checks.values import short
from ..errors import CheckpointError

MARK = "\u2581"
"""First character of each word in a vocabulary of pieces."""


@dataclass(frozen=True)
class Spelling:
    """Labels as text.

    Args:
        texts: text of each label.
        first: for each label the number of the first label that is the same token, mostly itself.
    """

    texts: list[str]
    first: list[int]

    @property
    def plain(self) -> bool:
        """Whether no two labels are the same token."""
        return self.first == list(range(len(self.first)))


def check_spelling(labels: Sequence[str], spelling: Mapping[str, str], aliases: Mapping[str, str]) -> None:
    """Check both tables against the labels.

    Raises:
        CheckpointError: an entry for something that is no label, or an alias of an alias.
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
    """The spelling of a vocabulary.

    Args:
        labels: ``[V]`` names of the labels.
        spelling: label -> its text. The text of any other label is its name, with `MARK` as a space.
        aliases: label -> the label that is the same token.
    """
    spelling, aliases = spelling or {}, aliases or {}
    number = {label: place for place, label in reversed(list(enumerate(labels)))}
    texts = [spelling.get(label, label.replace(MARK, " ")) for label in labels]
    return Spelling(texts, [number.get(aliases.get(label, label), place) for place, label in enumerate(labels)])
