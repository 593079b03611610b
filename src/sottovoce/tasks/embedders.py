"""The choice of a head that makes one vector of an utterance, as recipes write it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from .options import Options, one_of


class MHFAOptions(Options):
    """Multi-head factorised attentive pooling, see `MHFA`."""

    width: int = Field(128, ge=1, description="dimensions that keys and values are compressed to")
    heads: int = Field(64, ge=1, description="attention heads")
    size: int = Field(256, ge=2, description="of the embedding")


class AASISTOptions(Options):
    """Graph attention over spectrum and time, for anti-spoofing, see `AASIST`."""

    bands: int = Field(128, ge=3, description="features that hidden states are projected to")
    channels: tuple[int, ...] = Field(
        (32, 32, 64, 64, 64, 64), min_length=1, description="of the residual convolutions"
    )
    width: int = Field(32, ge=1, description="of nodes in the end; the embedding has five times as many")


class SLSOptions(Options):
    """A gate for each layer, for anti-spoofing, see `SLS`."""

    width: int = Field(384, ge=3, description="features that the sum of layers is projected to")
    size: int = Field(1024, ge=2, description="of the embedding")


Embedder: Any = one_of("Embedder", {"mhfa": MHFAOptions, "aasist": AASISTOptions, "sls": SLSOptions})


def head_config(chosen: Any) -> dict[str, Any]:
    """What the model's config says of a chosen head: ``{"kind": "mhfa", "width": 128, ...}``."""
    return {"kind": chosen.kind, **chosen.options.model_dump()}
