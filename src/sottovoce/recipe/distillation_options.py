"""The distillation section of a stage: the teacher, and which of its states and outputs the student imitates."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from ..checkpoints.origins import name_of
from ..distillation.features import Layer, Reduction, check_groups, default_layers
from ..errors import DistillationError
from ..options import Options
from ..text.suggestions import did_you_mean

if TYPE_CHECKING:
    from ..models.task_model import TaskModel


class LogitsOptions(Options):
    """Distillation of outputs: classes by their divergence, embeddings by their cosine.

    Distillation of a transducer compares every node of the lattice of a transcript, so it needs transcripts. All other heads
    need only audio.

    Args:
        weight: weight of this distance in the sum with the distance of hidden states.
        temperature: divisor of the logits; embeddings have none.
    """

    weight: float = Field(1.0, gt=0)
    temperature: float = Field(1.0, gt=0)


class DistillationOptions(Options):
    """Distillation of hidden states, and of outputs if ``logits`` is given.

    Args:
        teacher: an earlier stage, ``start`` (the model before all stages), or a directory or hub id.
        layers: indices of the hidden states; default: four, evenly spaced; an empty list for none. ``projected`` is the
            state before the positional convolution, which DPHuBERT calls 0.
        logits: distillation of the outputs of a teacher with the same kind of head and labels, which also trains the
            head, see `LogitsOptions`; ``null`` for none.
        projections: linear maps after the student's states, initialized to the identity: one for each state, or one for
            each of the groups of layers that are listed, such as ``[[0], [4, 8, 12]]``.
        l1, cosine: weights of the two parts of the distance of hidden states.
        reduction: the ``mean`` of the distances in all chosen states, as in the published systems, or their ``sum``, which
            with four states weighs four times as much against the task's loss and the budget.
        weight: weight of the whole distillation loss.
    """

    teacher: str
    layers: list[Layer] | None = None
    logits: LogitsOptions | None = None
    projections: bool | list[list[Layer]] = False
    l1: float = Field(1.0, ge=0)
    cosine: float = Field(1.0, ge=0)
    reduction: Reduction = "mean"
    weight: float = Field(1.0, gt=0)

    @model_validator(mode="after")
    def _something_is_imitated(self) -> DistillationOptions:
        if self.layers == []:
            if self.logits is None:
                raise ValueError("layers is empty and there are no logits, so nothing is imitated; give one of the two")
            if self.projections:
                raise ValueError("projections apply to hidden states, and layers is empty; leave projections out")
        return self

    def chosen(self, layers: int) -> Sequence[Layer]:
        """The indices of the hidden states to distill, for a network with this number of layers."""
        return default_layers(layers) if self.layers is None else self.layers

    def card_fact(self) -> str:
        """The distillation in the words of a model card."""
        alone = " of logits alone" if self.layers == [] else " of features and logits"
        return f"distillation{alone if self.logits is not None else ''} from {name_of(self.teacher)}"

    def problems(self, before: list[str]) -> Iterator[str]:
        """What is wrong with the teacher.

        Args:
            before: names of the stages before this one.
        """
        if self.teacher not in before and "/" not in self.teacher and not Path(self.teacher).exists():
            yield f"distillation.teacher: no earlier stage and no model is called {self.teacher!r}; " + did_you_mean(
                self.teacher, before
            )

    def check(self, model: TaskModel) -> Iterator[str]:
        """What is wrong with the layers for a model."""
        layers = model.config.encoder.num_hidden_layers
        for k, layer in enumerate(self.layers or ()):
            if isinstance(layer, int) and not 0 <= layer <= layers:
                yield f"distillation.layers[{k}]: the network has the hidden states 0..{layers}, not {layer}"
            if layer in (self.layers or ())[:k]:
                yield f"distillation.layers[{k}]: {layer} is there already; name each hidden state once"
        if isinstance(self.projections, list):
            try:
                check_groups(self.projections, self.chosen(layers))
            except DistillationError as error:
                yield f"distillation.projections: {str(error).removeprefix('distillation: ')}"
