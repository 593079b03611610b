"""The arguments of a forward pass: stock names for the same thing, and unknown arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from torch import Tensor

from ...errors import AudioError
from ...text.suggestions import did_you_mean
from .masks import lengths_of

FIXED_ARGUMENTS: dict[str, tuple[object, ...]] = {
    "output_attentions": (None, False),
    "input_ids": (None,),
    "inputs_embeds": (None,),
    "mask_time_indices": (None,),
}
"""Arguments that stock code (peft, pipelines, the Trainer) passes along -> the values that are supported. Attention weights
are never returned, there is no other input, and masking is done in training before the forward pass."""


class InputBatch(NamedTuple):
    """One batch of waveforms or of features, with the valid length of each utterance.

    Args:
        waveform: ``[B, S]``; ``None`` for features.
        lengths: ``[B]`` valid samples; ``None``: all.
        features: ``[B, T, F]``; ``None`` for waveforms.
        feature_lengths: ``[B]`` valid frames; ``None``: all.
    """

    waveform: Tensor | None
    lengths: Tensor | None
    features: Tensor | None
    feature_lengths: Tensor | None


def input_batch(
    waveform: Tensor | None,
    lengths: Tensor | None,
    features: Tensor | None,
    feature_lengths: Tensor | None,
    input_values: Tensor | None,
    input_features: Tensor | None,
    attention_mask: Tensor | None,
) -> InputBatch:
    """The batch that the arguments of a forward pass make, see `EncoderNetwork.forward`.

    Raises:
        AudioError: no input, the same thing under two names, lengths without their input, or a mask whose padding is not on
            the right.
    """
    waveform = _either(waveform=waveform, input_values=input_values)
    features = _either(features=features, input_features=input_features)
    _either(waveform=waveform, features=features)
    if waveform is None and features is None:
        raise AudioError("no waveform: give float samples [batch, samples] at 16 kHz")
    for name, given, of in (("lengths", lengths, waveform), ("feature_lengths", feature_lengths, features)):
        if given is not None and of is None:
            other = "feature_lengths" if name == "lengths" else "lengths"
            raise AudioError(f"{name} are given without their input; give {other}")
    if features is not None:
        if features.dim() != 3:
            raise AudioError(f"the features are {tuple(features.shape)}; give [batch, frames, features]")
        given_lengths = _either(feature_lengths=feature_lengths, attention_mask=attention_mask)
        if attention_mask is not None:
            given_lengths = lengths_of(attention_mask, features, "frames")
        return InputBatch(None, None, features, given_lengths)
    assert waveform is not None
    given_lengths = _either(lengths=lengths, attention_mask=attention_mask)
    if attention_mask is not None:
        given_lengths = lengths_of(attention_mask, waveform)
    return InputBatch(waveform, given_lengths, None, None)


def _either(**named: Tensor | None) -> Tensor | None:
    """The one of two arguments that is given; ``None`` for neither.

    Raises:
        AudioError: both are given.
    """
    (one, first), (other, second) = named.items()
    if first is not None and second is not None:
        raise AudioError(f"{one} and {other} are given, and both say which samples are valid; leave one out")
    return second if first is None else first


def refuse_unknown(given: Mapping[str, object], known: Iterable[str], name: str) -> None:
    """Refuse arguments of a forward pass that would have no effect.

    Args:
        given: keyword arguments that are no parameter of the function.
        known: names of the parameters.
        name: name of the class, for the message.

    Raises:
        TypeError: an argument that is unknown or has a value that is not supported.
    """
    for key, value in given.items():
        if key not in FIXED_ARGUMENTS:
            raise TypeError(f"{name}.forward: unknown argument {key!r}; {did_you_mean(key, known)}")
        if not any(value is each for each in FIXED_ARGUMENTS[key]):
            raise TypeError(f"{name}.forward: {key} is not supported; leave it out")
