"""Any model that can be loaded, by what its own config says it is."""

from __future__ import annotations

import json
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

from safetensors import SafetensorError
from transformers import AutoModel, PreTrainedConfig, PreTrainedModel

from sottovoce.checkpoints import has_task
from sottovoce.encoder.errors import CheckpointError
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.heads.task_config import TaskConfig
from sottovoce.heads.task_model import TaskModel


def load_model(source: str | Path) -> SpeechEncoder | TaskModel:
    """A model of ours: a task model where there is one, of a stock class with a head too; else the encoder.

    Raises:
        CheckpointError: nothing there, an unknown kind, damaged, or not fitting its own config.
    """
    if is_task_model(source):
        return TaskModel.from_pretrained(str(source)).eval()
    return SpeechEncoder.from_pretrained(str(source)).eval()


def load_encoder(source: str | Path) -> SpeechEncoder:
    """The encoder alone, of whatever `load_model` takes; a stock head need not be known, and of a recogniser no tokenizer
    need be there.

    Raises:
        CheckpointError: nothing there, an unknown kind, damaged, or not fitting its own config.
    """
    if is_ours(source):
        return TaskModel.from_pretrained(str(source)).eval().encoder
    return SpeechEncoder.from_pretrained(str(source)).eval()


def is_ours(source: str | Path) -> bool:
    """Whether a directory or hub id holds a task model in our own format.

    Raises:
        CheckpointError: nothing there, or a config that cannot be read.
    """
    return _config(source).get("model_type") == TaskConfig.model_type


def is_task_model(source: str | Path) -> bool:
    """Whether a directory or hub id holds a task model: one of ours, or a stock class with a head that we know.

    Raises:
        CheckpointError: nothing there, or a config that cannot be read.
    """
    return is_ours(source) or has_task(_config(source))


def load_stock(source: str | Path) -> PreTrainedModel | None:
    """The stock Transformers class of a checkpoint; None if it is not in that format.

    Raises:
        CheckpointError: it is in that format, but damaged or of a kind that Transformers does not know.
    """
    kind = _config(source).get("model_type")
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


def _config(source: str | Path) -> dict[str, Any]:
    """What ``config.json`` says, in a directory or on the hub; nothing for a checkpoint that has no such file."""
    path = Path(source)
    if path.is_file():
        return {}
    if path.is_dir() and not (path / "config.json").is_file():
        return {}
    if not path.exists() and (path.is_absolute() or str(source).startswith(".") or str(source).count("/") > 1):
        raise CheckpointError(f"{source}: no such file or directory")
    try:
        return PreTrainedConfig.get_config_dict(str(source))[0]
    except (OSError, json.JSONDecodeError) as error:
        raise CheckpointError(f"{source}: {str(error).strip().splitlines()[0]}") from None
