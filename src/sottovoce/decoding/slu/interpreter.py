"""What reads the outputs of an understanding model, by what its config says of it."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from ...errors import DataError
from ...heads.sequence.transducer import Transducer
from ...models.task_network import TaskNetwork
from .semantic_vocabulary import SemanticVocabulary
from .slu_classes import SLUClasses
from .slu_prediction import SLUPrediction
from .transducer_reader import TransducerReader


class Interpreter(Protocol):
    """From outputs to meanings."""

    def understand(self, output: Tensor, lengths: Tensor) -> list[SLUPrediction]:
        """What each utterance of a batch means, from the model's ``output`` and its ``lengths[B]`` in frames of the output."""


def slu_interpreter(model: TaskNetwork) -> Interpreter:
    """The interpreter of a model.

    Raises:
        DataError: its labels are none of an understanding model, or not one for each output.
    """
    config, labels = model.config, model.config.labels or ()
    if isinstance(model.head, Transducer):
        return TransducerReader(model.head, labels)
    if config.head["kind"] == "ctc":
        return SemanticVocabulary(labels)
    questions = SLUClasses(labels)
    if (outputs := config.head.get("classes")) != len(labels):
        raise DataError(f"intents: the model has {outputs} outputs and {len(labels)} labels; there is one for each")
    return questions
