"""The transducer head: a stateless predictor of the last labels, and a joiner of frames and predictions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..encoder.stream import Stream
from ..encoder.units import Gateable, Macs, Unit, rows, site
from .rnnt_loss import Reduction, rnnt_loss


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
        self.embedding = nn.Embedding(outputs, size)
        # Groups of four channels, as in icefall: the embedding has room enough to arrange itself.
        groups = size // 4 if size % 4 == 0 else 1
        self.convolution = nn.Conv1d(size, size, context, groups=groups, bias=False) if context > 1 else None

    def forward(self, labels: Tensor) -> Tensor:
        """``[N, U + 1, E]``: the states before each of ``labels[N, U]``, and after the last."""
        return self.states(F.pad(labels, (self.context, 0), value=self.blank))

    def states(self, labels: Tensor) -> Tensor:
        """``[N, K - context + 1, E]``: the state after each full context in ``labels[N, K]``."""
        x = self.embedding(labels)
        if self.convolution is not None:
            x = self.convolution(x.transpose(1, 2)).transpose(1, 2)
        return x.relu()

    def macs(self) -> list[Macs]:
        # Labels come at most once a frame or so; most contexts are met again and not computed.
        return [] if self.convolution is None else [Macs(lambda timing: timing.frames, "convolution.weight")]


class Joiner(nn.Module):
    """``output(tanh(encoder(frame) + predictor(state)))``: the logits of the next label or the blank (1303.5778).

    Its inner width is a unit that can be pruned.

    Args:
        stream: the residual stream that the frames are states of.
        predictor: size of the predictor's states, ``E``.
        outputs: labels and the blank, ``V``.
        width: inner units, ``J``.
    """

    def __init__(self, stream: Stream, predictor: int, outputs: int, *, width: int = 512):
        super().__init__()
        self.stream = stream
        self.encoder = nn.Linear(stream.width, width)
        self.predictor = nn.Linear(predictor, width)
        self.inner = Gateable()
        self.output = nn.Linear(width, outputs)

    def forward(self, frames: Tensor, states: Tensor) -> Tensor:
        """Logits ``[..., V]`` of projected ``frames[..., J]`` and ``states[..., J]`` that broadcast."""
        return self.output(self.inner((frames + states).tanh()))

    def gated_weight(self) -> Tensor:
        """``output.weight``, times the gates of the inner units if there are any.

        The loss makes the hidden layer itself and never calls `inner`; there a gate on a unit is one on its column.
        """
        weight = self.output.weight
        return weight * self.inner(torch.ones(weight.shape[1], dtype=weight.dtype, device=weight.device))

    def units(self) -> list[Unit]:
        n = self.output.in_features
        producers = tuple(rows(f"{m}.{p}", 0, n) for m in ("encoder", "predictor") for p in ("weight", "bias"))
        consumers = (rows("output.weight", 1, n, fold=True),)
        width = Unit("width", "ffn", n, producers=producers, consumers=consumers, gates=(site("inner", n),))
        return [width, self.stream.part(reads=["encoder.weight"])]

    def macs(self) -> list[Macs]:
        # One evaluation a frame: what greedy search needs while it says nothing.
        return [Macs(lambda timing: timing.frames, f"{name}.weight") for name in ("encoder", "predictor", "output")]


class Transducer(nn.Module):
    """Predictor and joiner on top of the last hidden state, with a CTC output beside them if wanted.

    Args:
        stream: the residual stream that the hidden states are states of (`SpeechEncoder.stream`).
        outputs: labels and the blank, ``V``.
        predictor_size: of the predictor's embedding, ``E``.
        context: labels that the predictor sees.
        width: inner units of the joiner, ``J``.
        blank: which of the outputs is the blank.
        ctc: weight of the auxiliary CTC loss, beside 1 for the transducer's; 0 for none. The field uses 0.2.
    """

    def __init__(
        self,
        stream: Stream,
        outputs: int,
        *,
        predictor_size: int = 512,
        context: int = 2,
        width: int = 512,
        blank: int = 0,
        ctc: float = 0.0,
    ):
        super().__init__()
        self.outputs, self.blank, self.ctc_weight = outputs, blank, ctc
        self.stream = stream
        self.predictor = StatelessPredictor(outputs, size=predictor_size, context=context, blank=blank)
        self.joiner = Joiner(stream, predictor_size, outputs, width=width)
        self.ctc = nn.Linear(stream.width, outputs) if ctc else None

    def forward(self, frames: Tensor) -> Tensor:
        """``[B, T, J]``: hidden states ``[B, T, D]`` as the joiner adds them; what the search starts from."""
        return self.joiner.encoder(frames)

    def loss(
        self,
        frames: Tensor,
        lengths: Tensor,
        targets: Tensor,
        target_lengths: Tensor,
        *,
        reduction: Reduction = "mean",
        cells: int | None = None,
    ) -> Tensor:
        """Transducer loss plus ``ctc`` times the CTC loss, of hidden states ``[B, T, D]``.

        CTC counts like the transducer, by utterance and not by label, and leaves out utterances with fewer frames than
        it needs. Further arguments, results and errors are those of `rnnt_loss`.
        """
        U = targets.shape[1]
        padding = torch.arange(U, device=targets.device) >= target_lengths.to(targets.device)[:, None]
        labels = targets.masked_fill(padding, self.blank)  # padding may be anything, -1 for one
        states = self.joiner.predictor(self.predictor(labels.clamp(0, self.outputs - 1)))
        weight, bias = self.joiner.gated_weight(), self.joiner.output.bias
        loss = rnnt_loss(
            self(frames), states, weight, bias, targets, lengths, target_lengths,
            blank=self.blank, reduction=reduction, cells=cells,
        )  # fmt: skip
        if self.ctc is None:
            return loss
        logp = self.ctc(frames).float().log_softmax(-1).transpose(0, 1)
        ctc = F.ctc_loss(logp, labels, lengths, target_lengths, self.blank, "none", zero_infinity=True)
        reduced = ctc if reduction == "none" else ctc.sum() if reduction == "sum" else ctc.mean()
        return loss + self.ctc_weight * reduced

    def units(self) -> list[Unit]:
        return [] if self.ctc is None else [self.stream.part(reads=["ctc.weight"])]
