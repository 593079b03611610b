"""Base classes of all heads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor, nn

from ..encoder.config import Shape
from ..encoder.layers.convolution import Count


class Head(nn.Module, ABC):
    """A task network on the hidden states of an encoder.

    A head is built as ``Head(stream, layers, **options)``: the residual stream of the encoder (`SpeechEncoder.stream`),
    the number of hidden states (``L + 1``), and the options of the head, which the model's config holds. Options are
    keyword-only and annotated with their bounds (`sottovoce.heads.options`). Recipes take their defaults and descriptions
    from the constructor and its ``Args``. A static method ``check(options)``, where a head has one, checks options that
    depend on each other.

    A head is one file, and one line in `sottovoce.heads.registry`; in another package, one entry point of the group
    ``sottovoce.heads``.

    A head whose own units can be pruned takes one more option, ``shape``, with the widths that remain, and stores it.

    Attributes:
        shape: widths of the head's own units, by the paths of the modules that declare them.
        original_shape: the shape before any pruning.
    """

    auto_class: ClassVar[str | None] = None
    """The auto class of Transformers for models with this head; ``None`` if there is none."""

    pipeline: ClassVar[str | None] = None
    """The pipeline of Transformers for models with this head; ``None`` if there is none."""

    layers: int

    def __init__(self) -> None:
        super().__init__()
        self.shape: Shape = {}
        self.original_shape: Shape = {}

    @property
    @abstractmethod
    def size(self) -> int:
        """Number of outputs."""

    @abstractmethod
    def forward(self, hidden_states: Sequence[Tensor], lengths: Tensor | None = None) -> Tensor:
        """Outputs from ``L + 1`` hidden states ``[B, T, D]`` and ``lengths[B]`` in frames.

        Raises:
            ValueError: the number of hidden states is not the one that the head was built for.
        """

    @property
    def reads_encoder_output(self) -> bool:
        """Whether the last hidden state must be the encoder's output, after the final norm if there is one."""
        return False

    @property
    def embedder(self) -> Embedder | None:
        """The part that turns an utterance into one vector; ``None`` where there is none."""
        return None

    def logits(self, output: Tensor) -> Tensor:
        """What Transformers calls logits: by default the output of the head itself."""
        return output

    def output_lengths(self, lengths: Count) -> Count:
        """Frames of the output for ``lengths`` frames of the hidden states."""
        return lengths

    def probe(self, batch: int) -> dict[str, Tensor]:
        """Further arguments of ``forward`` for a batch of this size, with which every part of the head affects the output."""
        return {}

    def initialize(self) -> None:
        """Initialize the head's bare parameters.

        The model initializes torch layers inside the head, and submodules may have an ``initialize`` of their own. Bare
        parameters need this method, because values from the constructor are lost when a model is built on the meta device
        and then loaded from a file. It is not called for a module without parameters of its own.
        """

    def _check(self, hidden_states: Sequence[Tensor]) -> None:
        if len(hidden_states) != self.layers:
            raise ValueError(
                f"{type(self).__name__} was built for {self.layers} hidden states and got {len(hidden_states)}"
            )


class Embedder(Head):
    """A head that turns an utterance into one vector: ``hidden states -> [B, size]``."""

    auto_class = "AutoModelForAudioXVector"

    @property
    def embedder(self) -> Embedder:
        return self
