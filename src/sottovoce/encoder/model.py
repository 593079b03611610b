"""`SpeechEncoder`: one encoder for every family, built of parts that are passed in."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel
from transformers.utils import ModelOutput

from .attention import SelfAttention
from .config import EncoderConfig, Shape
from .conformer_convolution import ConvolutionModule
from .convolution import StridedConv
from .downsampling import Downsampling
from .errors import AudioError, CheckpointError
from .feed_forward import FeedForward
from .filterbank import Filterbank
from .frontend import FilterbankFrontEnd, Projection, WaveformFrontEnd
from .layers import ConformerLayer, PostNormLayer, PreNormLayer
from .loading import StrictLoading
from .low_rank import use_factors
from .norms import valid
from .positional_convolution import PositionalConvolution, PositionalLayer
from .positions import (
    GatedRelativeBias,
    NoPosition,
    RelativeBiasTable,
    RelativeKey,
    RelativeKeyPositions,
    RelativePosition,
    Rotary,
    RotaryAngles,
    SinusoidPositions,
)
from .stream import Stream, paired, single
from .units import Macs, Timing, Unit

SAMPLE_RATE = 16000


@dataclass
class EncoderOutput(ModelOutput):
    """What a `SpeechEncoder` returns.

    Args:
        last_hidden_state: ``[B, T, D]``, after the final norm where there is one; ``None`` when stopped early.
        hidden_states: ``L + 1`` of ``[B, T, D]``: the input of the first layer, then the output of each. With pre-norm
            layers ``hidden_states[-1]`` is *before* the final norm, as in the stock classes.
        lengths: ``[B]`` valid frames of each utterance; frames past them hold nothing of meaning.
    """

    last_hidden_state: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    lengths: Tensor | None = None


class SpeechEncoder(StrictLoading, PreTrainedModel):  # type: ignore[misc]
    """A speech encoder of any family and any shape: 16 kHz waveform in, hidden states out.

        encoder = SpeechEncoder.from_pretrained("microsoft/wavlm-base-plus")
        out = encoder(waveform, lengths)          # [B, S] at 16 kHz, [B] samples
        out.hidden_states[4]                      # [B, T, D]

    Padding is exact: an utterance in a padded batch gives what it gives alone.
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
        shape = config.shape
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Initializing zero-element tensors")
            self.stream = stream = residual_stream(config)
            self.frontend = front_end(config, stream)
            self.downsampling = Downsampling(stream, config.downsampling) if config.downsampling > 1 else None
            inner = stream if config.layer == "pre_norm" else stream.inner()
            self.positional = None
            if shape["positional"] is not None and shape["positional"]["groups"]:
                self.positional = PositionalConvolution(
                    inner,
                    shape["positional"]["groups"],
                    len(config.original_shape["positional"]["groups"]),
                    shape["positional"]["taps"],
                    norm=config.positional_norm,
                    act="gelu",
                )
            post_norm = config.layer == "post_norm"
            self.input_norm = nn.LayerNorm(stream.width, eps=config.norm_eps) if post_norm else None
            self.dropout = nn.Dropout(config.dropout)
            self.position = shared_position(config, stream)
            self.layers = nn.ModuleList(build_layer(config, inner, entry) for entry in shape["layers"])
            self.final_norm = nn.LayerNorm(stream.width, eps=config.norm_eps) if config.final_norm else None
            use_factors(self, shape)
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
        attention_mask: Tensor | None = None,
        **_: Any,
    ) -> EncoderOutput:
        """Encode a batch.

        Args:
            waveform: ``[B, S]`` floats at 16 kHz.
            lengths: ``[B]`` valid samples of each; ``None``: all ``S``.
            upto: stop after this many layers: ``hidden_states`` then has ``upto + 1`` entries.
            features, feature_lengths: instead of a waveform, ``[B, T, 160]`` stacked mel features and their valid frames
                (encoders with a filterbank only).
            input_values, attention_mask: the names under which stock feature extractors give waveform and mask.

        Raises:
            AudioError: a batch of wrong shape or type, or an utterance too short to make a frame.
        """
        waveform = input_values if waveform is None else waveform
        if lengths is None and attention_mask is not None:
            lengths = attention_mask.long().sum(1)
        if features is not None:
            x, frames = self._from_features(features), feature_lengths
        elif waveform is None:
            raise AudioError("no waveform: give float samples [batch, samples] at 16 kHz")
        else:
            x, frames = self.frontend(waveform, lengths)
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
        if self.input_norm is not None:
            x = self.input_norm(x)
        x = self.dropout(x)
        context = self.position.prepare(T, x)
        states = [x]
        for layer in self.layers[:upto]:
            # LayerDrop (Fan et al. 2019): while training, a layer is left out now and then.
            if self.training and self.config.layerdrop and torch.rand([]) < self.config.layerdrop:
                states.append(x)
                continue
            x = layer(x, context, mask)
            states.append(x)
        last = None
        if upto is None or upto >= len(self.layers):
            last = x if self.final_norm is None else self.final_norm(x)
        if frames is None:
            frames = torch.full((x.shape[0],), T, device=x.device)
        return EncoderOutput(last_hidden_state=last, hidden_states=tuple(states), lengths=frames)

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
        cls, name: str | os.PathLike[str], *args: Any, **kwargs: Any
    ) -> SpeechEncoder:
        """Load an encoder: a directory of ours, a stock Transformers directory or hub id (of any head class), an original
        WavLM ``.pt``, or a pruned checkpoint of DPHuBERT or DiariZen.

        Loading is strict: no tensor may be missing, left over or of another shape.

        Raises:
            CheckpointError: nothing there, an unknown kind, damaged, or not fitting its own config.
        """
        if is_ours(name, kwargs.get("config")):
            return super().from_pretrained(name, *args, **kwargs)
        try:
            checkpoints = import_module("sottovoce.checkpoints")
        except ModuleNotFoundError:
            raise CheckpointError(f"{name}: not a sottovoce model; install sottovoce to load other kinds") from None
        config, weights, notes = checkpoints.load(name, **{k: v for k, v in kwargs.items() if k in HUB_OPTIONS})
        for note in notes:
            warnings.warn(note, stacklevel=2)
        encoder = cls(config)
        encoder.load_strictly(weights, str(name))
        dtype = kwargs.get("dtype", kwargs.get("torch_dtype"))
        return (encoder if dtype in (None, "auto") else encoder.to(dtype)).eval()

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


