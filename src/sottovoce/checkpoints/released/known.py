"""Every format of released models that is read whole: one line for each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from . import aasist, diarizen, espnet, w2v_bert_sv, wedefense
from .speakers import pyannote_resnet, wespeaker
from .whole_model import WholeModel


class ReleasedFormat(Protocol):
    """A module that reads the released models of one system."""

    FILES: str
    """What they are, in a few words for messages."""

    def claims(self, path: Path) -> bool:
        """Whether a file or folder is in this format, by its name and what is beside it; nothing large is read."""

    def load(self, path: Path) -> WholeModel:
        """The model.

        Raises:
            CheckpointError: settings that are not supported, or tensors that do not fit them.
        """

    def hint(self, names: Mapping[str, object]) -> str | None:
        """What a file is and lacks, if these are the names of tensors of this system; ``None`` for others."""


RELEASED: tuple[ReleasedFormat, ...] = (
    aasist,
    wedefense,
    espnet,
    w2v_bert_sv,
    diarizen,
    pyannote_resnet,
    wespeaker,
)


def released_format(path: Path) -> ReleasedFormat | None:
    """The format of a released model; ``None`` for anything else."""
    return next((each for each in RELEASED if each.claims(path)), None)


def released_hint(names: Mapping[str, object]) -> str | None:
    """What a file of tensors with these names is and lacks; ``None`` if it is not known."""
    return next((found for each in RELEASED if (found := each.hint(names)) is not None), None)


def released_files() -> str:
    """All formats in words."""
    return ", ".join(each.FILES for each in RELEASED)
