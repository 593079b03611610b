"""Refuses outputs of a network that are NaN or infinite before they are used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ...errors import AudioError, InferenceError


def finite_output(output: Tensor, model: nn.Module | str, names: Sequence[str] = ()) -> Tensor:
    """The output of a model, if it is finite.

    Args:
        output: ``[B, ...]``; of any shape without ``names``.
        model: the model, or its name for messages.
        names: names of the ``B`` utterances, of which the message names the first that is not finite.

    Returns:
        ``output``.

    Raises:
        InferenceError: the output has NaN or infinity.
    """
    good = torch.isfinite(output)
    if bool(good.all()):
        return output
    whose = ""
    if names:
        row = int((~good).flatten(1).any(1).nonzero()[0])
        whose, good = f"{names[row]}: ", good[row]
    raise InferenceError(
        f"{whose}{called(model)}: {int((~good).sum())} of the {good.numel()} numbers in its output are NaN or infinite;"
        " take another model, or this one in float32"
    )


def float_tensors(output: object) -> list[Tensor]:
    """All floating-point tensors in an output of any structure, in order."""
    if isinstance(output, Tensor):
        return [output] if output.is_floating_point() else []
    if isinstance(output, dict):
        output = list(output.values())
    return [t for item in output for t in float_tensors(item)] if isinstance(output, list | tuple) else []


def called(model: nn.Module | str) -> str:
    """The name of a model in messages: where it was loaded from, or its class."""
    if isinstance(model, str):
        return model
    return str(getattr(model, "name_or_path", "") or type(model).__name__)


@contextmanager
def named(name: str) -> Iterator[None]:
    """Put the name of the audio before the message of an error in the block, unless the message has it.

    Raises:
        AudioError, InferenceError: with the name in front.
    """
    try:
        yield
    except (AudioError, InferenceError) as error:
        if name in str(error):
            raise
        raise type(error)(f"{name}: {error}") from None
