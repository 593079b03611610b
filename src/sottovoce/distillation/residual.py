"""Which channels of the teacher the channels of a narrower student were before pruning."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..errors import DistillationError


def kept_channels(teacher: Sequence[int], student: Sequence[int]) -> Tensor | None:
    """Index ``[D_student]`` into the teacher's channels; ``None`` where both streams are the same.

    Args:
        teacher, student: the original index of each channel of the residual stream (``shape["residual"]``).

    Raises:
        DistillationError: the student has a channel that the teacher lacks.

    >>> kept_channels([0, 2, 3, 5], [2, 5]).tolist()
    [1, 3]
    """
    if list(teacher) == list(student):
        return None
    place = {channel: k for k, channel in enumerate(teacher)}
    if unknown := [channel for channel in student if channel not in place]:
        raise DistillationError(
            f"distillation: {len(unknown)} residual channels of the student (the first is {unknown[0]}) are not in the "
            "teacher; the teacher must be an ancestor of the student"
        )
    return torch.tensor([place[channel] for channel in student])
