"""The loss that a model of Transformers returns when it is given ``labels``, for the heads that stock classes have.

Training in sottovoce does not use it: its losses are the objectives of the tasks.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from ..heads.sequence.ctc import BLANK


def labeled_loss(head: Mapping[str, object], logits: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
    """The mean loss of a batch: cross-entropy of a classifier, or CTC.

    Args:
        head: the head in the config, such as ``{"kind": "ctc", ...}``.
        logits: ``[B, C]`` of a classifier, ``[B, T, V]`` of a CTC head.
        lengths: ``[B]`` valid frames of the logits.
        labels: ``[B]`` classes for a classifier; ``[B, U]`` labels for a CTC head, padded with negative numbers.

    Raises:
        TypeError: a head of another kind, whose loss needs more than labels.
    """
    kind = head["kind"]
    if kind in ("classifier", "mean_classifier") and not head.get("angular"):
        return F.cross_entropy(logits.float(), labels)
    if kind != "ctc":
        raise TypeError(
            f"labels: a head of the kind {kind} has no loss of labels alone; leave them out and compute the loss from output"
        )
    valid = labels >= 0
    # The kernel of cuDNN returns wrong losses for some valid inputs, without an error.
    with torch.backends.cudnn.flags(enabled=False):
        scores = logits.float().log_softmax(-1).transpose(0, 1)
        return F.ctc_loss(scores, labels[valid], lengths, valid.sum(1), blank=BLANK, zero_infinity=True)
