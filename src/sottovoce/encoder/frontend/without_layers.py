"""Configs of encoders without layers, whose one hidden state is what their front end gives.

They make a task model of a head that needs no encoder, because it has a front end of its own or reads plain features.
Everything that works on an encoder and a head then works on it too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import EncoderConfig, uniform_shape

NO_LAYERS: Mapping[str, object] = {
    "layers": 0,
    "heads": 0,
    "ffn": 0,
    "conv_channels": None,
    "positional_groups": None,
}
"""Arguments of `uniform_shape` for an encoder without layers, besides its width."""

_PLAIN: Mapping[str, object] = {"layer": "pre_norm", "position": "none"}
PLAIN: Mapping[str, Mapping[str, object]] = {
    "samples": {"family": "waveform", "front_end": "samples", **_PLAIN},
    "features": {
        "family": "filterbank",
        "front_end": "features",
        "filterbank": "wespeaker",
        "stacked_windows": 1,
        "feature_norm": "mean",
        **_PLAIN,
    },
}
"""Front end -> the fields of an `EncoderConfig` without layers: nothing is normalized after the front end."""


def waveform_config(fixed_samples: int | None = None) -> EncoderConfig:
    """An encoder whose hidden state is the waveform itself: one channel, and a frame for each sample.

    Args:
        fixed_samples: see `EncoderConfig`.

    Raises:
        CheckpointError: a number of samples that is out of range.
    """
    return _config(1, {**PLAIN["samples"], "fixed_samples": fixed_samples})


def filterbank_config(toolkit: str = "wespeaker", bins: int = 80, norm: str = "mean") -> EncoderConfig:
    """An encoder whose hidden state is the log filterbank itself: a frame every 10 ms.

    Args:
        toolkit: whose filterbank, see `mel_analysis.TOOLKITS`.
        bins: number of mel bins.
        norm: ``feature_norm`` of `EncoderConfig`.

    Raises:
        CheckpointError: an unknown name, or a number that is out of range.
    """
    own = {"filterbank": toolkit, "filterbank_bins": bins, "feature_norm": norm}
    return _config(bins, {**PLAIN["features"], **own})


def _config(width: int, fields: dict[str, Any]) -> EncoderConfig:
    widths: dict[str, Any] = dict(NO_LAYERS)
    return EncoderConfig(shape=uniform_shape(hidden_size=width, **widths), **fields)
