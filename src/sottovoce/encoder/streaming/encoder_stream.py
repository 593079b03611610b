"""An encoder on audio that arrives in pieces.

    pieces    ┌──┐┌──────────┐┌┐┌──────┐          any number of samples each
    samples   ├──────────────────────┤ …
    chunks    [ 0 1 2 3 ][ 4 5 6 7 ]              frames, as soon as the window of a chunk's last frame is full
    state     ⤷ keys and values of earlier chunks, the last inputs of convolutions, running statistics

The output equals that of the whole recording in one masked pass (`EncoderNetwork.chunks`), up to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from ...errors import AudioError, StreamingError
from ...quantities import SAMPLE_RATE, Seconds
from ..config import EncoderConfig
from ..frontend.mel_analysis import CENTERED
from ..frontend.samples import SampleFrontEnd
from ..frontend.waveform_frontend import FilterbankFrontEnd, WaveformFrontEnd, check_lengths
from ..output import EncoderOutput
from ..stream import ResidualStream
from .cache import StreamState
from .chunks import Chunks


class StreamableEncoder(Protocol):
    """What a stream needs of an encoder; `EncoderNetwork` has it."""

    config: EncoderConfig
    chunks: Chunks | None
    training: bool
    layers: nn.ModuleList
    frontend: WaveformFrontEnd | FilterbankFrontEnd | SampleFrontEnd
    stream: ResidualStream

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> torch.dtype: ...

    def forward_chunk(self, waveform: Tensor, state: StreamState) -> EncoderOutput: ...


def streaming_problems(config: EncoderConfig) -> list[str]:
    """The reasons why an encoder cannot work chunk by chunk, each with its remedy; empty if it can."""
    found = []
    if not config.shape["layers"]:
        found.append("has no layers")
    if config.front_end == "filterbank" and config.feature_norm != "running":
        found.append("has no running norm of its features (use feature_norm: running)")
    if config.front_end == "filterbank" and config.filterbank in CENTERED:
        found.append(f"has the windows of {config.filterbank}, which look ahead (use filterbank: seamless)")
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
    """Refuse a config whose encoder cannot work chunk by chunk.

    Raises:
        StreamingError: it cannot; the message names every reason and its remedy.
    """
    if found := streaming_problems(config):
        raise StreamingError(
            f"{config.family} cannot stream: it {'; it '.join(found)}. Use w2v-BERT 2.0 or a Conformer, made causal and"
            " trained chunk by chunk"
        )


@dataclass(frozen=True)
class Latency:
    """The algorithmic latency: the longest time between a sound and the output of its frame, without computing time.

    It is longest for a sound at the start of a chunk, because the chunk must be complete.

    Args:
        chunk: seconds of a chunk.
        front_end: seconds by which the window of a frame extends past the start of the next frame.
    """

    chunk: Seconds
    front_end: Seconds

    @property
    def seconds(self) -> float:
        """The sum; there is no look-ahead beyond the chunk."""
        return self.chunk + self.front_end


class EncoderStream:
    """One stream of audio (or several of equal length, as a batch) through an encoder.

        stream = encoder.streaming(Chunks(size=16, left=4))
        for piece in microphone:                       # [B, S], any S
            out = stream.push(piece)                   # frames of the chunks that are now complete; often none
        out = stream.flush()                           # the remaining frames

    The hidden states of all outputs, concatenated, are those of ``encoder(whole)`` with ``encoder.chunks`` set to these
    chunks. Neither the state nor the time for a chunk grows with the stream.

    Args:
        encoder: an encoder in evaluation mode.
        chunks: the chunks of attention; default: those of the encoder.

    Raises:
        StreamingError: the encoder cannot work chunk by chunk, has no chunks, or is in training mode.
    """

    def __init__(self, encoder: StreamableEncoder, chunks: Chunks | None = None):
        check_streamable(encoder.config)
        chunks = chunks or encoder.chunks
        if chunks is None:
            raise StreamingError(
                f"{encoder.config.family}: every frame attends to the whole utterance; give chunks, such as Chunks(16, left=4)"
            )
        if encoder.training:
            raise StreamingError(f"{encoder.config.family}: in training mode; call eval() before streaming")
        self.encoder, self.chunks = encoder, chunks
        self._reset()

    def _reset(self) -> None:
        self._samples: Tensor | None = None
        self._state = StreamState.empty(len(self.encoder.layers), self.chunks.past)

    @property
    def latency(self) -> Latency:
        """The algorithmic latency, which follows from the shape of the network."""
        frontend = self.encoder.frontend
        chunk = self.chunks.size * self.encoder.config.samples_per_frame
        return Latency(chunk / SAMPLE_RATE, (frontend.min_samples - frontend.hop) / SAMPLE_RATE)

    @property
    def frames(self) -> int:
        """The number of frames so far."""
        return self._state.frames

    @torch.no_grad()
    def push(self, waveform: Tensor) -> EncoderOutput:
        """Add a piece of audio.

        Args:
            waveform: ``[B, S]`` floats at 16 kHz; ``S`` may be 0.

        Returns:
            Hidden states ``[B, T, D]`` of the frames whose chunk is now complete; ``T`` may be 0.

        Raises:
            AudioError: a wrong shape or dtype, another batch size than before, or samples that are NaN or infinite.
        """
        self._append(waveform)
        size, outputs = self.chunks.size * self.encoder.config.downsampling, []
        while self._ready_frames() >= size:
            outputs.append(self._encode_next(size))
        return self._concatenated(outputs)

    @torch.no_grad()
    def flush(self) -> EncoderOutput:
        """End the stream and return the frames of the last, shorter chunk. The next piece starts a new stream.

        Raises:
            AudioError: the whole stream was too short for a frame.
        """
        if self._samples is None or self.frames + self._ready_frames() == 0:
            samples = 0 if self._samples is None else self._samples.shape[1]
            raise AudioError(
                f"a stream of {samples} samples; the encoder needs at least {self.encoder.frontend.min_samples}"
                f" ({self.encoder.frontend.min_samples / 16:g} ms at 16 kHz)"
            )
        output = self._concatenated([self._encode_next(count)] if (count := self._ready_frames()) else [])
        self._reset()
        return output

    def _append(self, waveform: Tensor) -> None:
        check_lengths(waveform, None, 0)
        if not bool(torch.isfinite(waveform).all()):
            raise AudioError("a piece of the stream has samples that are NaN or infinite; leave it out")
        waveform = waveform.to(self.encoder.device)
        if self._samples is None:
            self._samples = waveform
        elif len(waveform) != len(self._samples):
            raise AudioError(
                f"a batch of {len(waveform)} in a stream of {len(self._samples)}; keep the batch size of a stream"
            )
        else:
            self._samples = torch.cat([self._samples, waveform], 1)

    def _ready_frames(self) -> int:
        """Number of front-end frames whose window is complete and that are not yet encoded."""
        assert self._samples is not None
        frontend = self.encoder.frontend
        return max(0, (self._samples.shape[1] - frontend.min_samples) // frontend.hop + 1)

    def _encode_next(self, frames: int) -> EncoderOutput:
        """Encode the next ``frames`` frames of the front end as one chunk."""
        assert self._samples is not None
        frontend = self.encoder.frontend
        window = self._samples[:, : (frames - 1) * frontend.hop + frontend.min_samples]
        output = self.encoder.forward_chunk(window, self._state)
        self._samples = self._samples[:, frames * frontend.hop :]
        return output

    def _concatenated(self, outputs: list[EncoderOutput]) -> EncoderOutput:
        """The outputs concatenated over time; ``[B, 0, D]`` where there is none."""
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
