"""What a reader of a released model returns."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from sottovoce.encoder.config import EncoderConfig


class WholeModel(NamedTuple):
    """A model with its head.

    Args:
        fields: the fields of our `TaskConfig`.
        weights: our weights by name; the scoring may be left out.
        notes: what the user should read.
    """

    fields: dict[str, object]
    weights: dict[str, Tensor]
    notes: list[str]

    @property
    def encoder(self) -> EncoderConfig:
        """The config of the encoder."""
        config = self.fields["encoder"]
        assert isinstance(config, EncoderConfig)
        return config
