"""The interpreter of the outputs of an SLU model, chosen by its head."""

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
    """Turns the outputs of a model into intents and slots."""

    def understand(self, output: Tensor, lengths: Tensor) -> list[SLUPrediction]:
        """The prediction for each utterance of a batch, from the model's ``output`` and its ``lengths[B]`` in frames."""


def slu_interpreter(model: TaskNetwork) -> Interpreter:
    """The interpreter of a model.

    Raises:
        DataError: the labels of the model are not those of an SLU model, or not as many as its outputs.
    """
    config, labels = model.config, model.config.labels or ()
    if isinstance(model.head, Transducer):
        return TransducerReader(model.head, labels)
    if config.head["kind"] == "ctc":
        return SemanticVocabulary(labels)
    classes = SLUClasses(labels)
    if (outputs := config.head.get("classes")) != len(labels):
        raise DataError(f"intents: the model has {outputs} outputs and {len(labels)} labels; there is one for each")
    return classes
