"""An encoder on audio that comes bit by bit.

    pieces    ┌──┐┌──────────┐┌┐┌──────┐          any number of samples each
    samples   ├──────────────────────┤ …
    chunks    [ 0 1 2 3 ][ 4 5 6 7 ]              frames, as soon as the window of a chunk's last frame is full
    memory    ⤷ keys and values of the chunks seen, the ends of convolutions, running statistics

What comes out is what the whole recording gives in one masked pass (`EncoderNetwork.chunks`), to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ...errors import AudioError, StreamingError
from ..config import EncoderConfig
from ..frontend.waveform_frontend import check_lengths
from ..output import EncoderOutput
from .cache import StreamState
from .chunks import Chunks

if TYPE_CHECKING:
    from ..network import EncoderNetwork


def obstacles(config: EncoderConfig) -> list[str]:
    """What keeps an encoder from working chunk by chunk; empty where nothing does."""
    found = []
    if config.front_end == "filterbank" and config.feature_norm != "running":
        found.append("normalizes features over the whole utterance (use feature_norm: running)")
    if config.front_end == "waveform" and config.normalize:
        found.append("normalizes the whole waveform (use normalize: false)")
    if config.front_end == "waveform" and config.conv_norm == "group":
        found.append("has a GroupNorm over the whole utterance (use conv_norm: layer, or front_end: filterbank)")
    positional = config.shape["positional"]
    if positional is not None and positional["groups"]:
        found.append("has a positional convolution that looks ahead (use positional_groups: null)")
    convolutions = any(layer.get("convolution") is not None for layer in config.shape["layers"])
    if convolutions and not config.causal_convolution and config.depthwise_kernel > 1:
        found.append("has centered depthwise convolutions (use causal_convolution: true)")
    return found


def check_streamable(config: EncoderConfig) -> None:
    """Raises: StreamingError: an encoder of this kind cannot work chunk by chunk; it names every reason and a remedy."""
    if found := obstacles(config):
        raise StreamingError(
            f"{config.family} cannot stream: it {'; it '.join(found)}. Use w2v-BERT 2.0 or a Conformer, made causal and"
            " trained by a recipe with encoder.streaming"
        )


@dataclass(frozen=True)
class Latency:
    """How long after a sound the frame that it belongs to comes out, at worst and apart from computing: the sound at the
    beginning of a chunk waits for the chunk's end.

    Args:
        chunk: seconds of a chunk.
        front_end: seconds that the window of a frame reaches past the next frame's beginning.
    """

    chunk: float
    front_end: float

    @property
    def seconds(self) -> float:
        """In all; there is no look-ahead beyond the chunk."""
        return self.chunk + self.front_end


class EncoderStream:
    """One stream of audio (or several of equal length, as a batch) through an encoder.

        stream = encoder.streaming(Chunks(size=16, left=4))
        for piece in microphone:                       # [B, S], any S
            out = stream.push(piece)                   # frames of the chunks that are now complete; often none
        out = stream.flush()                           # the frames that are left

    Strung together, the hidden states are those of ``encoder(whole)`` with ``encoder.chunks`` set to these chunks. StreamState
    does not grow with the stream, computing does not slow down.

    Args:
        encoder: in evaluation mode.
        chunks: default: the encoder's own.

    Raises:
        StreamingError: an encoder that cannot work chunk by chunk, or that is told no chunks.
    """

    def __init__(self, encoder: EncoderNetwork, chunks: Chunks | None = None):
        check_streamable(encoder.config)
        chunks = chunks or encoder.chunks
        if chunks is None:
            raise StreamingError(
                f"{encoder.config.family}: every frame sees the whole utterance; name chunks, such as Chunks(16, left=4)"
            )
        if encoder.training:
            raise StreamingError(f"{encoder.config.family}: in training mode; call eval() before streaming")
        self.encoder, self.chunks = encoder, chunks
        self._begin()

    def _begin(self) -> None:
        self._samples: Tensor | None = None
        self._memory = StreamState.empty(len(self.encoder.layers), self.chunks.past)

    @property
    def latency(self) -> Latency:
        """Algorithmic latency, from the shape of the network alone."""
        frontend, rate = self.encoder.frontend, 16_000
        chunk = self.chunks.size * self.encoder.config.samples_per_frame
        return Latency(chunk / rate, (frontend.least - frontend.hop) / rate)

    @property
    def frames(self) -> int:
        """Frames that have come out so far."""
        return self._memory.frames

    @torch.no_grad()
    def push(self, waveform: Tensor) -> EncoderOutput:
        """Hear a piece.

        Args:
            waveform: ``[B, S]`` floats at 16 kHz, ``S`` from 0 on.

        Returns:
            hidden states ``[B, T, D]`` of the frames whose chunk is complete now; ``T`` may be 0.

        Raises:
            AudioError: another shape or type, another batch size than before, or samples that are no numbers.
        """
        self._hear(waveform)
        size, outputs = self.chunks.size * self.encoder.config.downsampling, []
        while self._waiting() >= size:
            outputs.append(self._next(size))
        return self._strung(outputs)

    @torch.no_grad()
    def flush(self) -> EncoderOutput:
        """End the stream: the frames of the last, shorter chunk. What is pushed next begins another one.

        Raises:
            AudioError: the whole stream was too short for a frame.
        """
        if self._samples is None or self.frames + self._waiting() == 0:
            heard = 0 if self._samples is None else self._samples.shape[1]
            raise AudioError(
                f"a stream of {heard} samples; the encoder needs at least {self.encoder.frontend.least}"
                f" ({self.encoder.frontend.least / 16:g} ms at 16 kHz)"
            )
        output = self._strung([self._next(count)] if (count := self._waiting()) else [])
        self._begin()
        return output

    def _hear(self, waveform: Tensor) -> None:
        check_lengths(waveform, None, 0)
        if not bool(torch.isfinite(waveform).all()):
            raise AudioError("a piece of the stream has samples that are NaN or infinite; leave it out")
        waveform = waveform.to(self.encoder.device)
        if self._samples is None:
            self._samples = waveform
        elif len(waveform) != len(self._samples):
            raise AudioError(f"a batch of {len(waveform)} in a stream of {len(self._samples)}; keep to one size")
        else:
            self._samples = torch.cat([self._samples, waveform], 1)

    def _waiting(self) -> int:
        """Frames of the front end whose window is full and that have not gone into a chunk."""
        assert self._samples is not None
        frontend = self.encoder.frontend
        return max(0, (self._samples.shape[1] - frontend.least) // frontend.hop + 1)

    def _next(self, frames: int) -> EncoderOutput:
        """The next so many frames of the front end as a chunk."""
        assert self._samples is not None
        frontend = self.encoder.frontend
        window = self._samples[:, : (frames - 1) * frontend.hop + frontend.least]
        output = self.encoder.forward_chunk(window, self._memory)
        self._samples = self._samples[:, frames * frontend.hop :]
        return output

    def _strung(self, outputs: list[EncoderOutput]) -> EncoderOutput:
        """The outputs one behind the other; frames ``[B, 0, D]`` where there is none."""
        if len(outputs) == 1:
            return outputs[0]
        assert self._samples is not None
        size = (len(self._samples), 0, self.encoder.stream.width)
        nothing = torch.zeros(size, dtype=self.encoder.dtype, device=self.encoder.device)
        states = [[nothing] * (len(self.encoder.layers) + 1), *(out.hidden_states for out in outputs)]
        joined = tuple(torch.cat(each, 1) for each in zip(*states, strict=True))
        last = torch.cat([nothing, *(out.last_hidden_state for out in outputs if out.last_hidden_state is not None)], 1)
        lengths = torch.full((len(last),), last.shape[1], device=last.device)
        return EncoderOutput(last, joined, lengths)
