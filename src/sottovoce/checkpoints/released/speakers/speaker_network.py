"""A released speaker model on a filterbank as one of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from sottovoce.encoder.config import EncoderConfig
from sottovoce.encoder.loading.pretrained import blueprint
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_network import TaskNetwork

from ...families.key_map import KeyMap, renamed
from ..whole_model import WholeModel


def speaker_model(
    encoder: EncoderConfig, head: Mapping[str, object], names: KeyMap, tensors: Mapping[str, Tensor], name: str
) -> WholeModel:
    """A verification model on an encoder without weights.

    Args:
        encoder: config of the encoder.
        head: kind and options of the head.
        names: names of its tensors.
        tensors: the foreign tensors.
        name: name of the file, for messages.

    Raises:
        CheckpointError: tensors that are missing, left over, misshapen or not finite.
    """
    fields: dict[str, Any] = {"encoder": encoder, "head": head, "scoring": "cosine", "task": "verification"}
    expected = blueprint(TaskNetwork, TaskConfig(**fields))
    expected = {key: tensor for key, tensor in expected.items() if key.startswith("head.")}
    weights, _ = renamed(expected, tensors, names, name)
    return WholeModel(fields, weights, [])
