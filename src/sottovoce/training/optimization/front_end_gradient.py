"""The convolutions of the front end, whose gradients can have a factor of their own."""

from __future__ import annotations

from torch import nn

from ...encoder.frontend.waveform_frontend import WaveformFrontEnd
from ...encoder.network import EncoderNetwork


def front_end_weights(encoder: EncoderNetwork) -> list[nn.Parameter]:
    """The weights of the convolutions of a front end, with their norms; none where features are computed otherwise.

    A factor of their gradients does what the public code does by scaling the gradient that comes to their output
    (``feature_grad_mult``, from fairseq), but for gates on their channels.
    """
    frontend = encoder.frontend
    return list(frontend.conv.parameters()) if isinstance(frontend, WaveformFrontEnd) else []
