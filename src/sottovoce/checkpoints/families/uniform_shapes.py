"""Whether a stock class can have a shape: all layers must have the same widths, and no block may be missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sottovoce.encoder.config import EncoderConfig
from sottovoce.errors import CheckpointError


@dataclass(frozen=True)
class Uniform:
    """The widths of an encoder whose layers are all alike.

    Args:
        hidden_size: residual width ``D``.
        layers: number of layers.
        heads: attention heads of each layer.
        ffn: feed-forward units of each layer.
        conv_channels: channels of each front-end convolution; ``None`` for a filterbank.
        positional_groups: groups of the positional convolution; ``None`` where there is none.
        taps: kernel size of the positional convolution; ``None`` where there is none.
    """

    hidden_size: int
    layers: int
    heads: int
    ffn: int
    conv_channels: list[int] | None
    positional_groups: int | None
    taps: int | None


def uniform(config: EncoderConfig) -> Uniform:
    """The widths of an encoder whose layers are all alike.

    Raises:
        CheckpointError: the stock class cannot have this shape; the message says which part and why.
    """
    shape, original = config.shape, config.original_shape
    hidden = config.hidden_size
    for i, layer in enumerate(shape["layers"]):
        for block, widths in layer.items():
            if widths is None:
                raise _refusal(f"layers.{i}.{block} has been removed")
            if block == "convolution" and widths["channels"] != hidden:
                raise _refusal(
                    f"layers.{i}.convolution has {widths['channels']} channels, not the {hidden} of the stream"
                )
    heads = _one(config, "heads", lambda layer: len(layer["attention"]["heads"]))
    ffn = _one(
        config,
        "feed-forward units",
        *(lambda layer, b=b: layer[b]["units"] for b in _feed_forwards(shape["layers"][0])),
    )
    if heads * config.head_dim != hidden:
        raise _refusal(f"{heads} heads of {config.head_dim} do not add up to the {hidden} channels of the stream")
    if config.position in ("gated_relative_bias", "rotary", "relative") and shape["residual"] != original["residual"]:
        raise _refusal(
            f"{hidden} of {len(original['residual'])} stream channels are left, and the position scheme needs all of them"
        )
    positional, groups, taps = shape["positional"], None, None
    if original["positional"] is not None:
        if positional is None or positional["groups"] != original["positional"]["groups"]:
            raise _refusal("groups of the positional convolution have been removed")
        groups, kernels = len(positional["groups"]), set(positional["taps"])
        if len(kernels) > 1:
            raise _refusal(f"the positional convolutions have kernels of different sizes ({positional['taps']})")
        taps = kernels.pop()
    return Uniform(hidden, len(shape["layers"]), heads, ffn, shape["frontend"].get("channels"), groups, taps)


def _feed_forwards(layer: dict[str, Any]) -> list[str]:
    return [name for name in layer if name.startswith("feed_forward")]


def _one(config: EncoderConfig, what: str, *widths: Any) -> int:
    found = sorted({width(layer) for layer in config.shape["layers"] for width in widths})
    if len(found) != 1:
        raise _refusal(f"layers have different numbers of {what} ({', '.join(map(str, found))})")
    return found[0]


def _refusal(reason: str) -> CheckpointError:
    return CheckpointError(f"the stock class cannot express this shape: {reason}; save it with save_pretrained instead")
