"""What heads share that read the waveform itself, on an encoder without layers."""

from __future__ import annotations

import math

from torch import Tensor

from ..encoder.stream import ResidualStream
from ..errors import AudioError, CheckpointError


def check_reads_waveform(kind: str, stream: ResidualStream, layers: int) -> None:
    """Refuse an encoder that gives something else than the waveform.

    Args:
        kind: name of the head, for the message.
        stream, layers: the residual stream and the number of hidden states of the encoder.

    Raises:
        CheckpointError: it does.
    """
    if (stream.original, layers) != (1, 1):
        raise CheckpointError(
            f"config: head {kind} reads the waveform, and the encoder gives {layers} hidden states of {stream.width}"
            " channels; take encoder: {config: {front_end: samples}}"
        )


def check_long_enough(lengths: Tensor | None, samples: int, least: int) -> None:
    """Refuse utterances that are too short for a network on the waveform.

    Args:
        lengths: ``[B]`` valid samples of each; ``None``: all.
        samples: number of samples of the batch.
        least: the least number of samples of an utterance.

    Raises:
        AudioError: an utterance is shorter.
    """
    if lengths is not None and lengths.is_meta:
        return
    shortest = samples if lengths is None else int(lengths.min())
    if shortest < least:
        raise AudioError(
            f"an utterance of {shortest} samples; this network needs at least {least} ({least / 16:g} ms at 16 kHz)"
        )


def mel_edges(low: float, high: float, bands: int) -> list[float]:
    """The ``bands + 1`` edges of bands in hertz, side by side and equally wide in mel.

    Args:
        low, high: the first and the last edge in hertz.
        bands: number of bands.
    """
    first, last = (2595 * math.log10(1 + hertz / 700) for hertz in (low, high))
    return [700 * (10 ** ((first + (last - first) * i / bands) / 2595) - 1) for i in range(bands + 1)]
