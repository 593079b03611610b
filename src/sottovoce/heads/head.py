"""What all heads have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from torch import Tensor, nn

from ..encoder.config import Shape


class Head(nn.Module, ABC):
    """A task network on the hidden states of an encoder.

    A head is built as ``Head(stream, layers, **options)``: the residual stream that the hidden states are states of
    (`SpeechEncoder.stream`), how many hidden states there are (``L + 1``), and its own options, which stand in the
    model's config. Options are keyword-only and annotated with their bounds (`sottovoce.heads.options`); their defaults
    and what ``Args`` says of them hold in recipes too. What options must be together is checked by a static method
    ``check(options)``, where a head has one.

    A head is one file, and one line in `sottovoce.heads.registry`; in another package, one entry point of the group
    ``sottovoce.heads``.

    A head with units of its own takes what is left of their widths as a further option, ``shape``, and keeps it. They can
    then be pruned beside those of the encoder.

    Attributes:
        shape: widths of the head's own units, by the paths under which its modules declare them.
        original_shape: the shape before any pruning.
    """

    auto_class: ClassVar[str | None] = None
    """The class of Transformers under which stock code looks for a model with this head; ``None`` where there is none."""

    pipeline: ClassVar[str | None] = None
    """The stock pipeline that runs such a model; ``None`` where there is none."""

    layers: int

    def __init__(self) -> None:
        super().__init__()
        self.shape: Shape = {}
        self.original_shape: Shape = {}

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
    def reads_encoder_output(self) -> bool:
        """Whether the last of its hidden states is what the encoder gives out, after the final norm if it has one."""
        return False

    def logits(self, output: Tensor) -> Tensor:
        """What stock code calls logits, of the head's output: the output itself, unless a head says otherwise."""
        return output

    def output_lengths(self, lengths: Any) -> Any:
        """Frames of the output, of so many frames of the hidden states."""
        return lengths

    def probe(self, batch: int) -> dict[str, Tensor]:
        """Further input with which every part of the head has a share in the output, for a batch of that size."""
        return {}

    def initialize(self) -> None:
        """Give the head's bare parameters their first values.

        Layers of torch inside it have theirs from the model (or from an ``initialize`` of their own); a bare parameter is
        only known here, and what a constructor writes is lost where a model is built without memory and filled from a
        file. It is not called for a module without parameters of its own.
        """

    def _check(self, hidden_states: Sequence[Tensor]) -> None:
        if len(hidden_states) != self.layers:
            raise ValueError(
                f"{type(self).__name__} was built for {self.layers} hidden states and got {len(hidden_states)}"
            )


class Embedder(Head):
    """A head that makes one vector of an utterance: ``hidden states -> [B, size]``."""

    auto_class = "AutoModelForAudioXVector"
