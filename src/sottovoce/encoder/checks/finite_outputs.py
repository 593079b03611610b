"""A result is made of numbers, or there is none: what a network gives is looked at once, before anything follows from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import AudioError, InferenceError


def finite_output(output: Tensor, model: nn.Module | str, names: Sequence[str] = ()) -> Tensor:
    """What a model made of audio, if all of it are numbers.

    Args:
        output: ``[B, ...]``, or anything at all where there are no ``names``.
        model: what made it, or what errors call that.
        names: of the ``B`` utterances; the first one at fault is named.

    Returns:
        ``output``.

    Raises:
        InferenceError: NaN or infinity is among it.
    """
    good = torch.isfinite(output)
    if bool(good.all()):
        return output
    whose = ""
    if names:
        row = int((~good).flatten(1).any(1).nonzero()[0])
        whose, good = f"{names[row]}: ", good[row]
    raise InferenceError(
        f"{whose}{called(model)}: {int((~good).sum())} of the {good.numel()} numbers that it gives are NaN or infinite, so"
        " they say nothing; take another model, or this one in float32"
    )


def float_tensors(output: Any) -> list[Tensor]:
    """All floating-point tensors in an output of whatever form, in order."""
    if isinstance(output, Tensor):
        return [output] if output.is_floating_point() else []
    if isinstance(output, dict):
        output = list(output.values())
    return [t for item in output for t in float_tensors(item)] if isinstance(output, list | tuple) else []


def called(model: nn.Module | str) -> str:
    """What errors call a model: where it was loaded from, or its class."""
    if isinstance(model, str):
        return model
    return str(getattr(model, "name_or_path", "") or type(model).__name__)


@contextmanager
def named(name: str) -> Iterator[None]:
    """Errors from inside are told with the name of the audio that they are about, if they do not have it.

    Raises:
        AudioError, InferenceError: with the name in front.
    """
    try:
        yield
    except (AudioError, InferenceError) as error:
        if name in str(error):
            raise
        raise type(error)(f"{name}: {error}") from None
