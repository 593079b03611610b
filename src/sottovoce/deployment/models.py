"""Any model that can be loaded, by what its own config says it is."""

from __future__ import annotations

import json
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from safetensors import SafetensorError
from transformers import AutoModel, PreTrainedConfig, PreTrainedModel

from sottovoce.encoder.errors import CheckpointError
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.heads.task_config import TaskConfig
from sottovoce.heads.task_model import TaskModel


def load_model(source: str | Path) -> SpeechEncoder | TaskModel:
    """A model of ours: a task model where the directory holds one, else whatever `SpeechEncoder.from_pretrained` takes.

    Raises:
        CheckpointError: nothing there, an unknown kind, damaged, or not fitting its own config.
    """
    if _model_type(source) == TaskConfig.model_type:
        return TaskModel.from_pretrained(str(source)).eval()
    return SpeechEncoder.from_pretrained(str(source)).eval()


def load_stock(source: str | Path) -> PreTrainedModel | None:
    """The stock Transformers class of a checkpoint; None if it is not in that format.

    Raises:
        CheckpointError: it is in that format, but damaged or of a kind that Transformers does not know.
    """
    kind = _model_type(source)
    if kind is None or kind in (SpeechEncoder.config_class.model_type, TaskConfig.model_type):
        return None
    try:
        return AutoModel.from_pretrained(str(source)).eval()
    except UnpicklingError:
        raise CheckpointError(
            f"{source}: its weights are a pickle that holds more than tensors; it is not run"
        ) from None
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(f"{source}: {str(error).strip().splitlines()[0]}") from None


def _model_type(source: str | Path) -> str | None:
    """What ``config.json`` says, in a directory or on the hub; None for a checkpoint that has no such file."""
    path = Path(source)
    if path.is_file():
        return None
    if path.is_dir() and not (path / "config.json").is_file():
        return None
    if not path.exists() and (path.is_absolute() or str(source).startswith(".") or str(source).count("/") > 1):
        raise CheckpointError(f"{source}: no such file or directory")
    try:
        fields: dict[str, Any] = PreTrainedConfig.get_config_dict(str(source))[0]
    except (OSError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{source}: {str(error).strip().splitlines()[0]}") from None
    return fields.get("model_type")
