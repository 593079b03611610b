"""The transducer loss with an auxiliary CTC loss as the objective of a task."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from ...data.batches.batches import Batch
from ...heads.sequence.transducer import Transducer
from ..recognition_heads import RecognitionLoss
from ..task import Objective
from .ctc_objective import check_transcripts, ctc_losses
from .rnnt_kernel import Reduction, rnnt_loss
from .rnnt_memory import check_memory


def transducer_loss(
    head: Transducer,
    frames: Tensor,
    lengths: Tensor,
    targets: Tensor,
    target_lengths: Tensor,
    *,
    reduction: Reduction = "mean",
    cells: int | None = None,
) -> Tensor:
    """Transducer loss of the frames ``[B, T, D]`` of a head; other arguments, results and errors are those of `rnnt_loss`."""
    joint = head.joint(frames, targets, target_lengths)
    return rnnt_loss(*joint, targets, lengths, target_lengths, blank=head.blank, reduction=reduction, cells=cells)


class TransducerObjective(Objective):
    """The full-sum transducer loss plus CTC. With a warm-up, CTC has the larger weight at first.

    ::

        loss = a · transducer + (1 + (ctc - 1) a) · CTC        a = step / warmup, up to 1

    Args:
        labels: the vocabulary.
        options: options of the loss, see `RecognitionLoss`.
        head: head of the model that is trained. It is not a submodule; its current weights are used at every step.
    """

    def __init__(self, labels: Sequence[str], options: RecognitionLoss, head: Transducer):
        super().__init__(labels)
        self.per, self.warmup = options.per, options.warmup
        self.ctc = options.ctc_weight if head.ctc is not None else 0.0
        self._head = (head,)  # in a tuple, so that it is not registered as a submodule
        self._share = 1.0

    def begin(self, step: int) -> None:
        self._share = min(step / self.warmup, 1.0) if self.warmup else 1.0

    def forward(self, output: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss and values to log, from frames ``[B, T, D]``.

        Raises:
            DataError: a batch without transcripts, or one whose lattices do not fit into memory.
        """
        check_transcripts(batch)
        head, tokens, counts = self._head[0], batch["tokens"], batch["token_lengths"]
        total, seen = output.new_zeros(()), {}
        if self._share:
            width = head.joiner.output.in_features
            check_memory(batch["frames"], counts, width, head.outputs, output.device)
            loss = transducer_loss(head, output, batch["frames"], tokens, counts, reduction="sum")
            loss = loss / (counts.sum().clamp(min=1) if self.per == "label" else len(tokens))
            total, seen["transducer"] = self._share * loss, loss.detach()
        weight = 1 + (self.ctc - 1) * self._share
        if head.ctc is not None and weight:
            each, too_long = ctc_losses(head.ctc(output), batch)
            loss = (each / counts.clamp(min=1) if self.per == "label" else each).mean()
            total = total + weight * loss
            seen |= {"ctc": loss.detach(), "too_long": too_long.float().mean()}
        return total, seen
