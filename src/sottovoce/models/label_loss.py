"""The loss that stock code asks a model for by giving it ``labels``, of the heads that stock classes have one for.

Our own training does not come by here: its objectives are in the tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from ..heads.sequence.ctc import BLANK


def labeled_loss(head: Mapping[str, Any], logits: Tensor, lengths: Tensor, labels: Tensor) -> Tensor:
    """The mean loss of a batch.

    Args:
        head: of the config.
        logits: ``[B, C]``, or ``[B, T, V]`` of a CTC head.
        lengths: ``[B]`` valid frames of the logits.
        labels: ``[B]`` classes; of a CTC head ``[B, U]`` labels, below 0 where there is none.

    Raises:
        TypeError: the head has no loss of labels alone.
    """
    kind = head["kind"]
    if kind in ("classifier", "mean_classifier") and not head.get("angular"):
        return F.cross_entropy(logits.float(), labels)
    if kind != "ctc":
        raise TypeError(
            f"labels are given, and a head of the kind {kind} has no loss of them alone; compute it from output"
        )
    there = labels >= 0
    # cuDNN's kernel refuses a part of what is right, in silence.
    with torch.backends.cudnn.flags(enabled=False):
        scores = logits.float().log_softmax(-1).transpose(0, 1)
        return F.ctc_loss(scores, labels[there], lengths, there.sum(1), blank=BLANK, zero_infinity=True)
