"""Logits distillation: train a student to give the outputs of a teacher for the same task (1503.02531)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from ..encoder.layers.frame_masks import frame_mask
from ..models.batch import Batch
from ..models.task_network import TaskNetwork, TaskOutput
from .losses import masked_mean


class DistillationLoss(ABC):
    """The distance of a student's output from the teacher's. Each task chooses the one that fits its outputs.

    Attributes:
        labels: names of the classes, if batches must have labels for this loss; empty if it needs audio only.
    """

    labels: Sequence[str] = ()

    @abstractmethod
    def __call__(self, output: Tensor, target: Tensor, batch: Batch) -> Tensor:
        """The loss as a scalar in at least float32; 0 for equal outputs.

        Args:
            output, target: the outputs of student and teacher, of the same shape.
            batch: the input of both, and ``frames`` ``[B]``, the number of valid frames of each output.
        """


class ClassDistillationLoss(DistillationLoss):
    """For classes of an utterance ``[B, C]``: the mean divergence over utterances and classifiers.

    Args:
        temperature: see `divergence`.
        sizes: number of classes of each classifier, if the outputs of several are concatenated; by default there is one.
    """

    def __init__(self, temperature: float = 1.0, sizes: Sequence[int] | None = None):
        self.temperature, self.sizes = temperature, sizes

    def __call__(self, output: Tensor, target: Tensor, batch: Batch) -> Tensor:
        sizes = list(self.sizes or [output.shape[-1]])
        classifiers = zip(output.split(sizes, -1), target.split(sizes, -1), strict=True)
        return torch.stack([divergence(*pair, self.temperature).mean() for pair in classifiers]).mean()


class FrameDistillationLoss(DistillationLoss):
    """For classes of frames ``[B, T, C]``, such as sets of speakers or CTC labels: the mean divergence over valid frames.

    A diarization student also learns the order in which its teacher outputs the speakers.

    Args:
        temperature: see `divergence`.
    """

    def __init__(self, temperature: float = 1.0):
        self.temperature = temperature

    def __call__(self, output: Tensor, target: Tensor, batch: Batch) -> Tensor:
        mask = frame_mask(batch["frames"], output.shape[1])
        return masked_mean(divergence(output, target, self.temperature), mask)


class EmbeddingDistillationLoss(DistillationLoss):
    """For embeddings ``[B, E]``: one minus the cosine, averaged over utterances."""

    def __call__(self, output: Tensor, target: Tensor, batch: Batch) -> Tensor:
        return (1 - F.cosine_similarity(output.float(), target.float(), dim=-1)).mean()


class ScoreDistillationLoss(DistillationLoss):
    """For a score ``[B, 1]`` that decides between two classes: the mean divergence over utterances.

    The logit of the higher class is ``scale (score - middle)``, that of the other is 0.

    Args:
        temperature: see `divergence`.
        scale, middle: constants of the loss that the score was trained with.
    """

    def __init__(self, temperature: float, scale: float, middle: float):
        self.temperature, self.scale, self.middle = temperature, scale, middle

    def __call__(self, output: Tensor, target: Tensor, batch: Batch) -> Tensor:
        ours, theirs = (F.pad(self.scale * (each.float() - self.middle), (1, 0)) for each in (output, target))
        return divergence(ours, theirs, self.temperature).mean()


def divergence(output: Tensor, target: Tensor, temperature: float = 1.0) -> Tensor:
    """``T² KL(softmax(target / T) || softmax(output / T))`` over the last dimension.

    The factor ``T²`` keeps the size of the gradient about the same at every temperature (Hinton et al. 2015, 1503.02531).

    Args:
        output: ``[..., C]`` logits of the student.
        target: ``[..., C]`` logits of the teacher.
        temperature: ``T``; above 1, unlikely classes have more weight.

    Returns:
        ``[...]``, at least float32.
    """
    student, teacher = (
        (each.to(torch.promote_types(each.dtype, torch.float32)) / temperature).log_softmax(-1)
        for each in (output, target)
    )
    return temperature**2 * F.kl_div(student, teacher, reduction="none", log_target=True).sum(-1)


class LogitsDistillation:
    """A frozen teacher with a head, and the distance of a student from its outputs. Nothing here is trained or saved.

    Args:
        teacher: the model to imitate; it is put into evaluation mode and frozen.
        distillation_loss: the loss that fits the outputs of the task.
        weight: weight of this loss; that of `FeatureDistillation` has the weight 1.
    """

    def __init__(self, teacher: TaskNetwork, distillation_loss: DistillationLoss, *, weight: float = 1.0):
        self.teacher = teacher.requires_grad_(False).eval()
        self.distillation_loss, self.weight = distillation_loss, weight

    @torch.no_grad()
    def teacher_output(self, batch: Batch) -> TaskOutput:
        """The hidden states and the output of the teacher for a batch, detached."""
        self.teacher.to(batch["waveform"].device)
        return self.teacher(batch["waveform"], batch["lengths"])

    def __call__(self, output: TaskOutput, target: TaskOutput, batch: Batch) -> Tensor:
        """The unweighted distance of the student's ``output`` from the teacher's, ``target``."""
        assert output.output is not None and target.output is not None
        return self.distillation_loss(
            output.output,
            target.output,
            batch if output.output_lengths is None else {**batch, "frames": output.output_lengths},
        )
