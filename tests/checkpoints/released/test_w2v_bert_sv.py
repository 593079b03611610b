"""Speaker models of w2v-BERT-2.0_SV (github.com/ZXHY-82/w2v-BERT-2.0_SV, commit 98ff0e2), as their trainer saves them.

Golden outputs: `recipes/DeepASV/local/spk_model.py: Audio2Vec_based_Adapter` with the repository's own Wav2Vec2BertModel, on
`lively` weights of seed 0, for the second row of noise.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from public_files import (
    Layout,
    batch_norm,
    below,
    cheap,
    close,
    convolution,
    digest,
    filled,
    golden_wave,
    linear,
    norm,
)  # fmt: skip
from sottovoce import SpeechEncoder, load
from sottovoce.errors import CheckpointError
from sottovoce.models.loading import load_pretrained
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim

TINY = {"width": 32, "taps": 7, "head": 8, "adapter": 8, "embedding": 6}
REAL = {"width": 1024, "taps": 31, "head": 64, "adapter": 128, "embedding": 256}
Widths = tuple[int | None, int | None, int, int | None]
"""First feed-forward, attention heads, convolution, second feed-forward."""

PRUNED: list[Widths] = [(20, 3, 11, 17), (48, 4, 32, 5), (9, None, 3, None)]
REAL_PRUNED: list[Widths] = list(
    zip(
        (1662, 2417, 2329, 1847, 1581, 759, 666, 1005, 1717, 639, 323, 194, 63, 103, 483, 420, 596, 854, 707, 359, 232, 200,
         243, 160),
        (13, 11, 12, 9, 8, 2, 8, 5, 5, 3, 1, 1, 2, 3, 5, 4, 5, 6, 5, 3, 2, 4, 1, None),
        (812, 848, 735, 702, 630, 533, 481, 89, 421, 269, 149, 90, 86, 194, 207, 222, 373, 323, 224, 157, 132, 45, 33, 162),
        (1916, 1982, 1587, 1189, 679, 330, 828, 55, 518, 328, 118, 40, 94, 218, 182, 441, 669, 795, 509, 370, 297, 331, 224,
         16),
        strict=True,
    )
)  # fmt: skip
"""The published ``config_prune_stu_0.8.json``."""

MODELS = {
    "dense": ([(48, 4, 32, 48)] * 3, 0, 705208656, (0.0912319, 0.0290874, -0.1187807, 0.8218316, 0.5246382, 0.0615137)),
    "lora": ([(48, 4, 32, 48)] * 3, 4, 454636312, (-0.0116812, -0.2260452, 0.0134644, 0.6493757, 0.4565027, 0.7490395)),
    "pruned": (PRUNED, 0, 2041120503, (0.0393901, 0.0722879, 0.2564977, 0.5653371, 0.4232984, 0.23007)),
}
"""Widths of the layers, rank of LoRA, digest of the public state dict, golden embedding."""


def layer(at: str, widths: Widths, size: dict[str, int], rank: int) -> Layout:
    """A layer of their Wav2Vec2BertEncoder."""
    width, inner = size["width"], (widths[1] or 0) * size["head"]
    found = norm(f"{at}.final_layer_norm", width)
    for place, units in ((1, widths[0]), (2, widths[3])):
        if units is not None:
            found |= norm(f"{at}.ffn{place}_layer_norm", width)
            found |= linear(f"{at}.ffn{place}.intermediate_dense", width, units)
            found |= linear(f"{at}.ffn{place}.output_dense", units, width)
    if widths[1] is not None:
        found |= norm(f"{at}.self_attn_layer_norm", width)
        for part in "qkv":
            inside = rank and part in "qv"
            found |= linear(f"{at}.self_attn.linear_{part}{'.base_layer' if inside else ''}", width, inner)
            if inside:
                found[f"{at}.self_attn.linear_{part}.lora_A.default.weight"] = (rank, width)
                found[f"{at}.self_attn.linear_{part}.lora_B.default.weight"] = (inner, rank)
        found |= linear(f"{at}.self_attn.linear_out", inner, width)
        found[f"{at}.self_attn.distance_embedding.weight"] = (73, size["head"])
    channels = widths[2]
    found |= norm(f"{at}.conv_module.layer_norm", width) | norm(f"{at}.conv_module.depthwise_layer_norm", channels)
    found |= convolution(f"{at}.conv_module.pointwise_conv1", width, 2 * channels, 1, bias=False)
    found |= convolution(f"{at}.conv_module.depthwise_conv", 1, channels, size["taps"], bias=False)
    return found | convolution(f"{at}.conv_module.pointwise_conv2", channels, width, 1, bias=False)


def layout(layers: Sequence[Widths], size: dict[str, int], rank: int = 0) -> Layout:
    """The state dict of an Audio2Vec_based_Adapter."""
    width, adapter = size["width"], size["adapter"]
    encoder = norm("feature_projection.layer_norm", 160) | linear("feature_projection.projection", 160, width)
    for i, widths in enumerate(layers):
        encoder |= layer(f"encoder.layers.{i}", widths, size, rank)
    found = below("front.encoder." + "base_model.model." * bool(rank), encoder)
    for i in range(len(layers) + 1):
        found |= linear(f"adapter_layers.{i}.0", width, adapter) | norm(f"adapter_layers.{i}.1", adapter)
        found |= linear(f"adapter_layers.{i}.3", adapter, adapter)
    joint = adapter * (len(layers) + 1)
    found |= convolution("pooling.attention.0", joint, adapter, 1) | batch_norm("pooling.attention.2", adapter)
    found |= convolution("pooling.attention.3", adapter, joint, 1)
    return found | linear("bottleneck", 2 * joint, size["embedding"])


def write(path, tensors):
    """As `deeplab/core/trainer.py` saves it."""
    classifier = {"weight": torch.zeros(4, 6)}
    torch.save({"modules": {"spk_model": tensors, "classifier": classifier}, "epoch_idx": 26}, path)
    return path


@pytest.fixture(params=MODELS)
def kind(request):
    return request.param


def test_the_embedding_is_that_of_the_public_class(kind, tmp_path):
    layers, rank, public, golden = MODELS[kind]
    tensors = layout(layers, TINY, rank)
    assert digest(tensors) == public
    model = load(write(tmp_path / "model.pth", filled(tensors)), "verification")
    assert close(model.embed(golden_wave(9200)).detach(), golden)


@pytest.mark.slow
@pytest.mark.parametrize(
    "layers, rank, public, numbers",
    [
        ([(4096, 16, 1024, 4096)] * 24, 0, 3670048035, 586_652_736),
        ([(4096, 16, 1024, 4096)] * 24, 64, 528809805, 592_944_192),
        (REAL_PRUNED, 0, 3983845579, 130_468_104),
    ],
    ids=["dense", "lora", "pruned"],
)
def test_real_size(layers, rank, public, numbers, tmp_path):
    tensors = layout(layers, REAL, rank)
    assert digest(tensors) == public
    content = cheap(tensors)
    assert sum(t.numel() for t in content.values() if t.is_floating_point()) - 256 == numbers
    model = load(write(tmp_path / "model.pth", content), "verification")
    assert torch.isfinite(model.embed(golden_wave(16000))).all()


def settings(alpha: float) -> str:
    """The part of a ``train.yaml`` (hyperpyyaml) that matters, with the tags of their trainer."""
    return (
        "seed: 24\n__set_seed: !apply:deeplab.utils.misc.set_random_seed [!ref <seed>]\n"
        "peft_config: !apply:deeplab.pretrained.audio2vector.api.create_lora_config\n"
        f'    model_type: \'w2v-bert\'\n    r: 4\n    lora_alpha: {alpha}\n    target_modules: ["linear_q", "linear_v"]\n'
        "spk_model: !new:local.spk_model.Audio2Vec_based_Adapter\n    peft_config: !ref <peft_config>\n    n_mfa_layers: -1\n"
    )


def test_lora_is_scaled_as_its_settings_say(tmp_path):
    layers, rank, _, golden = MODELS["lora"]
    path = write(tmp_path / "model.pth", filled(layout(layers, TINY, rank)))
    with pytest.warns(UserWarning, match="scaled by 2, as published"):
        assert close(load(path).embed(golden_wave(9200)).detach(), golden)
    (tmp_path / "train.yaml").write_text(settings(8))
    assert close(load(path).embed(golden_wave(9200)).detach(), golden)
    (tmp_path / "train.yaml").write_text(settings(12))
    assert not close(load(path).embed(golden_wave(9200)).detach(), golden, 0.01)


def test_each_layer_of_lora_is_scaled_by_its_own_rank(tmp_path):
    layers, rank, *_ = MODELS["lora"]
    tensors = filled(layout(layers, TINY, rank))
    at = "front.encoder.base_model.model.encoder.layers.1.self_attn.linear_q"
    base, down, up = (tensors[f"{at}.{part}.weight"] for part in ("base_layer", "lora_A.default", "lora_B.default"))
    tensors[f"{at}.lora_A.default.weight"], tensors[f"{at}.lora_B.default.weight"] = down[:3].clone(), up[:, :3].clone()
    path = write(tmp_path / "model.pth", tensors)
    with pytest.raises(CheckpointError, match=r"LoRA of ranks 3, 4 without the train.yaml"):
        load(path)
    (tmp_path / "train.yaml").write_text(settings(12))
    layer = load(path).encoder.layers[1].attention
    assert torch.allclose(layer.q.weight, base + 12 / 3 * up[:, :3] @ down[:3], atol=1e-6)


@pytest.mark.parametrize("other", ["use_rslora: true", "rank_pattern: {linear_q: 8}", "alpha_pattern: {linear_q: 8}"])
def test_another_kind_of_scaling_is_refused_by_name(other, tmp_path):
    layers, rank, *_ = MODELS["lora"]
    path = write(tmp_path / "model.pth", filled(layout(layers, TINY, rank)))
    (tmp_path / "train.yaml").write_text(settings(8).replace("    r: 4\n", f"    r: 4\n    {other}\n"))
    with pytest.raises(CheckpointError, match=f"train.yaml: peft_config: '{other.split(':')[0]}' is unknown"):
        load(path)


def test_it_verifies_prunes_and_teaches(tmp_path):
    layers, _, _, golden = MODELS["pruned"]
    path = write(tmp_path / "model.pth", filled(layout(layers, TINY)))
    model = load_pretrained(path)
    assert model.config.task == "verification" and model.config.encoder.origin["license"] == "cc-by-nc-sa-4.0"
    assert model.original_shape["encoder"]["layers"][0]["feed_forward1"]["units"] == 128
    encoder = SpeechEncoder.from_pretrained(path)
    wave = golden_wave(9200)[None]
    assert all(map(torch.equal, encoder(wave).hidden_states, model(wave).hidden_states))
    small = slim(model, Plan.to_shape(model, {"ffn": [2] * 5}))
    assert small.embed(wave).shape == (1, 6)
    assert small.config.encoder.origin == {"name": "model.pth", "license": "cc-by-nc-sa-4.0"}
    (tmp_path / "README.md").write_text("---\nlicense: cc-by-nc-4.0\n---\n")
    with pytest.warns(UserWarning, match="model.pth: its license is cc-by-nc-4.0, which forbids commercial use"):
        assert load(path).config.encoder.origin["license"] == "cc-by-nc-4.0"
    model.save_pretrained(tmp_path / "ours")
    assert close(load(tmp_path / "ours", "verification").embed(wave[0]).detach(), golden)


def without(part):
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if part not in name}


FAULTS = {
    "gates": (lambda t: {f"student_{k}": v for k, v in t.items()}, "from the middle of pruning"),
    "no base": (
        without("linear_q.base_layer"),
        "LoRA without its base .front.encoder.encoder.layers.0.self_attn.linear_q",
    ),
    "half a factor": (
        without("layers.1.self_attn.linear_v.lora_B"),
        "LoRA without its base .*layers.1.self_attn.linear_v",
    ),
    "another head": (without("adapter_layers"), "beside the encoder it holds bottleneck, pooling"),
    "a few adapters": (without("adapter_layers.0."), "3 adapters for 4 hidden states"),
    "no encoder": (without("front."), "no tensor of front.encoder in its spk_model"),
    "another front": (without("distance_embedding"), "it is no w2v-BERT 2.0"),
    "a tensor too few": (without("layers.2.final_layer_norm.bias"), "encoder.layers.2.final_layer_norm.bias"),
    "a tensor too many": (lambda t: t | {"front.encoder.extra": torch.ones(1)}, "1 surplus .extra."),
    "NaN": (lambda t: t | {"bottleneck.bias": torch.full((6,), float("nan"))}, "bottleneck.bias"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_read_is_one_line(fault, tmp_path):
    change, told = FAULTS[fault]
    layers, rank, *_ = MODELS["lora"]
    with pytest.raises(CheckpointError, match=told) as error:
        load(write(tmp_path / "model.pth", change(filled(layout(layers, TINY, rank)))))
    assert len(str(error.value).splitlines()) == 1


def test_a_file_that_was_cut_off(tmp_path):
    path = write(tmp_path / "model.pth", filled(layout(PRUNED, TINY)))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(CheckpointError, match="damaged .*copy it again from its source"):
        load(path)


def test_a_folder_of_lora_alone(tmp_path):
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4}')
    torch.save({"base_model.model.q.lora_A.weight": torch.ones(4, 8)}, tmp_path / "adapter_model.bin")
    with pytest.raises(
        CheckpointError, match="only LoRA weights .adapter_config.json.: merge them into their model"
    ) as error:
        load(tmp_path)
    assert len(str(error.value).splitlines()) == 1
