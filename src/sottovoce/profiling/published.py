"""Networks of real size with the widths of published slim models.

Their weights are random, since speed does not depend on weights.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from transformers import WavLMConfig, WavLMModel

from ..checkpoints import from_transformers
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
        conv: channels of each convolution of the front end.
        heads: attention heads of each layer.
        ffn: feed-forward width of each layer.
    """

    source: str
    config: WavLMConfig
    conv: tuple[int, ...]
    heads: tuple[int, ...]
    ffn: tuple[int, ...]

    def shape(self, dense: Shape) -> Shape:
        """The shape of the dense encoder, with these widths in place of its own."""
        shape = copy.deepcopy(dense)
        shape["frontend"]["channels"] = list(self.conv)
        for layer, heads, units in zip(shape["layers"], self.heads, self.ffn, strict=True):
            layer["attention"]["heads"] = list(range(heads))
            layer["feed_forward"]["units"] = units
        return shape


PUBLISHED: dict[str, PublishedShape] = {
    "base": PublishedShape(
        source="DiariZen, 80 % of WavLM Base removed (arXiv 2506.18623)",
        config=WavLMConfig(),
        conv=(90, 161, 173, 181, 351, 155, 137),
        heads=(2, 3, 3, 5, 2, 1, 4, 4, 0, 0, 2, 1),
        ffn=(666, 660, 649, 1080, 237, 299, 437, 573, 53, 80, 211, 334),
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
        conv=(512, 153, 224, 255, 302, 368, 211),
        heads=(5, 3, 6, 6, 5, 5, 3, 5, 4, 0, 2, 4, 0, 3, 2, 1, 0, 0, 1, 2, 6, 9, 10, 8),
        # fmt: off
        ffn=(
            1092,
            925,
            759,
            646,
            745,
            615,
            684,
            958,
            286,
            294,
            406,
            377,
            463,
            542,
            298,
            236,
            96,
            104,
            134,
            211,
            473,
            1011,
            1770,
            1316,
        ),
        # fmt: on
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
