"""What all heads have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from torch import Tensor, nn


class Head(nn.Module, ABC):
    """A task network on the hidden states of an encoder.

    A head is built as ``Head(stream, layers, **options)``: the residual stream that the hidden states are states of
    (`SpeechEncoder.stream`), how many hidden states there are (``L + 1``), and its own options, which stand in the
    model's config. It is one file, and one line in `sottovoce.heads.catalogue`.
    """

    layers: int

    @property
    @abstractmethod
    def size(self) -> int:
        """Outputs."""

    @abstractmethod
    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """Outputs from ``L + 1`` hidden states ``[B, T, D]`` and ``lengths[B]`` in frames.

        Raises:
            ValueError: another number of hidden states than the head was built for.
        """

    @property
    def final(self) -> bool:
        """Whether the last of its hidden states is what the encoder gives out, after the final norm if it has one."""
        return False

    def logits(self, output: Tensor) -> Tensor:
        """What stock code calls logits, of the head's output: the output itself, unless a head says otherwise."""
        return output

    def initialise(self) -> None:
        """Give the head's bare parameters their first values.

        Layers of torch inside it have theirs from the model; a bare parameter is only known here, and what a
        constructor writes is lost where a model is built without memory and filled from a file.
        """

    def _check(self, hidden_states: Sequence[Tensor]) -> None:
        if len(hidden_states) != self.layers:
            raise ValueError(
                f"{type(self).__name__} was built for {self.layers} hidden states and got {len(hidden_states)}"
            )
