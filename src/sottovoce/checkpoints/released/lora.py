"""LoRA in released checkpoints, merged into the layers that it changes (Hu et al. 2022): ``W + scaling * B A``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from sottovoce.errors import CheckpointError

DOWN, UP, BASE = ".lora_A.default.weight", ".lora_B.default.weight", ".base_layer."
"""Endings of the names of peft: the two factors, and the layer that they change."""

WRAPPED = "base_model.model."
"""What peft puts before the names of a model."""


def ranks(tensors: Mapping[str, Tensor]) -> set[int]:
    """The ranks of all factors; empty where there is no LoRA."""
    return {tensor.shape[0] for name, tensor in tensors.items() if name.endswith(DOWN)}


def merged(tensors: Mapping[str, Tensor], scaling: Callable[[int], float], name: str) -> dict[str, Tensor]:
    """The tensors of the model alone, by the names that it has without peft.

    Args:
        tensors: tensors by name.
        scaling: alpha divided by a rank, from the rank.
        name: name of the checkpoint, for messages.

    Raises:
        CheckpointError: a factor without the other or without its layer, or of a shape that does not fit.
    """
    found = {
        key.replace(WRAPPED, "").replace(BASE, "."): tensor for key, tensor in tensors.items() if ".lora_" not in key
    }
    for key in [key for key in tensors if ".lora_" in key]:
        if not key.endswith((DOWN, UP)):
            raise CheckpointError(
                f"{name}: {key} belongs to LoRA, of a kind that is not known; merge it with peft first"
            )
        stem = key.removesuffix(DOWN).removesuffix(UP)
        layer = f"{stem.replace(WRAPPED, '')}.weight"
        if stem + DOWN not in tensors or stem + UP not in tensors or layer not in found:
            raise CheckpointError(
                f"{name}: LoRA without its base ({layer.removesuffix('.weight')} is not in the file whole); give the"
                " checkpoint with both"
            )
        if key.endswith(DOWN):
            down, up = tensors[key], tensors[stem + UP]
            if up.shape[1:] != down.shape[:1] or (up.shape[0], down.shape[1]) != tuple(found[layer].shape):
                raise CheckpointError(
                    f"{name}: LoRA of {layer} is {tuple(up.shape)} by {tuple(down.shape)}, and the layer"
                    f" {tuple(found[layer].shape)}"
                )
            found[layer] = found[layer] + scaling(down.shape[0]) * (up @ down)
    return found
