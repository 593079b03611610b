"""Configs of encoders without layers, whose one hidden state is what their front end gives.

They make a task model of a head that needs no encoder, because it has a front end of its own or reads plain features.
Everything that works on an encoder and a head then works on it too.
"""

from __future__ import annotations

from typing import Any

from ..config import EncoderConfig, uniform_shape

NO_LAYERS: dict[str, Any] = {
    "layers": 0,
    "heads": 0,
    "ffn": 0,
    "conv_channels": None,
    "positional_groups": None,
}
"""Arguments of `uniform_shape` for an encoder without layers, besides its width."""

PLAIN: dict[str, Any] = {"layer": "pre_norm", "position": "none"}
"""Fields of an `EncoderConfig` without layers: nothing is normalized after the front end."""


FAMILY = {"samples": "waveform"}
"""Front end -> the family of its encoder without layers."""


def waveform_config(fixed_samples: int | None = None) -> EncoderConfig:
    """An encoder whose hidden state is the waveform itself: one channel, and a frame for each sample.

    Args:
        fixed_samples: see `EncoderConfig`.

    Raises:
        CheckpointError: a number of samples that is out of range.
    """
    shape = uniform_shape(hidden_size=1, **NO_LAYERS)
    return EncoderConfig(
        shape=shape, family=FAMILY["samples"], front_end="samples", fixed_samples=fixed_samples, **PLAIN
    )
