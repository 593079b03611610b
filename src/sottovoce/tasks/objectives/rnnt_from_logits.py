"""The transducer loss from the logits of any joiner."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...encoder.layers.frame_masks import frame_mask
from .rnnt_kernel import Reduction
from .rnnt_lattice import check_targets, sum_alignments


def rnnt_loss_from_logits(
    logits: Tensor,
    targets: Tensor,
    lengths: Tensor,
    target_lengths: Tensor,
    *,
    blank: int = 0,
    reduction: Reduction = "mean",
) -> Tensor:
    """``-log P(targets)`` over all alignments (Graves 2012, 1211.3711), for any joiner.

    Besides the logits only their gradient has the size of the logits. `rnnt_loss`, for the additive joiner, needs neither
    in memory.

    Args:
        logits: unnormalized logits ``[B, T, U + 1, V]``, float32 or float64.
        targets: ``[B, U]`` labels without the blank; values beyond ``target_lengths`` are ignored.
        lengths: ``[B]`` frames, 1 to ``T``.
        target_lengths: ``[B]`` labels, 0 to ``U``.
        blank: index of the blank among the ``V`` outputs.
        reduction: ``mean`` over utterances (not over labels), ``sum``, or ``none``.

    Returns:
        A scalar, or ``[B]``. Infinite, with a gradient of zero, where the targets are impossible.

    Raises:
        DataError: lengths that do not fit the tensors, or a target that is the blank or no output.
    """
    B, T, U1, V = logits.shape
    check_targets(targets, lengths, target_lengths, (B, T, U1, V), blank)
    data = (x.to(logits.device) for x in (targets, lengths, target_lengths))
    losses = _FromLogits.apply(logits, *data, blank)
    return losses if reduction == "none" else losses.sum() if reduction == "sum" else losses.mean()


class _FromLogits(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Tensor, targets: Tensor, lengths: Tensor, target_lengths: Tensor, blank: int
    ) -> Tensor:
        B, T, U1, _ = logits.shape
        following = torch.cat([targets, targets.new_full((B, 1), blank)], 1)
        following = following.masked_fill(~frame_mask(target_lengths, U1), blank)
        following = following[:, None, :, None].expand(B, T, U1, 1)
        # One utterance at a time, because logsumexp copies its input.
        normalizer = torch.stack([each.logsumexp(-1) for each in logits])
        label = logits.gather(3, following)[..., 0] - normalizer
        lattices = sum_alignments(logits[..., blank] - normalizer, label, lengths, target_lengths)
        taken = (lattices.blanks.to(logits.dtype), lattices.labels.to(logits.dtype))
        ctx.blank = blank
        ctx.save_for_backward(logits, normalizer, following, *taken)
        return lattices.losses.to(logits.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        logits, normalizer, following, blanks, labels = ctx.saved_tensors
        grad = grad.view(-1, 1, 1)
        blanks, labels = blanks * grad, labels * grad
        by_logits = (logits - normalizer[..., None]).exp_().mul_((blanks + labels)[..., None])
        by_logits[..., ctx.blank] -= blanks
        by_logits.scatter_add_(3, following, -labels[..., None])
        return by_logits, None, None, None, None
