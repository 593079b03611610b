"""The distance of a student from its teacher in one hidden state."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def feature_distance(
    student: Tensor, teacher: Tensor, mask: Tensor | None = None, *, l1: float = 1.0, cosine: float = 1.0
) -> Tensor:
    """L1 distance minus mean cosine over the valid frames (DPHuBERT, 2305.17651).

        l1 * mean |s - t|  -  cosine * mean cos(s, t)

    A perfect student reaches ``-cosine``.

    Args:
        student, teacher: ``[B, T, D]``, the same hidden state of both.
        mask: ``[B, T]``, True on valid frames; ``None``: all are valid.
        l1, cosine: weights of the L1 distance and of the cosine.

    Returns:
        A scalar in float32, whatever the dtype of the inputs.

    Raises:
        ValueError: the two differ in shape.
    """
    if student.shape != teacher.shape:
        raise ValueError(f"student {tuple(student.shape)} and teacher {tuple(teacher.shape)} differ in shape")
    student, teacher = student.float(), teacher.float()
    distance = (student - teacher).abs().mean(-1)
    similarity = F.cosine_similarity(student, teacher, dim=-1)
    return masked_mean(l1 * distance - cosine * similarity, mask)


def masked_mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean of ``values[B, T]`` over the frames of ``mask[B, T]``."""
    if mask is None:
        return values.mean()
    weight = mask.to(values.dtype)
    return (values * weight).sum() / weight.sum().clamp(min=1)
