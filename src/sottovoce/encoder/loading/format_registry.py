"""How loading reaches the readers of other checkpoint formats, which are in `sottovoce.checkpoints`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from ...errors import CheckpointError
from .provider import Provider

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel

    from ..config import EncoderConfig
    from ..network import EncoderNetwork
    from .model_files import Files


class ForeignFormats(Protocol):
    """Reads checkpoints in other formats than sottovoce's own, and writes stock models."""

    def load(
        self, name: str | os.PathLike[str], files: Files | None = None
    ) -> tuple[EncoderConfig, dict[str, Tensor], list[str]]:
        """Read an encoder: its config, its weights by name, and notes that the user should read.

        Raises:
            CheckpointError: the format is unknown, the checkpoint is damaged, or its weights do not fit the config.
        """

    def load_task(
        self, name: str | os.PathLike[str], files: Files | None = None
    ) -> tuple[dict[str, object], dict[str, Tensor], list[str]]:
        """Read an encoder with its head: the fields of its `TaskConfig`, its weights by name, and notes.

        Raises:
            CheckpointError: as `load`; or the head is unknown, or its tokenizer is missing or does not fit.
        """

    def has_task(self, name: str | os.PathLike[str], fields: Mapping[str, object]) -> bool:
        """Whether `load_task` reads the head of a model, whose ``config.json`` holds ``fields`` (empty: it has none)."""

    def from_transformers(
        self, model: PreTrainedModel, *, normalize: bool | None = None
    ) -> tuple[EncoderConfig, dict[str, Tensor], list[str]]:
        """Config, weights and notes of a stock model in memory, as `load` returns them."""

    def to_transformers(self, encoder: EncoderNetwork) -> PreTrainedModel:
        """The stock model that computes the same as ``encoder``.

        Raises:
            CheckpointError: the stock class cannot have the shape or the parts of this encoder.
        """


FOREIGN_FORMATS: Provider[ForeignFormats] = Provider()


def foreign_formats(name: object) -> ForeignFormats:
    """The readers of other formats.

    Args:
        name: what is to be read or written, for the message.

    Raises:
        CheckpointError: there are none, as in modeling code that was copied into a model directory.
    """
    if (formats := FOREIGN_FORMATS.get()) is None:
        raise CheckpointError(
            f"{name}: not a sottovoce model, and the code in a model directory reads no other format; "
            "install sottovoce and load it with sottovoce.SpeechEncoder or sottovoce.TaskModel"
        )
    return formats
