"""`SpeechEncoder`: one encoder for every family, built of parts that are passed in."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel

from .attention import Sight
from .build import build_layer, front_end, positional_convolution, residual_stream, shared_position
from .cache import LayerCache, Memory
from .chunks import Chunks
from .config import EncoderConfig, Shape
from .convolution import StridedConv
from .downsampling import Downsampling
from .errors import AudioError, CheckpointError
from .frontend import FilterbankFrontEnd
from .inputs import one_batch, refuse
from .loading import StrictLoading
from .low_rank import use_factors
from .model_files import Files
from .norms import valid
from .output import EncoderOutput, as_wanted
from .positional_convolution import PositionalConvolution, PositionalLayer
from .positions import GatedRelativeBias, RelativePosition, Span
from .streaming import EncoderStream
from .units import Macs, Timing, Unit

SAMPLE_RATE = 16000

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
"""Of `SpeechEncoder.forward`."""


class SpeechEncoder(StrictLoading, PreTrainedModel):  # type: ignore[misc]
    """A speech encoder of any family and any shape: 16 kHz waveform in, hidden states out.

        encoder = SpeechEncoder.from_pretrained("microsoft/wavlm-base-plus")
        out = encoder(waveform, lengths)          # [B, S] at 16 kHz, [B] samples
        out.hidden_states[4]                      # [B, T, D]

    Padding is exact: an utterance in a padded batch gives what it gives alone.

    Attributes:
        chunks: what a frame sees of the others (``None``: all); from the config, and anyone's to change. A stream in the
            same chunks gives the same.
    """

    config_class = EncoderConfig
    config: EncoderConfig
    base_model_prefix = "encoder"
    main_input_name = "waveform"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ["PostNormLayer", "PreNormLayer", "ConformerLayer"]

    def __init__(self, config: EncoderConfig):
        super().__init__(config)
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
            self.layers = nn.ModuleList(build_layer(config, inner, entry) for entry in config.shape["layers"])
            self.final_norm = nn.LayerNorm(stream.width, eps=config.norm_eps) if config.final_norm else None
            use_factors(self, config.shape)
        self.post_init()

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
        **unknown: Any,
    ) -> EncoderOutput | tuple[Any, ...]:
        """Encode a batch.

        Args:
            waveform: ``[B, S]`` floats at 16 kHz.
            lengths: ``[B]`` valid samples of each; ``None``: all ``S``.
            upto: stop after this many layers: ``hidden_states`` then has ``upto + 1`` entries.
            features, feature_lengths: instead of a waveform, ``[B, T, 160]`` stacked mel features and their valid frames
                (encoders with a filterbank only).
            input_values, input_features, attention_mask: the names under which stock feature extractors give waveform or
                features, and ``[B, S]`` or ``[B, T]``, 1 on what is no padding. Padding stands on the right.
            output_hidden_states: ``False`` leaves ``hidden_states`` out.
            return_dict: ``False`` gives a tuple; default: what the config says.
            unknown: what `inputs.SETTLED` lists, for stock code that passes it along.

        Raises:
            AudioError: a batch of wrong shape or type, an utterance too short to make a frame, or padding on the left.
            TypeError: an argument that is unknown or cannot be heeded.
        """
        refuse(unknown, ARGUMENTS, type(self).__name__)
        batch = one_batch(waveform, lengths, features, feature_lengths, input_values, input_features, attention_mask)
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
            mask = valid(frames, T)
            x = x.masked_fill(~mask[..., None], 0.0)
        if self.positional is not None:
            x = x + self.positional(x, mask)
        window = None if self.chunks is None else self.chunks.mask(T, x.device)
        states, last = self._through_layers(x, Sight(self.position.prepare(Span(T), x), mask, window), upto)
        if frames is None:
            frames = torch.full((x.shape[0],), T, device=x.device)
        kept = None if output_hidden_states is False else states
        return as_wanted(EncoderOutput(last, kept, frames), self.config, return_dict)

    def following(self, waveform: Tensor, memory: Memory) -> EncoderOutput:
        """Encode the next chunk of a stream; all of `EncoderStream` that is not keeping books.

        Args:
            waveform: ``[B, S]``: the samples of the chunk's frames, to the end of the last one's window.
            memory: of the chunks before; brought up to date.
        """
        x = self.frontend.following(waveform, memory.heard)
        x = x if self.downsampling is None else self.downsampling(x)
        B, T, _ = x.shape
        span = Span(T, min(memory.frames, memory.past), memory.frames)
        states, last = self._through_layers(x, Sight(self.position.prepare(span, x)), caches=memory.layers)
        memory.frames += T
        return EncoderOutput(last, states, torch.full((B,), T, device=x.device))

    def _through_layers(
        self,
        x: Tensor,
        sight: Sight,
        upto: int | None = None,
        caches: Sequence[LayerCache | None] | None = None,
    ) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """Hidden states, and the last one after the final norm (``None`` when stopped early)."""
        if self.input_norm is not None:
            x = self.input_norm(x)
        x = self.dropout(x)
        states = [x]
        layers = list(self.layers)[:upto]
        for layer, cache in zip(layers, caches or [None] * len(layers), strict=True):
            # LayerDrop (Fan et al. 2019): while training, a layer is left out now and then.
            if not (self.training and self.config.layerdrop and torch.rand([]) < self.config.layerdrop):
                x = layer(x, sight, cache)
            states.append(x)
        if upto is not None and upto < len(self.layers):
            return tuple(states), None
        return tuple(states), x if self.final_norm is None else self.final_norm(x)

    def streaming(self, chunks: Chunks | None = None) -> EncoderStream:
        """A stream of audio through this encoder, in pieces of any size, see `EncoderStream`."""
        return EncoderStream(self, chunks)

    def _from_features(self, features: Tensor) -> Tensor:
        if not isinstance(self.frontend, FilterbankFrontEnd):
            raise AudioError("this encoder has no filterbank: give it a waveform")
        return self.frontend.from_features(features)

    # --- as something that can be pruned ---

    @property
    def shape(self) -> Shape:
        """Widths of every part, see `uniform_shape`."""
        return self.config.shape

    @property
    def original_shape(self) -> Shape:
        """The shape before any pruning."""
        return self.config.original_shape

    def timing(self, seconds: float) -> Timing:
        """Frames of every stage for an utterance of that many seconds."""
        timing = self.frontend.timing(round(seconds * SAMPLE_RATE))
        return timing if self.downsampling is None else replace(timing, frames=self.downsampling.frames(timing.frames))

    def shrunk(self, shape: Shape) -> SpeechEncoder:
        """An encoder of this kind with another shape and fresh weights."""
        return type(self)(self.config.with_shape(shape))

    def probe(self) -> dict[str, Tensor]:
        """Input on which a slim network is compared with its gated form: two utterances, one of them padded."""
        noise = torch.randn(2, SAMPLE_RATE, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        return {"waveform": 0.1 * noise, "lengths": torch.tensor([SAMPLE_RATE, SAMPLE_RATE * 2 // 3])}

    def units(self) -> list[Unit]:
        names = ["input_norm"] if self.input_norm is not None else []
        reads = ["final_norm"] if self.final_norm is not None else []
        return [self.stream.part(name="residual", gated_norms=names, norms=reads)]

    def macs(self) -> list[Macs]:
        return [] if self.downsampling is None else [Macs(lambda t: t.frames, parameter="downsampling.weight")]

    # --- in and out ---

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, name: str | os.PathLike[str], **options: Any
    ) -> SpeechEncoder:
        """Load an encoder: a directory of ours, a stock Transformers directory or hub id (of any head class), an original
        WavLM ``.pt``, or a pruned checkpoint of DPHuBERT or DiariZen.

        Loading is strict: no tensor may be missing, left over or of another shape, and none may hold NaN or infinity.

        Args:
            name: a directory, a file, or a hub id.
            options: ``dtype`` and ``device_map`` as in Transformers (a checkpoint of another kind comes in float32 where no
                dtype is said); ``revision``, ``token``, ``cache_dir``, ... for the hub; fields of the config that are to be
                otherwise (``layerdrop=0.1``).

        Raises:
            CheckpointError: nothing there, an unknown kind, damaged, or not fitting its own config.
            TypeError: an option that is unknown or cannot be heeded.
        """
        return super().from_pretrained(name, **options)

    @classmethod
    def convert(
        cls, name: str | os.PathLike[str], files: Files
    ) -> tuple[EncoderConfig, Mapping[str, Tensor], list[str]]:
        return checkpoint_readers(name).load(name, files)

    @classmethod
    def from_transformers(cls, model: PreTrainedModel, *, normalize: bool | None = None) -> SpeechEncoder:
        """An encoder with the weights of a stock model in memory (of any head class).

        Args:
            normalize: whether waveforms are normalised first; default: as is usual for the family.
        """
        config, weights, _ = import_module("sottovoce.checkpoints").from_transformers(model, normalize=normalize)
        encoder = cls(config)
        encoder.load_strictly(weights, type(model).__name__)
        return encoder.train(model.training)

    def to_transformers(self) -> PreTrainedModel:
        """The stock Transformers class with these weights.

        Raises:
            CheckpointError: the shape cannot be expressed there (layers of different widths, pruned positions, ...).
        """
        return import_module("sottovoce.checkpoints").to_transformers(self)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, Downsampling):
            module.initialise()
        elif isinstance(module, nn.Linear):
            if module.weight.numel():
                nn.init.normal_(module.weight, std=self.config.initializer_range)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, StridedConv | nn.Conv1d):
            nn.init.kaiming_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, PositionalLayer):
            if module.weight.numel():
                nn.init.normal_(module.weight, std=2 / module.weight[0].numel() ** 0.5)
            nn.init.zeros_(module.bias)
        elif isinstance(module, PositionalConvolution):
            module.scale.fill_(1.0)
        elif isinstance(module, GatedRelativeBias):
            nn.init.ones_(module.constant)
        elif isinstance(module, RelativePosition):
            nn.init.zeros_(module.content)
            nn.init.zeros_(module.position)
        else:
            super()._init_weights(module)


def checkpoint_readers(name: str | os.PathLike[str]) -> Any:
    """The package that reads checkpoints of other kinds.

    Raises:
        CheckpointError: it is not installed, as where a portable copy is used.
    """
    try:
        return import_module("sottovoce.checkpoints")
    except ModuleNotFoundError:
        raise CheckpointError(f"{name}: not a sottovoce model; install sottovoce to load other kinds") from None


if __name__.startswith("sottovoce."):  # not in a portable directory, whose config.json says what to load
    AutoConfig.register(EncoderConfig.model_type, EncoderConfig, exist_ok=True)
    AutoModel.register(EncoderConfig, SpeechEncoder, exist_ok=True)
