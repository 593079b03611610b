"""The lengths of the utterances of a batch, from an attention mask."""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import AudioError
from ..layers.frame_masks import frame_mask


def lengths_of(mask: Tensor, batch: Tensor, what: str = "samples") -> Tensor:
    """Lengths ``[B]`` of a mask ``[B, S]`` that is 1 up to the end of each utterance and 0 after it.

    The check of the mask waits for the device once, as the later check of lengths does. It is left out where only shapes
    are computed: on the device ``meta``, and while torch compiles.

    Args:
        mask: ``[B, S]`` of 0 and 1, as stock feature extractors make it.
        batch: ``[B, S, ...]``, the input that the mask belongs to.
        what: what is masked, such as ``samples``, for messages.

    Raises:
        AudioError: a mask of another shape, with other values than 0 and 1, or with padding that is not after the
            utterance.
    """
    if mask.shape != batch.shape[:2]:
        raise AudioError(
            f"attention_mask is {tuple(mask.shape)}, and the batch {tuple(batch.shape)}; give one 0 or 1 for each of the"
            f" {what}"
        )
    inside = mask.bool()
    lengths = inside.sum(1)
    if mask.is_meta or torch.compiler.is_compiling():
        return lengths
    right = (inside == frame_mask(lengths, mask.shape[1])).all(1) & (lengths > 0) & (mask == inside).all(1)
    if not bool(right.all()):
        raise AudioError(_fault(mask, int((~right).nonzero()[0]), what))
    return lengths


def _fault(mask: Tensor, at: int, what: str) -> str:
    """What is wrong with row ``at`` of a mask, in words."""
    row = mask[at]
    inside = row.bool()
    first = int(inside.int().argmax())
    if bool((row != inside).any()):
        return f"attention_mask: utterance {at} has values other than 0 and 1"
    if not bool(inside.any()):
        return f"attention_mask: utterance {at} is all padding (its mask has no 1); leave it out of the batch"
    if first:
        return (
            f"attention_mask: utterance {at} is padded on the left (its first {first} {what} are masked); pad on the right"
            ' (padding_side="right")'
        )
    hole = int((~inside).int().argmax())
    return (
        f"attention_mask: utterance {at} has a hole (masked at {hole}, but not after it); only its end may be padding"
    )
