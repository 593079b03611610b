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


class AttentiveOptions(Options):
    """Attentive statistics pooling, see `AttentiveStatistics`."""

    width: int = Field(256, ge=1, description="of the frames that are pooled")
    hidden: int = Field(128, ge=1, description="units of the attention")
    heads: int = Field(1, ge=1, description="weightings of the frames")
    size: int = Field(256, ge=2, description="of the embedding")
    dropout: float = Field(0.0, ge=0, lt=1, description="of the pooled statistics")


EMBEDDERS: dict[str, type[Options]] = {"attentive": AttentiveOptions, "mhfa": MHFAOptions}

Embedder: Any = one_of("Embedder", EMBEDDERS)


def head_config(chosen: Any) -> dict[str, Any]:
    """What the model's config says of a chosen head: ``{"kind": "mhfa", "width": 128, ...}``."""
    return {"kind": chosen.kind, **chosen.options.model_dump()}
