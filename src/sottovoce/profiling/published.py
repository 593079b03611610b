"""Networks of real size with the widths of published slim models.

Their weights are random, since speed does not depend on weights.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from transformers import WavLMConfig, WavLMModel

from ..checkpoints import from_transformers
from ..checkpoints.released.diarizen_encoders import ENCODERS
from ..encoder.config import Shape
from ..encoder.model import SpeechEncoder
from .benchmark_settings import BenchmarkSettings
from .profiled_model import ProfiledModel, profile_network, profile_stock


@dataclass(frozen=True)
class PublishedShape:
    """A slim WavLM as its authors released it.

    Args:
        source: who made it, and the paper.
        config: config of the dense network.
        encoder: its name among the encoders of DiariZen.
    """

    source: str
    config: WavLMConfig
    encoder: str

    def shape(self, dense: Shape) -> Shape:
        """The shape of the dense encoder, with the published widths in place of its own."""
        shape = copy.deepcopy(dense)
        widths = ENCODERS[self.encoder]
        shape["frontend"]["channels"] = list(widths.channels)
        for layer, heads, units in zip(shape["layers"], widths.heads, widths.units, strict=True):
            layer["attention"]["heads"] = list(heads)
            layer["feed_forward"]["units"] = units
        return shape


PUBLISHED: dict[str, PublishedShape] = {
    "base": PublishedShape(
        source="DiariZen, 80 % of WavLM Base removed (arXiv 2506.18623)",
        config=WavLMConfig(),
        encoder="wavlm_base_s80_md",
    ),
    "large": PublishedShape(
        source="DiariZen, 80 % of WavLM Large removed (arXiv 2506.18623)",
        config=WavLMConfig(
            hidden_size=1024,
            num_hidden_layers=24,
            num_attention_heads=16,
            intermediate_size=4096,
            feat_extract_norm="layer",
            do_stable_layer_norm=True,
        ),
        encoder="wavlm_large_s80_md",
    ),
}
"""Size of WavLM -> its published slim shape."""


def published_models(size: str, settings: BenchmarkSettings) -> list[ProfiledModel]:
    """A published slim shape, our dense encoder and the stock dense class, all with random weights.

    Args:
        size: a key of `PUBLISHED`.
        settings: the conditions under which they will be measured.
    """
    published = PUBLISHED[size]
    torch.manual_seed(0)
    model = WavLMModel(copy.deepcopy(published.config))
    config, weights, _ = from_transformers(model)
    dense = SpeechEncoder(config)
    dense.load_strictly(weights, "random weights")
    slim = dense.shrunk(published.shape(dense.shape))
    name = f"WavLM {size.capitalize()}"
    return [
        profile_network(slim, settings, name=f"{name}, 80 % removed"),
        profile_network(dense, settings, name=f"{name}, dense"),
        profile_stock(model, settings, name=f"{name}, stock class"),
    ]
