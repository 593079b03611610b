"""The predictor of a transducer that remembers the last few labels and nothing else."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.layers.safe_convolution import Conv1d


class LabelEmbedding(nn.Embedding):
    """Vectors of unit variance: the small ones of language models leave nothing for the joiner to see."""

    def initialize(self) -> None:
        nn.init.normal_(self.weight)


class StatelessPredictor(nn.Module):
    """What the last few labels say about the next: an embedding and one convolution (2003.07705; icefall's decoder).

    It remembers nothing else, so a decoder can keep what it made of a context and merge prefixes that end alike.

    Args:
        outputs: labels and the blank, ``V``.
        size: of the embedding and of the result, ``E``.
        context: labels that it sees; with 1 there is no convolution.
        blank: stands before the first label.
    """

    def __init__(self, outputs: int, *, size: int = 512, context: int = 2, blank: int = 0):
        super().__init__()
        self.size, self.context, self.blank = size, context, blank
        self.embedding = LabelEmbedding(outputs, size)
        # Groups of four channels, as in icefall: the embedding has room enough to arrange itself.
        groups = size // 4 if size % 4 == 0 else 1
        self.convolution = Conv1d(size, size, context, groups=groups, bias=False) if context > 1 else None

    def forward(self, labels: Tensor) -> Tensor:
        """``[N, U + 1, E]``: the states before each of ``labels[N, U]``, and after the last."""
        return self.states(F.pad(labels, (self.context, 0), value=self.blank))

    def states(self, labels: Tensor) -> Tensor:
        """``[N, K - context + 1, E]``: the state after each full context in ``labels[N, K]``."""
        x = self.embedding(labels)
        if self.convolution is not None:
            x = self.convolution(x.transpose(1, 2)).transpose(1, 2)
        return x.relu()
