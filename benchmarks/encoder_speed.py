"""How much faster the published 80 % shapes run than the stock dense class, and our dense encoder beside it.

    python benchmarks/encoder_speed.py                                  # 8 s, batch 1, float32, 2 threads
    python benchmarks/encoder_speed.py --device cuda --dtype bfloat16 --batch 16

Weights are random: time does not depend on their values. Runs alternate; printed are medians with the smallest and the
largest, and the ratio of each round's pair.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from transformers import WavLMConfig, WavLMModel

from sottovoce.checkpoints import from_transformers
from sottovoce.deployment.bench import Benchmark, Setting, measure
from sottovoce.deployment.subject import ours, stock
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.report.terminal import bench_table

BASE: dict[str, Any] = {}
LARGE = dict(
    hidden_size=1024,
    num_hidden_layers=24,
    num_attention_heads=16,
    intermediate_size=4096,
    feat_extract_norm="layer",
    conv_bias=False,
    do_stable_layer_norm=True,
)

# DiariZen's released models with 80 % of the parameters removed: channels, heads and FFN units a layer.
PUBLISHED: dict[str, tuple[dict[str, Any], dict[str, list[int]]]] = {
    "base": (
        BASE,
        {
            "conv": [90, 161, 173, 181, 351, 155, 137],
            "head": [2, 3, 3, 5, 2, 1, 4, 4, 0, 0, 2, 1],
            "ffn": [666, 660, 649, 1080, 237, 299, 437, 573, 53, 80, 211, 334],
        },
    ),
    "large": (
        LARGE,
        {
            "conv": [512, 153, 224, 255, 302, 368, 211],
            "head": [5, 3, 6, 6, 5, 5, 3, 5, 4, 0, 2, 4, 0, 3, 2, 1, 0, 0, 1, 2, 6, 9, 10, 8],
            "ffn": [1092, 925, 759, 646, 745, 615, 684, 958, 286, 294, 406, 377, 463, 542, 298, 236, 96, 104, 134, 211,
                    473, 1011, 1770, 1316],
        },
    ),
}  # fmt: skip


def published_shape(encoder: SpeechEncoder, widths: dict[str, list[int]]) -> dict[str, Any]:
    """The shape of ``encoder`` with these widths."""
    shape = json.loads(json.dumps(encoder.shape))
    shape["frontend"]["channels"] = widths["conv"]
    for layer, heads, units in zip(shape["layers"], widths["head"], widths["ffn"], strict=True):
        layer["attention"]["heads"] = list(range(heads))
        layer["feed_forward"]["units"] = units
    return shape


def ours_with_the_same_weights(model: WavLMModel) -> SpeechEncoder:
    loaded, weights, _ = from_transformers(model)
    encoder = SpeechEncoder(loaded)
    encoder.load_strictly(weights, "random weights")
    return encoder.eval()


def compare(size: str, setting: Setting) -> Benchmark:
    """The published slim shape, our dense encoder and the stock dense class, in turn."""
    config, widths = PUBLISHED[size]
    model = WavLMModel(WavLMConfig(**config))
    dense = ours_with_the_same_weights(model)
    slim = dense.shrunk(published_shape(dense, widths))
    how = dict(seconds=setting.seconds, batch=setting.batch, dtype=getattr(torch, setting.dtype), device=setting.device)
    return measure(
        [
            ours(slim, name=f"sottovoce {size}, 80 % removed", **how),
            ours(dense, name=f"sottovoce {size}, dense", **how),
            stock(model, name=f"WavLMModel {size}, dense", **how),
        ],
        setting,
    )


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("sizes", nargs="*", default=list(PUBLISHED), help="base, large (default: both)")
    parse.add_argument("--seconds", type=float, default=8.0)
    parse.add_argument("--batch", type=int, default=1)
    parse.add_argument("--threads", type=int, default=2)
    parse.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parse.add_argument("--device", default="cpu")
    parse.add_argument("--repeats", type=int, default=10)
    parse.add_argument("--json", type=Path, help="also write the results to this file")
    given = vars(parse.parse_args())
    sizes, target = given.pop("sizes"), given.pop("json")
    setting = Setting(**given)
    console = Console(width=None if Console().is_terminal else 150)
    results = {}
    for size in sizes:
        torch.manual_seed(0)
        results[size] = compare(size, setting)
        console.print(bench_table(results[size], f"WavLM {size}, random weights"))
    if target is not None:
        target.write_text(json.dumps({size: r.to_dict() for size, r in results.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
