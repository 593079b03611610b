"""`EncoderNetwork`: one network for every family, built of parts that are passed in."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Self

import torch
from torch import Tensor, nn

from ..errors import AudioError
from ..quantities import SAMPLE_RATE, Seconds
from .build import front_end, layer_options, positional_convolution, residual_stream, shared_position
from .checks.inputs import InputBatch, input_batch, refuse_unknown
from .config import EncoderConfig, Shape
from .frontend.downsampling import Downsampling
from .frontend.samples import SampleFrontEnd
from .frontend.waveform_frontend import FilterbankFrontEnd
from .layers.attention import AttentionContext
from .layers.frame_masks import frame_mask
from .layers.hop_frames import hop_count, one_frame_each_hop
from .layers.layer_builder import build_layer
from .layers.low_rank import use_factors
from .layers.positions import AttentionSpan
from .output import EncoderOutput, FrameFeatures, as_requested
from .single_device import SingleDeviceModule
from .streaming.cache import LayerCache, StreamState
from .streaming.chunks import Chunks
from .streaming.encoder_stream import EncoderStream
from .units import MacTerm, Timing, Unit

ARGUMENTS = (
    "waveform",
    "lengths",
    "upto",
    "features",
    "feature_lengths",
    "input_values",
    "input_features",
    "attention_mask",
    "output_hidden_states",
    "return_dict",
)
"""The arguments of `EncoderNetwork.forward`."""


class EncoderNetwork(SingleDeviceModule):
    """A speech encoder of any family and any shape: 16 kHz waveform in, hidden states out.

    Inference needs no more than this. `SpeechEncoder` adds the base class of Transformers, which takes as long to import as
    torch.

    Args:
        config: parts and shape of the network.

    Attributes:
        chunks: the chunks of attention; ``None``: every frame attends to the whole utterance. It comes from the config and
            may be changed. Streaming with the same chunks gives the same output.
    """

    config: EncoderConfig
    chunks: Chunks | None

    def __init__(self, config: EncoderConfig):
        super().__init__()
        self.config = config
        self.build_parts(config)

    def build_parts(self, config: EncoderConfig) -> None:
        """Build the parts that the config names."""
        self.chunks = config.chunks
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Initializing zero-element tensors")
            self.stream = stream = residual_stream(config)
            self.frontend = front_end(config, stream)
            self.downsampling = Downsampling(stream, config.downsampling) if config.downsampling > 1 else None
            inner = stream if config.layer == "pre_norm" else stream.inner()
            self.positional = positional_convolution(config, inner)
            post_norm = config.layer == "post_norm"
            self.input_norm = nn.LayerNorm(stream.width, eps=config.norm_eps) if post_norm else None
            self.dropout = nn.Dropout(config.dropout)
            self.position = shared_position(config, stream)
            options = layer_options(config, inner)
            self.layers = nn.ModuleList(build_layer(inner, entry, options) for entry in config.shape["layers"])
            self.final_norm = nn.LayerNorm(stream.width, eps=config.norm_eps) if config.final_norm else None
            use_factors(self, config.shape)

    def forward(
        self,
        waveform: Tensor | None = None,
        lengths: Tensor | None = None,
        upto: int | None = None,
        *,
        features: Tensor | None = None,
        feature_lengths: Tensor | None = None,
        input_values: Tensor | None = None,
        input_features: Tensor | None = None,
        attention_mask: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        **unknown: object,
    ) -> EncoderOutput | tuple[object, ...]:
        """Encode a batch.

        Args:
            waveform: ``[B, S]`` floats at 16 kHz.
            lengths: ``[B]`` valid samples of each utterance; ``None``: all ``S``.
            upto: stop after this many layers; ``hidden_states`` then has ``upto + 1`` entries.
            features: ``[B, T, 160]`` stacked mel features instead of a waveform, for encoders with a filterbank.
            feature_lengths: ``[B]`` valid frames of the features; ``None``: all ``T``.
            input_values: the waveform, under the name that stock feature extractors use.
            input_features: the features, under the name that stock feature extractors use.
            attention_mask: ``[B, S]`` or ``[B, T]``: 1 on valid samples or frames, 0 on padding, which must be on the right.
            output_hidden_states: ``False`` leaves ``hidden_states`` out.
            return_dict: ``False`` returns a tuple; default: as in the config.
            unknown: the arguments of `inputs.FIXED_ARGUMENTS`, which stock code passes; all others are an error.

        Raises:
            AudioError: a batch of wrong shape or type, an utterance that is too short for one frame, or padding on the left.
            TypeError: an argument that is unknown or has a value that is not supported.
        """
        refuse_unknown(unknown, ARGUMENTS, type(self).__name__)
        batch = input_batch(waveform, lengths, features, feature_lengths, input_values, input_features, attention_mask)
        if batch.features is not None:
            x, frames = self._from_features(batch.features), batch.feature_lengths
        else:
            x, frames = self.frontend(batch.waveform, batch.lengths)
        if self.downsampling is not None:
            x = self.downsampling(x, frames)
            frames = None if frames is None else self.downsampling.frames(frames)
        T = x.shape[1]
        mask = None
        if frames is not None and (frames.is_meta or bool((frames < T).any())):
            mask = frame_mask(frames, T)
            x = x.masked_fill(~mask[..., None], 0.0)
        projected = x
        if self.positional is not None:
            x = x + self.positional(x, mask)
        window = None if self.chunks is None else self.chunks.mask(T, x.device)
        states, last = self._through_layers(
            x, AttentionContext(self.position.prepare(AttentionSpan(T), x), mask, window), upto
        )
        if frames is None:
            frames = torch.full((x.shape[0],), T, device=x.device)
        if self.config.s3prl_states and batch.waveform is not None:
            states, last, frames = self._as_s3prl(states, last, frames, batch)
        if output_hidden_states is False:
            return as_requested(EncoderOutput(last, None, frames), self.config, return_dict)
        return as_requested(EncoderOutput(last, states, frames, projected), self.config, return_dict)

    def _as_s3prl(
        self, states: tuple[Tensor, ...], last: Tensor | None, frames: Tensor, batch: InputBatch
    ) -> tuple[tuple[Tensor, ...], Tensor | None, Tensor]:
        """States, output and numbers of frames as s3prl has them, see ``s3prl_states`` in `EncoderConfig`."""
        assert batch.waveform is not None
        B, S = batch.waveform.shape
        hop = self.config.samples_per_frame
        count = hop_count(S, hop)
        states = one_frame_each_hop(states if last is None else (*states[:-1], last), frames, count)
        lengths = torch.full((B,), S, device=frames.device) if batch.lengths is None else batch.lengths
        return states, None if last is None else states[-1], hop_count(lengths, hop)

    def frame_features(self, waveform: Tensor, lengths: Tensor | None = None, *, layer: int = -1) -> FrameFeatures:
        """A hidden state of ``waveform[B, S]`` or ``[S]``, for a network that is built on it. Gradients reach the waveform.

        Args:
            waveform: floats at 16 kHz.
            lengths: ``[B]`` valid samples of each utterance; ``None``: all ``S``.
            layer: which of the ``L + 1`` hidden states: 0 is the input of the first layer, ``L`` and -1 the output of the
                last one. Later layers are not computed.

        Raises:
            AudioError: a waveform of wrong shape or type, or too short for one frame.
            IndexError: there is no such hidden state.
        """
        count = len(self.layers) + 1
        if not -count <= layer < count:
            raise IndexError(
                f"layer {layer}: there are {count} hidden states; give 0 to {count - 1}, or -1 for the last"
            )
        single = waveform.dim() == 1
        found = self(waveform[None] if single else waveform, lengths, upto=layer % count, return_dict=True)
        frames = found.hidden_states[-1]
        return FrameFeatures(frames[0], found.lengths[0]) if single else FrameFeatures(frames, found.lengths)

    def forward_chunk(self, waveform: Tensor, state: StreamState) -> EncoderOutput:
        """Encode the next chunk of a stream; `EncoderStream` cuts the chunks and keeps the state.

        Args:
            waveform: ``[B, S]``: the samples of the chunk's frames, up to the end of the window of the last frame.
            state: the state after the earlier chunks; it is updated.
        """
        assert not isinstance(self.frontend, SampleFrontEnd), "an encoder without layers has no stream"
        x = self.frontend.forward_chunk(waveform, state.stats)
        x = x if self.downsampling is None else self.downsampling(x)
        B, T, _ = x.shape
        span = AttentionSpan(T, min(state.frames, state.past), state.frames)
        states, last = self._through_layers(x, AttentionContext(self.position.prepare(span, x)), caches=state.layers)
        state.frames += T
        return EncoderOutput(last, states, torch.full((B,), T, device=x.device))

    def _through_layers(
        self,
        x: Tensor,
        context: AttentionContext,
        upto: int | None = None,
        caches: Sequence[LayerCache | None] | None = None,
    ) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """The ``L + 1`` hidden states ``[B, T, D]``, and the last one after the final norm (``None`` if stopped early)."""
        if self.input_norm is not None:
            x = self.input_norm(x)
        x = self.dropout(x)
        states = [x]
        layers = list(self.layers)[:upto]
        for layer, cache in zip(layers, caches or [None] * len(layers), strict=True):
            # LayerDrop (Fan et al. 2019): in training, each layer is skipped with this probability.
            if not (self.training and self.config.layerdrop and torch.rand([]) < self.config.layerdrop):
                x = layer(x, context, cache)
            states.append(x)
        if upto is not None and upto < len(self.layers):
            return tuple(states), None
        return tuple(states), x if self.final_norm is None else self.final_norm(x)

    def streaming(self, chunks: Chunks | None = None) -> EncoderStream:
        """A stream of audio through this encoder, in pieces of any size.

        Args:
            chunks: the chunks of attention; default: those of the encoder.

        Raises:
            StreamingError: the encoder cannot work chunk by chunk, or has no chunks.
        """
        return EncoderStream(self, chunks)

    def _from_features(self, features: Tensor) -> Tensor:
        if not isinstance(self.frontend, FilterbankFrontEnd):
            raise AudioError("this encoder has no filterbank, so it takes no features; give it a waveform")
        return self.frontend.from_features(features)

    # --- what pruning uses ---

    @property
    def shape(self) -> Shape:
        """Widths of every part, see `uniform_shape`."""
        return self.config.shape

    @property
    def original_shape(self) -> Shape:
        """The shape before any pruning."""
        return self.config.original_shape

    def timing(self, seconds: Seconds) -> Timing:
        """The number of frames at each stage of the network for an utterance of that many seconds."""
        timing = self.frontend.timing(round(seconds * SAMPLE_RATE))
        return timing if self.downsampling is None else replace(timing, frames=self.downsampling.frames(timing.frames))

    def shrunk(self, shape: Shape) -> Self:
        """An encoder of the same class and parts with another shape and newly initialized weights."""
        return type(self)(self.config.with_shape(shape))

    def probe(self) -> dict[str, Tensor]:
        """Input on which a slim network is compared with the gated one: noise of 1 s and, padded, of 2/3 s."""
        noise = torch.randn(2, SAMPLE_RATE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return {"waveform": 0.1 * noise, "lengths": torch.tensor([SAMPLE_RATE, SAMPLE_RATE * 2 // 3])}

    def units(self) -> list[Unit]:
        names = ["input_norm"] if self.input_norm is not None else []
        reads = ["final_norm"] if self.final_norm is not None else []
        return [self.stream.part(name="residual", gated_norms=names, norms=reads)]

    def macs(self) -> list[MacTerm]:
        return [] if self.downsampling is None else [MacTerm(lambda t: t.frames, parameter="downsampling.weight")]
