"""What is asked of a sequence of labels, by the head that gives it: CTC or a transducer."""

from __future__ import annotations

from collections.abc import Sequence

from ...distillation.lattice import LatticeImitation
from ...distillation.logits import FrameImitation, Imitation
from ...heads.sequence.transducer import Transducer
from ...models.task_network import TaskNetwork
from ..recognition_heads import RecognitionLoss
from ..task import Objective
from .ctc_objective import CTCObjective
from .transducer_objective import TransducerObjective


def sequence_objective(model: TaskNetwork, labels: Sequence[str], loss: RecognitionLoss) -> Objective:
    """The loss of a model over ``labels``."""
    if isinstance(model.head, Transducer):
        return TransducerObjective(labels, loss, model.head)
    return CTCObjective(labels, loss)


def sequence_imitation(student: TaskNetwork, teacher: TaskNetwork, temperature: float) -> Imitation:
    """What it costs the student's outputs to differ from the teacher's."""
    if isinstance(student.head, Transducer):
        return LatticeImitation(student.head, teacher.head, student.config.labels or (), temperature)
    return FrameImitation(temperature)