HUB_OPTIONS = ("revision", "token", "cache_dir", "local_files_only", "force_download", "subfolder")


def is_ours(name: str | os.PathLike[str], config: Any) -> bool:
    """Whether a directory or hub id holds a model in sottovoce's own format (its ``config.json`` says so)."""
    if isinstance(config, EncoderConfig):
        return True
    path = os.path.join(name, "config.json")
    if not os.path.isfile(path):
        return False
    with open(path, encoding="utf-8") as file:
        return f'"model_type": "{EncoderConfig.model_type}"' in file.read()


def residual_stream(config: EncoderConfig) -> Stream:
    ids = tuple(config.shape["residual"])
    index = paired(ids, config.head_dim) if config.position == "rotary" else single(len(ids))
    positional = config.original_shape["positional"]
    strata = len(positional["groups"]) if positional is not None else 1
    return Stream(ids, config.original_hidden_size, index, strata)


def front_end(config: EncoderConfig, stream: Stream) -> WaveformFrontEnd | FilterbankFrontEnd:
    channels = config.shape["frontend"].get("channels")
    filterbank = Filterbank(config.filterbank_bins, config.filterbank_scale, config.filterbank_norm)
    inputs = channels[-1] if channels else filterbank.size
    projection = Projection(
        inputs, stream, eps=config.norm_eps, dropout=config.projection_dropout, norm=config.projection_norm
    )
    if config.front_end == "filterbank":
        return FilterbankFrontEnd(filterbank, projection)
    return WaveformFrontEnd(
        stream,
        channels,
        config.conv_kernel,
        config.conv_stride,
        bias=config.conv_bias,
        norm=config.conv_norm,
        act="gelu",
        normalize=config.normalize,
        projection=projection,
        scale=config.channel_scale,
    )


def shared_position(config: EncoderConfig, stream: Stream) -> NoPosition:
    """The encoder half of the position scheme."""
    if config.position == "gated_relative_bias":
        return RelativeBiasTable(config.num_buckets, config.max_distance, config.attention_heads)
    if config.position == "relative_key":
        return RelativeKeyPositions(config.left_positions, config.right_positions)
    if config.position == "rotary":
        return RotaryAngles(stream, config.head_dim, config.rotary_base)
    if config.position == "relative":
        return SinusoidPositions(stream.original)
    return NoPosition()


def layer_position(config: EncoderConfig, stream: Stream, heads: list[int]) -> NoPosition:
    """The layer half of the position scheme."""
    if config.position == "gated_relative_bias":
        return GatedRelativeBias(stream, heads, config.head_dim, config.attention_heads)
    if config.position == "relative_key":
        return RelativeKey(config.left_positions + config.right_positions + 1, config.head_dim)
    if config.position == "rotary":
        return Rotary(stream, config.head_dim)
    if config.position == "relative":
        return RelativePosition(stream.original, len(heads), config.head_dim)
    return NoPosition()


def build_layer(config: EncoderConfig, stream: Stream, entry: Shape) -> nn.Module:
    """One layer of the widths in ``entry``, a layer's part of the shape."""

    def feed_forward(name: str) -> FeedForward | None:
        if entry[name] is None:
            return None
        return FeedForward(
            stream,
            entry[name]["units"],
            act=config.activation,
            inner_dropout=config.activation_dropout,
            dropout=config.dropout,
        )

    conformer = config.layer == "conformer"
    attention = None
    if entry["attention"] is not None:
        heads = entry["attention"]["heads"]
        attention = SelfAttention(
            stream,
            heads,
            config.head_dim,
            position=layer_position(config, stream, heads),
            attention_dropout=config.attention_dropout,
            dropout=config.attention_dropout if conformer else config.dropout,
        )
    if not conformer:
        make = PreNormLayer if config.layer == "pre_norm" else PostNormLayer
        return make(stream, attention=attention, feed_forward=feed_forward("feed_forward"), eps=config.layer_eps)
    convolution = None
    if entry["convolution"] is not None:
        convolution = ConvolutionModule(
            stream,
            entry["convolution"]["channels"],
            kernel=config.depthwise_kernel,
            causal=config.causal_convolution,
            norm=config.convolution_norm,
            act=config.activation,
            eps=config.layer_eps,
            dropout=config.convolution_dropout,
        )
    return ConformerLayer(
        stream,
        feed_forward1=feed_forward("feed_forward1"),
        attention=attention,
        convolution=convolution,
        feed_forward2=feed_forward("feed_forward2"),
        eps=config.layer_eps,
    )


if __name__.startswith("sottovoce."):  # not in a portable directory, whose config.json says what to load
    AutoConfig.register(EncoderConfig.model_type, EncoderConfig, exist_ok=True)
    AutoModel.register(EncoderConfig, SpeechEncoder, exist_ok=True)
