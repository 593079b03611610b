"""`SpeechEncoder`: the network as a model of Transformers, loaded from a checkpoint of any format."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedModel

from .config import EncoderConfig
from .frontend.downsampling import Downsampling
from .layers.convolution import StridedConv
from .layers.positional_convolution import PositionalConvolution, PositionalLayer
from .layers.positions import GatedRelativeBias, RelativePosition
from .loading.format_registry import foreign_formats
from .loading.model_files import Files
from .loading.pretrained import StrictLoading
from .network import ARGUMENTS, EncoderNetwork

__all__ = ["ARGUMENTS", "SpeechEncoder"]


class SpeechEncoder(StrictLoading, EncoderNetwork, PreTrainedModel):
    """A speech encoder of any family and any shape: 16 kHz waveform in, hidden states out.

        encoder = SpeechEncoder.from_pretrained("microsoft/wavlm-base-plus")
        out = encoder(waveform, lengths)          # [B, S] at 16 kHz, [B] samples
        out.hidden_states[4]                      # [B, T, D]

    Padding is exact: an utterance has the same output in a padded batch as alone.

    Args:
        config: parts and shape of the network.

    Attributes:
        chunks: the chunks of attention; ``None``: every frame attends to the whole utterance. It comes from the config and
            may be changed. Streaming with the same chunks gives the same output.
    """

    config_class = EncoderConfig
    config: EncoderConfig
    base_model_prefix = "encoder"
    main_input_name = "waveform"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules = ["PostNormLayer", "PreNormLayer", "ConformerLayer"]

    def __init__(self, config: EncoderConfig):
        PreTrainedModel.__init__(self, config)
        self.build_parts(config)
        self.post_init()

    @classmethod
    def from_pretrained(  # type: ignore[override]
        cls, name: str | os.PathLike[str], **options: Any
    ) -> SpeechEncoder:
        """Load an encoder from sottovoce's own format or any other that `sottovoce.checkpoints` reads.

        Those are stock Transformers models of any head class, original WavLM files, and pruned checkpoints of DPHuBERT and
        DiariZen. Loading is strict: no tensor may be missing, left over or of another shape, and none may hold NaN or
        infinity.

        Args:
            name: a directory, a file, or a hub id.
            options: ``dtype`` and ``device_map`` as in Transformers (without a dtype, other formats are loaded in float32);
                ``revision``, ``token``, ``cache_dir`` and others for the hub; new values for fields of the config, such as
                ``layerdrop=0.1``.

        Raises:
            CheckpointError: there is no checkpoint, its format is unknown, it is damaged, or its weights do not fit the config.
            TypeError: an option that is unknown or has a value that is not supported.
        """
        return super().from_pretrained(name, **options)

    @classmethod
    def convert(
        cls, name: str | os.PathLike[str], files: Files
    ) -> tuple[EncoderConfig, Mapping[str, Tensor], list[str]]:
        return foreign_formats(name).load(name, files)

    @classmethod
    def from_transformers(cls, model: PreTrainedModel, *, normalize: bool | None = None) -> SpeechEncoder:
        """An encoder with the weights of a stock model in memory.

        Args:
            model: a stock model of a known family, of any head class.
            normalize: whether waveforms are normalized first; default: as usual for the family.

        Raises:
            CheckpointError: a model of no known family, or with parts that are not supported.
        """
        config, weights, _ = foreign_formats(type(model).__name__).from_transformers(model, normalize=normalize)
        encoder = cls(config)
        encoder.load_strictly(weights, type(model).__name__)
        return encoder.train(model.training)

    def to_transformers(self) -> PreTrainedModel:
        """The stock Transformers model with the same function.

        Raises:
            CheckpointError: the stock class cannot have this shape, for example layers of different widths.
        """
        return foreign_formats(self.config.family).to_transformers(self)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        if isinstance(module, Downsampling):
            module.initialize()
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


if __name__.startswith("sottovoce."):  # not in a portable directory, whose config.json says what to load
    AutoConfig.register(EncoderConfig.model_type, EncoderConfig, exist_ok=True)
    AutoModel.register(EncoderConfig, SpeechEncoder, exist_ok=True)
