"""The choice of a head that makes one vector of an utterance, as recipes write it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from .options import Options, one_of


class MHFAOptions(Options):
    """Multi-head factorised attentive pooling, see `MHFA`."""

    width: int = Field(128, ge=1, description="dimensions that keys and values are compressed to")
    heads: int = Field(64, ge=1, description="attention heads")
    size: int = Field(256, ge=2, description="of the embedding")


class PlainXVectorOptions(Options):
    """The x-vector network of the stock ``...ForXVector`` classes, see `PlainXVector`."""

    channels: list[int] = Field([512, 512, 512, 512, 1500], min_length=1, description="of each time-delay layer")
    kernels: list[int] = Field([5, 3, 3, 1, 1], min_length=1, description="of each, in frames")
    dilations: list[int] = Field([1, 2, 3, 1, 1], min_length=1, description="of each, in frames")
    size: int = Field(512, ge=2, description="of the embedding")
    fusion: Literal["sum", "last"] = "sum"

    @model_validator(mode="after")
    def _fits(self) -> PlainXVectorOptions:
        counts = [len(self.channels), len(self.kernels), len(self.dilations)]
        if len(set(counts)) > 1 or min(*self.channels, *self.kernels, *self.dilations) < 1:
            raise ValueError(f"{counts} channels, kernels and dilations: give each layer one of each, all at least 1")
        return self


Embedder: Any = one_of("Embedder", {"mhfa": MHFAOptions, "plain_xvector": PlainXVectorOptions})


def head_config(chosen: Any) -> dict[str, Any]:
    """What the model's config says of a chosen head: ``{"kind": "mhfa", "width": 128, ...}``."""
    return {"kind": chosen.kind, **chosen.options.model_dump()}
