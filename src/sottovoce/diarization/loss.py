"""The loss of segmentation models, which is permutation-invariant because the speakers of a window have no order."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from ..encoder.layers.frame_masks import frame_mask
from .powerset import Powerset


def powerset_loss(
    powerset: Powerset, scores: Tensor, reference: Tensor, lengths: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Permutation-invariant negative log-likelihood of powerset classes: the mean over valid frames.

    The speakers of the reference are permuted so that it differs from the decoded scores in the fewest frames. The targets are
    the powerset classes of the permuted reference.

    Args:
        powerset: the classes.
        scores: ``[B, T, classes]`` logits.
        reference: ``[B, T, K]``, 1 if the speaker is active in the frame, otherwise 0.
        lengths: ``[B]`` numbers of valid frames; ``None`` if all frames are valid.

    Returns:
        The loss, and the permuted reference ``[B, T, K]``.
    """
    ordered = permute_reference(powerset.decode(scores), reference, lengths)
    classes = powerset.encode(ordered)
    if lengths is not None:
        classes = classes.masked_fill(~frame_mask(lengths.to(scores.device), scores.shape[1]), -100)
    each = F.cross_entropy(scores.float().flatten(0, 1), classes.flatten(), ignore_index=-100, reduction="sum")
    return each / (classes != -100).sum().clamp(min=1), ordered


@torch.no_grad()
def permute_reference(decided: Tensor, reference: Tensor, lengths: Tensor | None = None) -> Tensor:
    """``reference[B, T, K]`` with its speakers in the order that agrees best with ``decided[B, T, K]``."""
    decided, reference = decided.float(), reference.float()
    inside = torch.ones(reference.shape[:2], device=reference.device)
    if lengths is not None:
        inside = frame_mask(lengths.to(inside.device), inside.shape[1]).float()
    with torch.autocast(decided.device.type, enabled=False):  # bfloat16 counts to 256; NumPy lacks it
        wrong = torch.einsum("btk,btl,bt->bkl", decided, 1 - reference, inside)
        missed = torch.einsum("btk,btl,bt->bkl", 1 - decided, reference, inside)
    from scipy.optimize import linear_sum_assignment  # slow to import, and not always needed

    orders = [linear_sum_assignment(cost)[1] for cost in (wrong + missed).cpu().numpy()]
    return torch.stack([each[:, order] for each, order in zip(reference, orders, strict=True)])
