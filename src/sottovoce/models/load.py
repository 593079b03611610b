"""Any model that can be loaded, by what its own config says it is.

The classes of models are imported when one is loaded: that takes as long as importing torch itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sottovoce.encoder.checks.finite import check_finite
from sottovoce.encoder.config import EncoderConfig
from sottovoce.encoder.loading.foreign_formats import foreign_formats
from sottovoce.encoder.loading.model_files import is_file, model_type, read_json
from sottovoce.encoder.loading.pretrained import files_of, without_report
from sottovoce.models.task_config import TaskConfig
from sottovoce.text.one_line import one_line_errors

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from sottovoce.encoder.model import SpeechEncoder
    from sottovoce.models.task_model import TaskModel

Loaded = TypeVar("Loaded", "SpeechEncoder", "TaskModel")


def load_model(source: str | Path) -> SpeechEncoder | TaskModel:
    """A model of ours: a task model where there is one, of a stock class with a head too; else the encoder.

    Raises:
        CheckpointError: nothing there, an unknown kind, damaged, or not fitting its own config.
    """
    from sottovoce.encoder.model import SpeechEncoder
    from sottovoce.models.task_model import TaskModel

    if is_task_model(source):
        return _named_outputs(TaskModel.from_pretrained(str(source)))
    return _named_outputs(SpeechEncoder.from_pretrained(str(source)))


def _named_outputs(model: Loaded) -> Loaded:
    """A model for inference, whose outputs have names even where its config says ``return_dict: false``: that is for the
    programs of those who wrote it."""
    model.config.return_dict = True
    return model.eval()


def load_encoder(source: str | Path) -> SpeechEncoder:
    """The encoder alone, of whatever `load_model` takes; a stock head need not be known, and of a recognizer no tokenizer
    need be there.

    Raises:
        CheckpointError: nothing there, an unknown kind, damaged, or not fitting its own config.
    """
    from sottovoce.encoder.model import SpeechEncoder
    from sottovoce.models.task_model import TaskModel

    if is_ours(source):
        return _named_outputs(TaskModel.from_pretrained(str(source)).encoder)
    return _named_outputs(SpeechEncoder.from_pretrained(str(source)))


def is_ours(source: str | Path) -> bool:
    """Whether a directory or hub id holds a task model in our own format.

    Raises:
        CheckpointError: nothing there, or a config that cannot be read.
    """
    return model_type(_config(source)) == TaskConfig.model_type


def is_task_model(source: str | Path) -> bool:
    """Whether a directory or hub id holds a task model: one of ours, or a stock class with a head that we know.

    Raises:
        CheckpointError: nothing there, or a config that cannot be read.
    """
    return is_ours(source) or foreign_formats(source).has_task(_config(source))


def load_stock(source: str | Path) -> PreTrainedModel | None:
    """The stock Transformers class of a checkpoint; None if it is not in that format.

    Raises:
        CheckpointError: it is in that format, but damaged or of a kind that Transformers does not know.
    """
    from transformers import AutoModel

    kind = model_type(_config(source))
    if kind is None or kind in (EncoderConfig.model_type, TaskConfig.model_type):
        return None
    with one_line_errors(str(source)), without_report():
        model = AutoModel.from_pretrained(str(source)).eval()
        check_finite(model.state_dict(), str(source))
        return model


def _config(source: str | Path) -> dict[str, Any]:
    """What ``config.json`` says, in a directory, beside a weights file or on the hub; nothing for a checkpoint that has no
    such file, or is one that brings its own."""
    path = Path(source)
    if is_file(path) and not path.name.endswith((".safetensors", "pytorch_model.bin")):
        return {}
    return read_json(files_of(source, {}), "config.json") or {}
