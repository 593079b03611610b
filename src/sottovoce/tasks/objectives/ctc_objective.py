"""CTC as the objective of a task."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from torch import Tensor
from torch.nn import functional as F

from ...data.batches.batches import Batch
from ...errors import DataError
from ...heads.sequence.ctc import BLANK
from ..recognition_heads import RecognitionLoss
from ..task import Objective


class CTCObjective(Objective):
    """CTC. An utterance with fewer frames than its labels need adds nothing, and the first one gives a warning."""

    def __init__(self, labels: Sequence[str], options: RecognitionLoss):
        super().__init__(labels)
        self.per = options.per
        self._warned = False

    def forward(self, output: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        check_transcripts(batch)
        each, too_long = ctc_losses(output, batch)
        if not self._warned and bool(too_long.any()):
            self._warn(batch, too_long)
        per_label = each / batch["token_lengths"].clamp(min=1) if self.per == "label" else each
        return per_label.mean(), {"too_long": too_long.float().mean()}

    def _warn(self, batch: Batch, too_long: Tensor) -> None:
        self._warned = True
        k = int(too_long.nonzero()[0])
        warnings.warn(
            f"recognition: {batch['ids'][k]} has {int(batch['frames'][k])} frames, its transcript needs"
            f" {int(frames_needed(batch)[k])}; such utterances add nothing to the loss (shown once; the log counts them as"
            " task/too_long)",
            stacklevel=2,
        )


def check_transcripts(batch: Batch) -> None:
    """Raises: DataError: a batch without transcripts."""
    if "tokens" not in batch:
        raise DataError("recognition: this data has no transcripts; set the weight of the task loss to 0")


def ctc_losses(logits: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """CTC losses ``[B]`` of ``logits[B, T, V]``, and a mask ``[B]`` of utterances with too few frames, which add nothing."""
    # Always in float32, even under autocast: bfloat16 cannot represent log-probabilities of whole utterances precisely.
    log_probs = logits.float().log_softmax(-1).transpose(0, 1)
    lengths = batch["frames"], batch["token_lengths"]
    each = F.ctc_loss(log_probs, batch["tokens"], *lengths, BLANK, "none", zero_infinity=True)
    return each, frames_needed(batch) > batch["frames"]


def frames_needed(batch: Batch) -> Tensor:
    """The least number of frames ``[B]``: one for each label, and one for a blank between neighboring equal labels."""
    tokens = batch["tokens"]
    return batch["token_lengths"] + ((tokens[:, 1:] == tokens[:, :-1]) & (tokens[:, 1:] != BLANK)).sum(1)
