"""The loss for sequences of labels, chosen by the head: CTC or a transducer."""

from __future__ import annotations

from collections.abc import Sequence

from ...distillation.logits import DistillationLoss, FrameDistillationLoss
from ...heads.sequence.transducer import Transducer
from ...models.task_network import TaskNetwork
from ..recognition_heads import RecognitionLoss
from ..task import Objective
from .ctc_objective import CTCObjective
from .lattice_distillation import LatticeDistillationLoss
from .transducer_objective import TransducerObjective


def sequence_objective(model: TaskNetwork, labels: Sequence[str], loss: RecognitionLoss) -> Objective:
    """The loss of a model over ``labels``."""
    if isinstance(model.head, Transducer):
        return TransducerObjective(labels, loss, model.head)
    return CTCObjective(labels, loss)


def sequence_distillation_loss(student: TaskNetwork, teacher: TaskNetwork, temperature: float) -> DistillationLoss:
    """The distance between the outputs of student and teacher."""
    if isinstance(student.head, Transducer):
        return LatticeDistillationLoss(student.head, teacher.head, student.config.labels or (), temperature)
    return FrameDistillationLoss(temperature)
