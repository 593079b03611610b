"""The output of an encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from torch import Tensor
from transformers import PreTrainedConfig
from transformers.utils import ModelOutput

Output = TypeVar("Output", bound=ModelOutput)


@dataclass
class EncoderOutput(ModelOutput):
    """The output of a `SpeechEncoder`.

    Args:
        last_hidden_state: ``[B, T, D]``, after the final norm where there is one; ``None`` when stopped early.
        hidden_states: ``L + 1`` tensors ``[B, T, D]``: the input of the first layer, then the output of each. With pre-norm
            layers ``hidden_states[-1]`` is *before* the final norm, as in the stock classes.
        lengths: ``[B]`` valid frames of each utterance; frames after them are meaningless.
        projected: ``[B, T, D]``: the output of the front end, before the positional convolution and the norm that the first
            hidden state is behind. Not for a chunk of a stream.
    """

    last_hidden_state: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    lengths: Tensor | None = None
    projected: Tensor | None = None


class FrameFeatures(NamedTuple):
    """Features of every frame.

    Args:
        frames: ``[B, T, D]``, or ``[T, D]`` of one waveform without a batch dimension.
        lengths: ``[B]`` valid frames, or a number without dimensions; frames after them are meaningless.
    """

    frames: Tensor
    lengths: Tensor


def as_requested(output: Output, config: PreTrainedConfig, return_dict: bool | None) -> Output | tuple[object, ...]:
    """The output itself, or a tuple if ``return_dict`` is false; where it is ``None``, the config decides."""
    wanted = config.return_dict if return_dict is None else return_dict
    return output if wanted or wanted is None else output.to_tuple()
