"""Low-rank adapters (LoRA, Hu et al. 2021) on the linear maps of an encoder: attached by peft, and merged again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from ..errors import TrainingError


def attach_adapters(encoder: nn.Module, targets: Iterable[str], *, rank: int, alpha: int, dropout: float = 0.0) -> int:
    """Put an adapter on every linear map whose path ends in one of ``targets``; everything else is frozen.

    Args:
        encoder: changed in place.
        targets: ends of module paths: ``attention.q``, ``feed_forward.up``.
        rank: rank of the adapters.
        alpha: the output of an adapter is scaled by ``alpha / rank``.
        dropout: dropout probability on the input of the adapters.

    Returns:
        The number of adapters.

    Raises:
        TrainingError: a target that matches no linear map.
    """
    from peft import LoraConfig, inject_adapter_in_model

    chosen = targeted(encoder, targets)
    config = LoraConfig(r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=chosen)
    inject_adapter_in_model(config, encoder)
    return len(chosen)


def targeted(encoder: nn.Module, targets: Iterable[str]) -> list[str]:
    """Paths of the linear maps that end in one of ``targets``.

    Raises:
        TrainingError: a target that matches no linear map.
    """
    linears = [path for path, module in encoder.named_modules() if isinstance(module, nn.Linear)]
    chosen: dict[str, None] = {}
    for target in targets:
        found = [path for path in linears if path == target or path.endswith(f".{target}")]
        if not found:
            ends = sorted({".".join(path.split(".")[-2:]) for path in linears if path.startswith("layers.")})
            raise TrainingError(f"no linear map ends in {target!r}; in the layers there are {', '.join(ends)}")
        chosen |= dict.fromkeys(found)
    return list(chosen)


@torch.no_grad()
def merge_adapters(encoder: nn.Module) -> None:
    """Add every adapter to its weight and remove it, so that the encoder has plain linear maps again.

    The product is computed in float64 and rounded once.
    """
    from peft.tuners.lora import LoraLayer

    for path, module in list(encoder.named_modules()):
        if isinstance(module, LoraLayer):
            base: Any = module.get_base_layer()
            for name in module.active_adapters:
                down: Any = module.lora_A[name].weight
                up: Any = module.lora_B[name].weight
                more = module.scaling[name] * (up.double() @ down.double())
                base.weight.copy_(base.weight.double() + more)
            encoder.set_submodule(path, base)
    if hasattr(encoder, "peft_config"):
        del encoder.peft_config
    encoder.requires_grad_(True)
