"""What a forward pass is given: the names by which stock code calls the same thing, and what no name stands for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from torch import Tensor

from ...errors import AudioError
from ...text.suggestions import did_you_mean
from .masks import lengths_of

SETTLED: dict[str, tuple[Any, ...]] = {
    "output_attentions": (None, False),
    "input_ids": (None,),
    "inputs_embeds": (None,),
    "mask_time_indices": (None,),
}
"""What stock code (peft, pipelines, the Trainer) passes along and what can only be as it is: there is one attention, and
nothing of it is kept; there is no other input; and training masks what goes in."""


class Inputs(NamedTuple):
    """One batch: waveforms, or features made beforehand, and how much of each is valid.

    Args:
        waveform: ``[B, S]``, or ``None``.
        lengths: ``[B]`` samples.
        features: ``[B, T, F]``, or ``None``.
        feature_lengths: ``[B]`` frames.
    """

    waveform: Tensor | None
    lengths: Tensor | None
    features: Tensor | None
    feature_lengths: Tensor | None


def one_batch(
    waveform: Tensor | None,
    lengths: Tensor | None,
    features: Tensor | None,
    feature_lengths: Tensor | None,
    input_values: Tensor | None,
    input_features: Tensor | None,
    attention_mask: Tensor | None,
) -> Inputs:
    """The batch under our names.

    Raises:
        AudioError: nothing to encode, one thing under two names, lengths of what is not there, or a mask that is not of
            padding on the right.
    """
    waveform = _either(waveform=waveform, input_values=input_values)
    features = _either(features=features, input_features=input_features)
    _either(waveform=waveform, features=features)
    if waveform is None and features is None:
        raise AudioError("no waveform: give float samples [batch, samples] at 16 kHz")
    for name, given, of in (("lengths", lengths, waveform), ("feature_lengths", feature_lengths, features)):
        if given is not None and of is None:
            other = "feature_lengths" if name == "lengths" else "lengths"
            raise AudioError(f"{name} are given, but not what they are of; give {other}")
    if features is not None:
        if features.dim() != 3:
            raise AudioError(f"the features are {tuple(features.shape)}; give [batch, frames, features]")
        said = _either(feature_lengths=feature_lengths, attention_mask=attention_mask)
        if attention_mask is not None:
            said = lengths_of(attention_mask, features, "frames")
        return Inputs(None, None, features, said)
    assert waveform is not None
    said = _either(lengths=lengths, attention_mask=attention_mask)
    if attention_mask is not None:
        said = lengths_of(attention_mask, waveform)
    return Inputs(waveform, said, None, None)


def _either(**named: Tensor | None) -> Tensor | None:
    """The one of two that is given."""
    (one, first), (other, second) = named.items()
    if first is not None and second is not None:
        raise AudioError(f"{one} and {other} are given, which say the same; leave one out")
    return second if first is None else first


def refuse(given: Mapping[str, Any], known: Iterable[str], name: str) -> None:
    """Nothing is passed over in silence.

    Args:
        given: keywords that no parameter stands for.
        known: the parameters.
        name: of the class.

    Raises:
        TypeError: one that is unknown, or that cannot be heeded.
    """
    for key, value in given.items():
        if key not in SETTLED:
            raise TypeError(f"{name}.forward: unknown argument {key!r}; {did_you_mean(key, known)}")
        if not any(value is each for each in SETTLED[key]):
            raise TypeError(f"{name}.forward: {key} is given, and cannot be heeded; leave it out")
