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


Embedder: Any = one_of("Embedder", {"mhfa": MHFAOptions})


def head_config(chosen: Any) -> dict[str, Any]:
    """What the model's config says of a chosen head: ``{"kind": "mhfa", "width": 128, ...}``."""
    return {"kind": chosen.kind, **chosen.options.model_dump()}
