"""The choice of a head that makes one vector of an utterance, as recipes write it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from ..bounded import WIDEST
from ..options import OneOf, Options, one_of


class LayerSumOptions(Options):
    """One state, or a weighted sum of all, see `LayerSum`."""

    normalize: bool = Field(True, description="every channel to mean 0 and variance 1 over the utterance")


class AdapterOptions(Options):
    """A small network on each state, see `Adapters`."""

    width: int = Field(128, ge=1, le=WIDEST)


Fusion: Any = one_of(
    "Fusion", {"last": LayerSumOptions, "sum": LayerSumOptions, "linear": LayerSumOptions, "adapters": AdapterOptions}
)


class PlainPooling(Options):
    """A pooling without attention."""


class AttentionOptions(Options):
    """One weight a frame, see `Attentive`."""

    bottleneck: int = Field(128, ge=1, le=WIDEST)


class ChannelAttentionOptions(AttentionOptions):
    """A weight for each frame and channel, see `ChannelAttentive`."""

    context: bool = Field(True, description="let the attention hear mean and deviation of the utterance")


Pooling: Any = one_of(
    "Pooling",
    {
        "mean": PlainPooling,
        "statistics": PlainPooling,
        "attentive": AttentionOptions,
        "channel_attentive": ChannelAttentionOptions,
    },
)

SUM, ADAPTERS = Fusion(sum={}), Fusion(adapters={})
STATISTICS, CHANNEL_ATTENTIVE = Pooling(statistics={}), Pooling(channel_attentive={})


class MHFAOptions(Options):
    """Multi-head factorized attentive pooling, see `MHFA`."""

    width: int = Field(128, ge=1, le=WIDEST, description="dimensions that keys and values are compressed to")
    heads: int = Field(64, ge=1, le=WIDEST, description="attention heads")
    size: int = Field(256, ge=2, le=WIDEST, description="of the embedding")


class PooledOptions(Options):
    """Layer adapters, or a layer sum and a linear map, straight into a pooling, see `Pooled`."""

    width: int | None = Field(None, ge=1, le=WIDEST, description="of the linear map; needed behind a sum of layers")
    size: int = Field(256, ge=2, le=WIDEST, description="of the embedding")
    fusion: Fusion = ADAPTERS
    pooling: Pooling = CHANNEL_ATTENTIVE

    @model_validator(mode="after")
    def _width_behind_a_sum(self) -> PooledOptions:
        if self.width is None and self.fusion.kind != "adapters":
            raise ValueError(f"behind the fusion {self.fusion.kind} give a width; its channels are the encoder's own")
        return self


class XVectorOptions(Options):
    """x-vector, see `XVector`."""

    channels: int = Field(512, ge=1, le=WIDEST)
    wide: int = Field(1500, ge=1, le=WIDEST, description="channels that are pooled")
    size: int = Field(512, ge=2, le=WIDEST, description="of the embedding")
    fusion: Fusion = SUM
    pooling: Pooling = STATISTICS


class Res2Options(Options):
    """What networks of Res2 blocks have in common."""

    channels: int = Field(1024, ge=2, le=WIDEST, description="of the blocks")
    scale: int = Field(8, ge=2, le=WIDEST, description="groups of channels inside a block")
    wide: int = Field(1536, ge=1, le=WIDEST, description="channels that are pooled")
    size: int = Field(192, ge=2, le=WIDEST, description="of the embedding")
    fusion: Fusion = SUM
    pooling: Pooling = CHANNEL_ATTENTIVE

    @model_validator(mode="after")
    def _equal_groups(self) -> Res2Options:
        if self.channels % self.scale:
            raise ValueError(
                f"{self.channels} channels do not make {self.scale} equal groups; change channels or scale"
            )
        return self


class ECAPAOptions(Res2Options):
    """ECAPA-TDNN, see `ECAPA`."""

    channels: int = Field(512, ge=2, le=WIDEST, description="of the blocks")
    bottleneck: int = Field(128, ge=1, le=WIDEST, description="of the squeeze-excitation")


class RawNet3Options(Res2Options):
    """RawNet3 on features, see `RawNet3`."""

    size: int = Field(256, ge=2, le=WIDEST, description="of the embedding")


class SKATDNNOptions(Res2Options):
    """SKA-TDNN, see `SKATDNN`."""

    bins: int = Field(80, ge=4, le=WIDEST, description="that a linear map makes for the front part")
    maps: int = Field(128, ge=1, le=WIDEST, description="of the front part")
    bottleneck: int = Field(128, ge=1, le=WIDEST, description="of the squeeze-excitation")


class MFAConformerOptions(Options):
    """MFA-Conformer, see `MFAConformer`."""

    width: int = Field(256, ge=1, le=WIDEST)
    blocks: int = Field(6, ge=1, le=1_000)
    inner: int = Field(2048, ge=1, le=WIDEST, description="feed-forward units")
    heads: int = Field(4, ge=1, le=WIDEST)
    kernel: int = Field(15, ge=1, le=WIDEST, description="taps of the convolution")
    dropout: float = Field(0.1, ge=0, lt=1)
    size: int = Field(192, ge=2, le=WIDEST, description="of the embedding")
    fusion: Fusion = SUM
    pooling: Pooling = CHANNEL_ATTENTIVE

    @model_validator(mode="after")
    def _heads_fill_the_width(self) -> MFAConformerOptions:
        if self.width % (2 * self.heads):
            raise ValueError(f"a width of {self.width} is no even number for each of {self.heads} heads")
        return self


class PlainXVectorOptions(Options):
    """The x-vector network of the stock ``...ForXVector`` classes, see `PlainXVector`."""

    channels: list[int] = Field([512, 512, 512, 512, 1500], min_length=1, description="of each time-delay layer")
    kernels: list[int] = Field([5, 3, 3, 1, 1], min_length=1, description="of each, in frames")
    dilations: list[int] = Field([1, 2, 3, 1, 1], min_length=1, description="of each, in frames")
    size: int = Field(512, ge=2, le=WIDEST, description="of the embedding")
    fusion: Literal["sum", "last"] = "sum"

    @model_validator(mode="after")
    def _fits(self) -> PlainXVectorOptions:
        counts = [len(self.channels), len(self.kernels), len(self.dilations)]
        if len(set(counts)) > 1 or min(*self.channels, *self.kernels, *self.dilations) < 1:
            raise ValueError(f"{counts} channels, kernels and dilations: give each layer one of each, all at least 1")
        return self


class AASISTOptions(Options):
    """Graph attention over spectrum and time, for anti-spoofing, see `AASIST`."""

    bands: int = Field(128, ge=3, le=WIDEST, description="features that hidden states are projected to")
    channels: tuple[int, ...] = Field(
        (32, 32, 64, 64, 64, 64), min_length=1, description="of the residual convolutions"
    )
    width: int = Field(32, ge=1, le=WIDEST, description="of nodes in the end; the embedding has five times as many")


class SLSOptions(Options):
    """A gate for each layer, for anti-spoofing, see `SLS`."""

    width: int = Field(384, ge=3, le=WIDEST, description="features that the sum of layers is projected to")
    size: int = Field(1024, ge=2, le=WIDEST, description="of the embedding")


EMBEDDERS: dict[str, type[Options]] = {
    "mhfa": MHFAOptions,
    "pooled": PooledOptions,
    "x_vector": XVectorOptions,
    "ecapa_tdnn": ECAPAOptions,
    "rawnet3": RawNet3Options,
    "mfa_conformer": MFAConformerOptions,
    "ska_tdnn": SKATDNNOptions,
    "plain_xvector": PlainXVectorOptions,
    "aasist": AASISTOptions,
    "sls": SLSOptions,
}

Embedder: Any = one_of("Embedder", EMBEDDERS)


def head_config(chosen: Any) -> dict[str, Any]:
    """What the model's config says of a choice: ``{"kind": "mhfa", "width": 128, ...}``, choices inside it likewise."""
    found = {"kind": chosen.kind, **chosen.options.model_dump()}
    for name in type(chosen.options).model_fields:
        if isinstance(inner := getattr(chosen.options, name), OneOf):
            found[name] = head_config(inner)
    return found
