"""The terms of a training loss. Each has its own state and parameters, and a method that is called when a step begins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from ..data.batches.batches import Batch
from ..distillation.features import FeatureDistillation
from ..distillation.logits import LogitsDistillation
from ..encoder.network import EncoderNetwork
from ..models.task_model import TaskModel
from ..models.task_network import TaskOutput
from ..pruning.pruner import Pruner
from ..tasks.task import Objective
from .randomness import gate_seed

Values = dict[str, Tensor]

Decayed = Literal["matrices", "all"]
"""Which weights of the model have weight decay: ``matrices``, or ``all``, with norms and biases."""


class Term(nn.Module, ABC):
    """One term.

    Args:
        name: name in logs.
        weight: factor of the term in the loss.
    """

    labels: Sequence[str] = ()
    """Names of the classes, if the term needs labels in batches."""

    def __init__(self, name: str, weight: float = 1.0):
        super().__init__()
        self.name = name
        self.weight = weight

    def begin(self, step: int) -> None:
        """Called before every forward pass with the number of the optimizer step that it belongs to."""

    @abstractmethod
    def loss(self, model: TaskModel, batch: Batch, output: TaskOutput) -> tuple[Tensor, Values]:
        """The unweighted loss, and values to log."""

    def groups(self) -> list[dict[str, object]]:
        """Optimizer groups. The key ``scheduled`` says whether the learning-rate schedule of the weights applies."""
        return []


class TaskTerm(Term):
    """The task's own loss.

    Args:
        objective: the loss of the task. Its parameters, such as a classifier, are trained but are not part of the model.
        lr, weight_decay: learning rate and weight decay of these parameters.
    """

    def __init__(self, objective: Objective, *, weight: float, lr: float, weight_decay: float):
        super().__init__("task", weight)
        self.objective = objective
        self.labels = objective.labels
        self._lr, self._weight_decay = lr, weight_decay

    def begin(self, step: int) -> None:
        self.objective.begin(step)

    def loss(self, model: TaskModel, batch: Batch, output: TaskOutput) -> tuple[Tensor, Values]:
        return self.objective.of(output, batch)

    def groups(self) -> list[dict[str, object]]:
        return [_group("objective", self.objective, lr=self._lr, weight_decay=self._weight_decay)]


class DistillationTerm(Term):
    """Distillation of the hidden states of a frozen teacher, of its outputs, or of both.

    Args:
        features: the distance of hidden states; ``None`` for none.
        logits: the distance of outputs; ``None`` for none. With both, the teacher runs once for each batch.
        lr: learning rate of the projections after the student's hidden states.
    """

    def __init__(
        self,
        features: FeatureDistillation | None,
        logits: LogitsDistillation | None = None,
        *,
        weight: float,
        lr: float,
    ):
        super().__init__("distillation", weight)
        self.features, self.logits = features, logits
        self._lr = lr
        if logits is not None:
            self.labels = logits.distillation_loss.labels

    @property
    def teacher(self) -> EncoderNetwork:
        """The teacher's encoder."""
        if self.features is not None:
            return self.features.teacher
        assert self.logits is not None
        return self.logits.teacher.encoder

    def loss(self, model: TaskModel, batch: Batch, output: TaskOutput) -> tuple[Tensor, Values]:
        assert output.hidden_states is not None
        if self.logits is None:
            assert self.features is not None
            return self.features(
                output.hidden_states, output.lengths, batch["waveform"], batch["lengths"], projected=output.projected
            )
        of_teacher = self.logits.teacher_output(batch)
        logits = self.logits(output, of_teacher, batch)
        total, values = self.logits.weight * logits, {"logits": logits.detach()}
        if self.features is not None:
            assert of_teacher.hidden_states is not None
            targets = self.features.chosen(of_teacher.hidden_states, of_teacher.projected)
            features, parts = self.features.distance(
                output.hidden_states, output.lengths, targets, projected=output.projected
            )
            total, values = total + features, values | parts
        return total, values

    def groups(self) -> list[dict[str, object]]:
        if self.features is None:
            return []
        return [_group("projections", self.features, lr=self._lr, weight_decay=0.0)]


class BudgetTerm(Term):
    """The penalty that drives the gates of a `Pruner` to its budget.

    Args:
        pruner: the pruner of the network or of a part of it. The learning-rate schedule of the weights does not apply to it.
        seed, stage: seed and stage name, which determine the random gates with the step.
    """

    def __init__(self, pruner: Pruner, *, seed: int, stage: str):
        super().__init__("budget")
        self.pruner = pruner
        self._place = (seed, stage)

    def begin(self, step: int) -> None:
        self.pruner.begin(step, gate_seed(*self._place, step))

    def loss(self, model: TaskModel, batch: Batch, output: TaskOutput) -> tuple[Tensor, Values]:
        return self.pruner.penalty()

    def groups(self) -> list[dict[str, object]]:
        return [group | {"scheduled": False} for group in self.pruner.parameter_groups()]


def _group(name: str, module: nn.Module, **options: Any) -> dict[str, Any]:
    return {"name": name, "module": name, "params": [p for p in module.parameters() if p.requires_grad], **options}


def weight_groups(
    model: TaskModel, *, encoder_lr: float, head_lr: float, weight_decay: float, decays: Decayed = "matrices"
) -> list[dict[str, object]]:
    """Optimizer groups of the model: for encoder and head one of matrices, which have weight decay, and one of vectors."""
    groups = []
    for name, module, lr in (("encoder", model.encoder, encoder_lr), ("head", model.head, head_lr)):
        parameters = [p for p in module.parameters() if p.requires_grad and p.numel()]
        for suffix, chosen, decay in (
            ("", [p for p in parameters if p.dim() > 1], weight_decay),
            (" vectors", [p for p in parameters if p.dim() <= 1], weight_decay if decays == "all" else 0.0),
        ):
            group = {"name": name + suffix, "module": "model", "params": chosen, "lr": lr, "weight_decay": decay}
            groups.append(group)
    return groups


def weighted_sum(terms: list[Term], model: TaskModel, batch: Batch, output: TaskOutput) -> tuple[Tensor, Values]:
    """The weighted sum of all terms, and all values to log."""
    total = torch.zeros((), device=batch["waveform"].device)
    logged: Values = {}
    for term in terms:
        loss, values = term.loss(model, batch, output)
        total = total + term.weight * loss
        logged[f"loss/{term.name}"] = loss.detach()
        logged |= {name if "/" in name else f"{term.name}/{name}": value for name, value in values.items()}
    return total, {"loss": total.detach(), **logged}
