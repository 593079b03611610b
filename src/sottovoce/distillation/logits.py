"""Logits distillation: the student's outputs are to equal those of a teacher for the same task (1503.02531)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..encoder.layers.frame_masks import frame_mask
from ..models.task_network import TaskNetwork, TaskOutput
from .losses import masked_mean


class DistillationLoss(ABC):
    """What it costs an output to differ from the teacher's. Which one, a task says; it knows what its outputs mean.

    Args:
        labels: names of the classes, where batches must carry labels for it; none where it needs only audio.
    """

    labels: Sequence[str] = ()

    @abstractmethod
    def __call__(self, output: Tensor, target: Tensor, batch: Mapping[str, Any]) -> Tensor:
        """A scalar, at least float32; 0 of equal outputs.

        Args:
            output, target: of the student and of the teacher, of one shape.
            batch: what both heard, and ``frames`` ``[B]``: how many frames of each output are no padding.
        """


class ClassDistillationLoss(DistillationLoss):
    """Of classes of an utterance ``[B, C]``: the divergence, a mean over utterances and questions.

    Args:
        temperature: see `divergence`.
        sizes: classes of each question, where the outputs of several stand side by side; default: one question.
    """

    def __init__(self, temperature: float = 1.0, sizes: Sequence[int] | None = None):
        self.temperature, self.sizes = temperature, sizes

    def __call__(self, output: Tensor, target: Tensor, batch: Mapping[str, Any]) -> Tensor:
        sizes = list(self.sizes or [output.shape[-1]])
        questions = zip(output.split(sizes, -1), target.split(sizes, -1), strict=True)
        return torch.stack([divergence(*pair, self.temperature).mean() for pair in questions]).mean()


class FrameDistillationLoss(DistillationLoss):
    """Of classes of each frame ``[B, T, C]``, such as sets of speakers or the labels of CTC: a mean over valid frames.

    A teacher for diarization has put its local speakers in an order; the student learns that order too.

    Args:
        temperature: see `divergence`.
    """

    def __init__(self, temperature: float = 1.0):
        self.temperature = temperature

    def __call__(self, output: Tensor, target: Tensor, batch: Mapping[str, Any]) -> Tensor:
        mask = frame_mask(batch["frames"], output.shape[1])
        return masked_mean(divergence(output, target, self.temperature), mask)


class EmbeddingDistillationLoss(DistillationLoss):
    """Of embeddings ``[B, E]``, which are compared by their angle: one less the cosine, a mean over utterances."""

    def __call__(self, output: Tensor, target: Tensor, batch: Mapping[str, Any]) -> Tensor:
        return (1 - F.cosine_similarity(output.float(), target.float(), dim=-1)).mean()


class ScoreDistillationLoss(DistillationLoss):
    """Of a score ``[B, 1]`` that decides between two classes: the divergence of both, a mean over utterances.

    The logit of the higher class is ``scale (score - middle)``, that of the other is 0.

    Args:
        temperature: see `divergence`.
        scale, middle: of the loss that the score was trained with.
    """

    def __init__(self, temperature: float, scale: float, middle: float):
        self.temperature, self.scale, self.middle = temperature, scale, middle

    def __call__(self, output: Tensor, target: Tensor, batch: Mapping[str, Any]) -> Tensor:
        ours, theirs = (F.pad(self.scale * (each.float() - self.middle), (1, 0)) for each in (output, target))
        return divergence(ours, theirs, self.temperature).mean()


def divergence(output: Tensor, target: Tensor, temperature: float = 1.0) -> Tensor:
    """``T² KL(softmax(target / T) || softmax(output / T))`` over the last dimension.

    With the factor the gradient has about the same size at every temperature (Hinton et al. 2015, 1503.02531).

    Args:
        output: ``[..., C]`` logits of the student.
        target: ``[..., C]`` logits of the teacher.
        temperature: ``T``; above 1, what the teacher thinks of unlikely classes counts for more.

    Returns:
        ``[...]``, at least float32.
    """
    student, teacher = (
        (each.to(torch.promote_types(each.dtype, torch.float32)) / temperature).log_softmax(-1)
        for each in (output, target)
    )
    return temperature**2 * F.kl_div(student, teacher, reduction="none", log_target=True).sum(-1)


class LogitsDistillation:
    """A frozen teacher with a head, and what it costs to say otherwise. It has no state of its own.

    Args:
        teacher: the model to imitate; it is put into evaluation mode and frozen.
        distillation_loss: of the task.
        weight: of this beside the distance of features.
    """

    def __init__(self, teacher: TaskNetwork, distillation_loss: DistillationLoss, *, weight: float = 1.0):
        self.teacher = teacher.requires_grad_(False).eval()
        self.distillation_loss, self.weight = distillation_loss, weight

    @torch.no_grad()
    def teacher_output(self, batch: Mapping[str, Any]) -> TaskOutput:
        """What the teacher makes of a batch: its hidden states and its output, detached."""
        self.teacher.to(batch["waveform"].device)
        return self.teacher(batch["waveform"], batch["lengths"])

    def __call__(self, output: TaskOutput, told: TaskOutput, batch: Mapping[str, Any]) -> Tensor:
        """The unweighted distance of the student's ``output`` from what the teacher ``told``."""
        assert output.output is not None and told.output is not None
        return self.distillation_loss(output.output, told.output, {**batch, "frames": output.output_lengths})
