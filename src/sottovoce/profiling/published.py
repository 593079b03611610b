"""Networks of real size with published slim shapes and random weights: for speed, which does not depend on weights."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from transformers import WavLMConfig, WavLMModel

from sottovoce.checkpoints import from_transformers
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.profiling.bench import Setting
from sottovoce.profiling.profiled_model import ProfiledModel, ours, stock


@dataclass(frozen=True)
class Published:
    """A slim WavLM as its authors released it.

    Args:
        source: who made it.
        config: of the dense network, for `WavLMConfig`.
        conv, heads, ffn: widths that are left, layer by layer.
    """

    source: str
    config: dict[str, Any]
    conv: tuple[int, ...]
    heads: tuple[int, ...]
    ffn: tuple[int, ...]

    def shape(self, dense: dict[str, Any]) -> dict[str, Any]:
        """The shape of a dense encoder, with these widths."""
        shape = copy.deepcopy(dense)
        shape["frontend"]["channels"] = list(self.conv)
        for layer, heads, units in zip(shape["layers"], self.heads, self.ffn, strict=True):
            layer["attention"]["heads"] = list(range(heads))
            layer["feed_forward"]["units"] = units
        return shape


PUBLISHED = {
    "base": Published(
        source="DiariZen, 80 % of WavLM Base removed (arXiv 2506.18623)",
        config={},
        conv=(90, 161, 173, 181, 351, 155, 137),
        heads=(2, 3, 3, 5, 2, 1, 4, 4, 0, 0, 2, 1),
        ffn=(666, 660, 649, 1080, 237, 299, 437, 573, 53, 80, 211, 334),
    ),
    "large": Published(
        source="DiariZen, 80 % of WavLM Large removed (arXiv 2506.18623)",
        config={
            "hidden_size": 1024,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
            "feat_extract_norm": "layer",
            "do_stable_layer_norm": True,
        },
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


def published_models(size: str, setting: Setting) -> list[ProfiledModel]:
    """The published slim shape, our dense encoder and the stock dense class, all with random weights."""
    published = PUBLISHED[size]
    torch.manual_seed(0)
    model = WavLMModel(WavLMConfig(**published.config))
    config, weights, _ = from_transformers(model)
    dense = SpeechEncoder(config)
    dense.load_strictly(weights, "random weights")
    slim = dense.shrunk(published.shape(dense.shape))
    name = f"WavLM {size.capitalize()}"
    how = setting.inputs()
    return [
        ours(slim, name=f"{name}, 80 % removed", **how),
        ours(dense, name=f"{name}, dense", **how),
        stock(model, name=f"{name}, stock class", **how),
    ]
