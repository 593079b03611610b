"""`TaskModel` under the names by which stock code looks for it: one for each auto class, which refuses other models."""

from __future__ import annotations

from typing import ClassVar

import transformers

from ..errors import CheckpointError
from .label_tokenizer import LabelTokenizer
from .task_config import TaskConfig
from .task_model import TaskModel


class PurposeModel(TaskModel):
    """A `TaskModel` that says what it is for.

    Raises:
        CheckpointError: the config is that of a model for something else.
    """

    purpose: ClassVar[str]
    """The auto class that loads it."""

    def __init__(self, config: TaskConfig):
        if config.auto_class != self.purpose:
            what = config.task or config.head["kind"]
            raise CheckpointError(f"this is a model for {what}: load it with {config.auto_class or 'AutoModel'}")
        super().__init__(config)


class TaskModelForCTC(PurposeModel):
    """``logits[B, T, V]`` of labels; label 0 is the blank."""

    purpose = "AutoModelForCTC"


class TaskModelForAudioClassification(PurposeModel):
    """``logits[B, C]`` of classes."""

    purpose = "AutoModelForAudioClassification"


class TaskModelForAudioXVector(PurposeModel):
    """``embeddings[B, E]``."""

    purpose = "AutoModelForAudioXVector"


class TaskModelForAudioFrameClassification(PurposeModel):
    """``logits[B, T, C]`` of classes of every frame."""

    purpose = "AutoModelForAudioFrameClassification"


AUTO_MODELS: dict[str, type[PurposeModel]] = {
    model.purpose: model
    for model in (
        TaskModelForCTC,
        TaskModelForAudioClassification,
        TaskModelForAudioXVector,
        TaskModelForAudioFrameClassification,
    )
}
"""Auto class -> the class that it loads."""

if __name__.startswith("sottovoce."):  # not in a portable directory, whose config.json says what to load
    for name, model in AUTO_MODELS.items():
        getattr(transformers, name).register(TaskConfig, model, exist_ok=True)
    transformers.AutoTokenizer.register(TaskConfig, fast_tokenizer_class=LabelTokenizer, exist_ok=True)
