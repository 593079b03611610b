"""A stateless predictor of a transducer: it sees only the last few labels."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F

from ...encoder.layers.safe_convolution import Conv1d


class LabelEmbedding(nn.Embedding):
    """Embedding initialized with unit variance: with the small values of language models the joiner sees hardly any of it."""

    def initialize(self) -> None:
        nn.init.normal_(self.weight)


class StatelessPredictor(nn.Module):
    """An embedding and one convolution over the last few labels (2003.07705; icefall's decoder).

    Since there is no other state, a decoder can cache the result of each context and merge prefixes with the same ending.

    Args:
        outputs: number of labels including the blank, ``V``.
        size: width of the embedding and of the result, ``E``.
        context: number of labels that it sees; with 1 there is no convolution.
        blank: the label that fills the context before the first label.
    """

    def __init__(self, outputs: int, *, size: int = 512, context: int = 2, blank: int = 0):
        super().__init__()
        self.size, self.context, self.blank = size, context, blank
        self.embedding = LabelEmbedding(outputs, size)
        # Groups of four channels, as in icefall; the embedding learns to place related channels in one group.
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
