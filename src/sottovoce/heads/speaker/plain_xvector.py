"""The plain x-vector network: time-delay layers without norms, and statistics pooling."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn

from ...encoder.layers.frame_masks import frame_mask
from ...encoder.layers.norms import at_least_float32
from ...encoder.layers.safe_convolution import Conv1d
from ...encoder.stream import ResidualStream
from ...encoder.units import MacTerm, Timing, Unit
from ...errors import CheckpointError
from ..frames import check_frames
from ..head import Embedder
from ..layer_sum_head import LayerCombination, LayerSumHead
from ..options import EmbeddingSize, OptionValues, Widths


class PlainXVector(LayerSumHead, Embedder):
    """A speaker embedding (Snyder et al. 2018, as in SUPERB, 2105.01051)::

        hidden states ─ fused ─▶ projector ─▶ time-delay layers ─▶ mean, deviation over T ─▶ embedding ─▶ [B, size]
        [L+1, B, T, D]                        convolution, ReLU                                └▶ classifier

    Time-delay layers are not padded, so ``T`` shrinks by their context. The classifier was trained with an angular loss. It
    is part of the stock checkpoints, and its output is what Transformers calls logits.

    Args:
        stream, layers, fusion: see `LayerSumHead`.
        channels: Channels of each time-delay layer; the projector has as many as the first.
        kernels: Taps of each layer.
        dilations: Frames from one tap of each layer to the next.
        size: Dimension of the embedding.

    Raises:
        CheckpointError: lists of different lengths.
    """

    def __init__(
        self,
        stream: ResidualStream,
        layers: int,
        *,
        channels: Widths = (512, 512, 512, 512, 1500),
        kernels: Widths = (5, 3, 3, 1, 1),
        dilations: Widths = (1, 2, 3, 1, 1),
        size: EmbeddingSize = 512,
        fusion: LayerCombination = "sum",
    ):
        super().__init__(stream, layers, fusion)
        self.check({"channels": channels, "kernels": kernels, "dilations": dilations})
        self.projector = nn.Linear(stream.width, channels[0])
        shapes = zip([channels[0], *channels[:-1]], channels, kernels, dilations, strict=True)
        self.delays = nn.ModuleList(Conv1d(i, o, k, dilation=d) for i, o, k, d in shapes)
        self.lost = list(accumulate((k - 1) * d for k, d in zip(kernels, dilations, strict=True)))
        self.embedding = nn.Linear(2 * channels[-1], size)
        self.classifier = nn.Linear(size, size)

    @staticmethod
    def check(options: OptionValues) -> None:
        """Check that every layer has channels, a kernel and a dilation.

        Raises:
            CheckpointError: lists of different lengths.
        """
        channels, kernels, dilations = (
            len(each) for name in ("channels", "kernels", "dilations") if isinstance(each := options[name], Sequence)
        )
        if not channels == kernels == dilations:
            raise CheckpointError(
                f"{channels} channels, {kernels} kernels and {dilations} dilations; give each layer one of each"
            )

    @property
    def size(self) -> int:
        return self.embedding.out_features

    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """``[B, size]``.

        Raises:
            AudioError: an utterance with fewer than two frames after the time-delay layers.
        """
        x = self.projector(self.fused(hidden_states))
        frames = torch.full(x.shape[:1], x.shape[1], device=x.device) if lengths is None else lengths
        check_frames(frames, self.lost[-1] + 2)
        x = x.transpose(1, 2)
        for layer in self.delays:
            x = layer(x).relu()
        count = frames - self.lost[-1]
        inside, count = frame_mask(count, x.shape[2])[:, None], count[:, None]
        wide = at_least_float32(x)
        mean = wide.masked_fill(~inside, 0.0).sum(2) / count
        square = (wide - mean[..., None]).masked_fill(~inside, 0.0).square().sum(2)
        return self.embedding(torch.cat([mean, (square / (count - 1)).sqrt()], dim=-1).to(x.dtype))

    def logits(self, output: Tensor) -> Tensor:
        return self.classifier(output)

    def units(self) -> list[Unit]:
        # Gates of the residual stream act where it is written, so a weight that reads it only loses columns.
        return [self.stream.part(reads=["projector.weight"])]

    def macs(self) -> list[MacTerm]:
        def every_frame(lost: int, weight: str) -> MacTerm:
            def times(timing: Timing) -> float:
                return max(timing.frames - lost, 0)

            return MacTerm(times, weight)

        delays = [every_frame(lost, f"delays.{n}.weight") for n, lost in enumerate(self.lost)]
        last = [MacTerm(lambda timing: 1, f"{name}.weight") for name in ("embedding", "classifier")]
        return [every_frame(0, "projector.weight"), *delays, *last]
