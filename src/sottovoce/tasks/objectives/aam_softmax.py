"""Additive-angular-margin softmax: the loss that trains speaker embeddings."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Penalty = Literal["paper", "wespeaker", "espnet"]
"""How large the margin of the most similar other speakers is, see `AAMSoftmax`."""

_USUAL_MARGIN = 0.2  # the margin at which wespeaker's penalty equals the paper's


class AAMSoftmax(nn.Module):
    """Cross-entropy over speakers, with an angular margin on the true one (ArcFace, 1801.07698).

        logit of the true class   s cos(θ + m)
        logit of another class    s cos(θ)          of the ``hardest`` others: s cos(θ - m')

    A speaker may have several centers, of which the nearest counts (sub-center ArcFace), and the most similar other
    speakers may get a margin of their own (inter-top-K, 2110.05042). Its size depends on the ``penalty``:

        paper       m' = hardest_margin                 as in 2110.05042
        wespeaker   m' = hardest_margin · m / 0.2       as in wespeaker, models/projections.py
        espnet      m' = 0                              as ESPnet-SPK runs: it never calls the update that would set m'

    The loss is not part of the saved model.

    Args:
        size: width of the embedding.
        classes: number of speakers.
        margin: ``m`` in radians; change it with `set_margin`.
        scale: ``s``.
        centers: number of centers of each speaker.
        hardest: number of other speakers that get ``hardest_margin``; 0 for none.
        hardest_margin: ``m'`` in radians at the full margin; of ``wespeaker`` at a margin of 0.2.
        penalty: how large the margin of the ``hardest`` is.
    """

    def __init__(
        self,
        size: int,
        classes: int,
        *,
        margin: float = 0.2,
        scale: float = 30.0,
        centers: int = 1,
        hardest: int = 0,
        hardest_margin: float = 0.06,
        penalty: Penalty = "paper",
    ):
        super().__init__()
        self.classes = classes
        self.centers = centers
        self.scale = scale
        self.full_margin = margin
        self.hardest = min(hardest, classes - 1)
        scales = {"paper": 1.0, "wespeaker": margin / _USUAL_MARGIN, "espnet": 0.0}
        self.full_hardest_margin = hardest_margin * scales[penalty]
        self.weight = nn.Parameter(torch.empty(classes * centers, size))
        nn.init.xavier_uniform_(self.weight)
        self.set_margin(1.0)

    def set_margin(self, fraction: float) -> None:
        """Use ``fraction`` (0..1) of the margins: 0 is plain softmax on cosines, 1 the full loss."""
        self.margin = self.full_margin * fraction
        self.hardest_margin = self.full_hardest_margin * fraction

    def cosines(self, embedding: Tensor) -> Tensor:
        """Cosine ``[B, classes]`` of ``embedding[B, E]`` to the nearest center of every speaker."""
        B = embedding.shape[0]
        # Always in float32, even under autocast: near 1 a margin of 0.2 is about 6 units in the last place of bfloat16.
        with torch.autocast(embedding.device.type, enabled=False):
            cosine = F.linear(F.normalize(embedding.float()), F.normalize(self.weight.float()))
        return cosine.view(B, self.classes, self.centers).amax(-1)

    def forward(self, embedding: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Mean loss, and the fraction of the batch whose nearest speaker is the true one.

        Args:
            embedding: embeddings ``[B, E]``.
            labels: speaker numbers ``[B]``, int64.
        """
        cosine = self.cosines(embedding)
        accuracy = (cosine.argmax(1) == labels).float().mean()
        true = F.one_hot(labels, self.classes).bool()
        logits = torch.where(true, _with_margin(cosine, self.margin), cosine)
        if self.hardest:
            # The hardest other speakers appear nearer: cos(θ - m').
            rivals = cosine.masked_fill(true, -2.0).topk(self.hardest, dim=1).indices
            nearer = _with_margin(cosine, -self.hardest_margin)
            chosen = torch.zeros_like(true).scatter_(1, rivals, torch.ones_like(rivals, dtype=torch.bool))
            logits = torch.where(chosen, nearer, logits)
        return F.cross_entropy(self.scale * logits, labels), accuracy


def _with_margin(cosine: Tensor, margin: float) -> Tensor:
    """``cos(θ + margin)``; beyond θ = π - margin, where it would rise again and reward wrong decisions, ``cos(θ) + cos(margin)
    - 1``, which goes on from there, as in wespeaker, ESPnet and WeDefense."""
    sine = (1 - cosine.square()).clamp(min=1e-7).sqrt()
    turned = cosine * math.cos(margin) - sine * math.sin(margin)
    if margin <= 0:
        return turned
    return torch.where(cosine > math.cos(math.pi - margin), turned, cosine + math.cos(margin) - 1)
