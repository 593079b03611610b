"""What reads the outputs of an understanding model, by what its config says of it."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from ..heads.task_config import TaskConfig
from .questions import Questions
from .semantic_vocabulary import SemanticVocabulary
from .understood import Understood


class Interpreter(Protocol):
    """From outputs to meanings."""

    def understand(self, output: Tensor, lengths: Tensor) -> list[Understood]:
        """What each utterance of a batch means, from the model's ``output`` and its ``lengths[B]`` in frames."""


def interpreter(config: TaskConfig) -> Interpreter:
    """The interpreter of a model.

    Raises:
        DataError: its labels are none of an understanding model.
    """
    labels = config.labels or ()
    return SemanticVocabulary(labels) if config.head["kind"] == "ctc" else Questions(labels)
