"""The base of embedders whose frame-level network makes several frames of the encoder into one."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor

from ....encoder.layers.convolution import Count
from ....encoder.layers.frame_masks import mask_if_padded
from ....encoder.stream import ResidualStream
from ....errors import CheckpointError
from ..pooling_head import PoolingHead


class MapEmbedder(PoolingHead):
    """A head that reads the features of an encoder without layers as a map ``[B, F, T]`` of bins and time.

    Args:
        stream: the residual stream of the encoder (`SpeechEncoder.stream`): the bins.
        layers: number of hidden states, which is 1.

    Attributes:
        reduction: frames of the encoder for each frame that is pooled.

    Raises:
        CheckpointError: the encoder has layers, or its width can be pruned, so that its channels are no bins.
    """

    reduction: int

    def __init__(self, stream: ResidualStream, layers: int):
        super().__init__()
        if layers != 1 or not stream.fixed or stream.width == 1:
            raise CheckpointError(
                f"config: {type(self).__name__} reads the bins of a filterbank; take an encoder without layers"
                " (front_end: features)"
            )
        self.layers, self.bins = layers, stream.width

    @abstractmethod
    def through_map(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """Frames ``[B, T', C]`` of features ``[B, F, T]``; ``mask[B, T]`` is True on valid frames."""

    def frames(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        self._check(hidden_states)
        x = hidden_states[-1]
        return self.through_map(x.transpose(1, 2), mask_if_padded(lengths, x.shape[1]))

    def pooled_frames(self, frames: Count) -> Count:
        return -(-frames // self.reduction)
