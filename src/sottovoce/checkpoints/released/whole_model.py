"""What a reader of a released model returns."""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor


class WholeModel(NamedTuple):
    """A model with its head.

    Args:
        fields: the fields of our `TaskConfig`.
        weights: our weights by name; the scoring may be left out.
        notes: what the user should read.
    """

    fields: dict[str, Any]
    weights: dict[str, Tensor]
    notes: list[str]
