"""Pruned checkpoints of DPHuBERT and DiariZen, against a plain re-statement of what those networks compute."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from families import speech
from sottovoce.checkpoints import load
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import CheckpointError

D, HEADS, LAYERS, BUCKETS, DISTANCE = 32, 4, 4, 32, 40
CONVS = [(12, 10, 5), (9, 3, 2), (14, 3, 2), (7, 3, 2), (11, 3, 2), (8, 2, 2), (10, 2, 2)]


def settings(wavlm: bool, large: bool, **changes: object) -> dict:
    config = {
        "extractor_mode": "layer_norm" if large else "group_norm",
        "extractor_conv_layer_config": CONVS,
        "extractor_conv_bias": large,
        "encoder_embed_dim": D,
        "encoder_projection_dropout": 0.1,
        "encoder_pos_conv_kernel": 16,
        "encoder_pos_conv_groups": 4,
        "encoder_num_layers": LAYERS,
        "encoder_use_attention": [True, False, True, True],
        "encoder_use_feed_forward": [True, True, False, True],
        "encoder_attention_dropout": 0.1,
        "encoder_ff_interm_features": [20, 13, 48, 5],
        "encoder_ff_interm_dropout": 0.0,
        "encoder_dropout": 0.1,
        "encoder_layer_norm_first": large,
        "encoder_layer_drop": 0.05,
        "aux_num_out": None,
        "normalize_waveform": False,
        "extractor_prune_conv_channels": False,
        "encoder_prune_attention_heads": False,
        "encoder_prune_attention_layer": False,
        "encoder_prune_feed_forward_intermediate": False,
        "encoder_prune_feed_forward_layer": False,
    }
    if wavlm:
        config |= {
            "encoder_total_num_heads": [HEADS] * LAYERS,
            "encoder_remaining_heads": [[0, 2], [], [1, 2, 3], [3]],
            "encoder_num_buckets": BUCKETS,
            "encoder_max_distance": DISTANCE,
        }
    else:
        config |= {"encoder_num_heads": [2, 0, 3, 1], "encoder_head_dim": D // HEADS}
    return config | changes


def kept_heads(c: dict) -> list[list[int]]:
    return c.get("encoder_remaining_heads") or [list(range(n)) for n in c["encoder_num_heads"]]


def random_state(c: dict, seed: int = 0) -> dict[str, Tensor]:
    """A state dict with the names and shapes of such a checkpoint."""
    random = torch.Generator().manual_seed(seed)
    state: dict[str, Tensor] = {}

    def weight(name: str, *shape: int) -> None:
        state[name] = torch.randn(shape, generator=random) / math.sqrt(math.prod(shape[1:]))

    def vector(name: str, size: int, mean: float = 0.0) -> None:
        state[name] = mean + 0.3 * torch.randn(size, generator=random)

    def linear(name: str, inputs: int, outputs: int) -> None:
        weight(f"{name}.weight", outputs, inputs)
        vector(f"{name}.bias", outputs)

    def norm(name: str, size: int) -> None:
        vector(f"{name}.weight", size, 1.0)
        vector(f"{name}.bias", size)

    large, inputs = c["encoder_layer_norm_first"], 1
    for i, (channels, kernel, _) in enumerate(c["extractor_conv_layer_config"]):
        weight(f"feature_extractor.conv_layers.{i}.conv.weight", channels, inputs, kernel)
        if c["extractor_conv_bias"]:
            vector(f"feature_extractor.conv_layers.{i}.conv.bias", channels)
        if large or i == 0:
            norm(f"feature_extractor.conv_layers.{i}.layer_norm", channels)
        inputs = channels
    state["feature_extractor.dummy_weight"] = 0.5 + 0.5 * torch.rand(inputs, generator=random)
    norm("encoder.feature_projection.layer_norm", inputs)
    linear("encoder.feature_projection.projection", inputs, D)
    t = "encoder.transformer"
    weight(f"{t}.pos_conv_embed.conv.weight_v", D, D // c["encoder_pos_conv_groups"], c["encoder_pos_conv_kernel"])
    state[f"{t}.pos_conv_embed.conv.weight_g"] = 1 + torch.rand(1, 1, c["encoder_pos_conv_kernel"], generator=random)
    vector(f"{t}.pos_conv_embed.conv.bias", D)
    norm(f"{t}.layer_norm", D)
    wavlm, d = "encoder_remaining_heads" in c, D // HEADS
    for i, heads in enumerate(kept_heads(c)):
        layer = f"{t}.layers.{i}"
        if c["encoder_use_attention"][i]:
            for m in ("k_proj", "v_proj", "q_proj"):
                linear(f"{layer}.attention.{m}", D, len(heads) * d)
            linear(f"{layer}.attention.out_proj", len(heads) * d, D)
            if wavlm:
                linear(f"{layer}.attention.gru_rel_pos_linear", d, 8)
                state[f"{layer}.attention.gru_rel_pos_const"] = torch.randn(1, HEADS, 1, 1, generator=random)
                if i == 0:
                    state[f"{layer}.attention.rel_attn_embed.weight"] = torch.randn(BUCKETS, HEADS, generator=random)
        if c["encoder_use_feed_forward"][i]:
            linear(f"{layer}.feed_forward.intermediate_dense", D, c["encoder_ff_interm_features"][i])
            linear(f"{layer}.feed_forward.output_dense", c["encoder_ff_interm_features"][i], D)
        norm(f"{layer}.layer_norm", D)
        norm(f"{layer}.final_layer_norm", D)
    return state


def restated(c: dict, state: dict[str, Tensor], waveform: Tensor) -> list[Tensor]:
    """Hidden states ``L + 1`` of ``[B, T, D]`` of one or more whole utterances, step by step as those networks do."""

    def linear(name: str, x: Tensor) -> Tensor:
        return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    def norm(name: str, x: Tensor) -> Tensor:
        return F.layer_norm(x, x.shape[-1:], state[f"{name}.weight"], state[f"{name}.bias"])

    x, large = waveform[:, None], c["encoder_layer_norm_first"]
    for i, (channels, _, stride) in enumerate(c["extractor_conv_layer_config"]):
        name = f"feature_extractor.conv_layers.{i}"
        x = F.conv1d(x, state[f"{name}.conv.weight"], state.get(f"{name}.conv.bias"), stride)
        if large:
            x = norm(f"{name}.layer_norm", x.transpose(1, 2)).transpose(1, 2)
        elif i == 0:
            x = F.group_norm(x, channels, state[f"{name}.layer_norm.weight"], state[f"{name}.layer_norm.bias"])
        x = F.gelu(x)
    x = x.transpose(1, 2) * state["feature_extractor.dummy_weight"]
    x = linear("encoder.feature_projection.projection", norm("encoder.feature_projection.layer_norm", x))
    t = "encoder.transformer"
    v, g = (state[f"{t}.pos_conv_embed.conv.weight_{p}"] for p in "vg")
    kernel = v * (g / v.norm(dim=(0, 1), keepdim=True))
    taps, groups = c["encoder_pos_conv_kernel"], c["encoder_pos_conv_groups"]
    y = F.conv1d(x.transpose(1, 2), kernel, state[f"{t}.pos_conv_embed.conv.bias"], padding=taps // 2, groups=groups)
    x = x + F.gelu(y[..., :-1]).transpose(1, 2)
    if not large:
        x = norm(f"{t}.layer_norm", x)
    states, bias = [x], None
    if f"{t}.layers.0.attention.rel_attn_embed.weight" in state:
        bias = distances(state[f"{t}.layers.0.attention.rel_attn_embed.weight"], x.shape[1])
    for i, heads in enumerate(kept_heads(c)):
        layer = f"{t}.layers.{i}"
        if c["encoder_use_attention"][i]:
            read = norm(f"{layer}.layer_norm", x) if large else x
            x = x + attention(state, f"{layer}.attention", read, heads, bias)
        if large:
            if c["encoder_use_feed_forward"][i]:
                y = F.gelu(linear(f"{layer}.feed_forward.intermediate_dense", norm(f"{layer}.final_layer_norm", x)))
                x = x + linear(f"{layer}.feed_forward.output_dense", y)
        else:
            x = norm(f"{layer}.layer_norm", x)
            if c["encoder_use_feed_forward"][i]:
                y = F.gelu(linear(f"{layer}.feed_forward.intermediate_dense", x))
                x = x + linear(f"{layer}.feed_forward.output_dense", y)
            x = norm(f"{layer}.final_layer_norm", x)
        states.append(x)
    return [*states, norm(f"{t}.layer_norm", x) if large else x]


def attention(state: dict[str, Tensor], name: str, x: Tensor, heads: list[int], bias: Tensor | None) -> Tensor:
    q, k, v = (F.linear(x, state[f"{name}.{m}_proj.weight"], state[f"{name}.{m}_proj.bias"]) for m in "qkv")
    d, out = D // HEADS, []
    for place, head in enumerate(heads):
        own = slice(place * d, (place + 1) * d)
        scores = (q[..., own] @ k[..., own].transpose(1, 2)) / math.sqrt(d)
        if bias is not None:
            read = x[..., head * d : (head + 1) * d]
            gates = F.linear(read, state[f"{name}.gru_rel_pos_linear.weight"], state[f"{name}.gru_rel_pos_linear.bias"])
            a, b = gates[..., :4].sum(-1).sigmoid(), gates[..., 4:].sum(-1).sigmoid()
            gate = a * (b * state[f"{name}.gru_rel_pos_const"][0, head, 0, 0] - 1) + 2
            scores = scores + gate[..., None] * bias[head]
        out.append(scores.softmax(-1) @ v[..., own])
    return F.linear(torch.cat(out, -1), state[f"{name}.out_proj.weight"], state[f"{name}.out_proj.bias"])


def distances(table: Tensor, frames: int) -> Tensor:
    """``[H, T, T]``."""
    half, exact = BUCKETS // 2, BUCKETS // 4
    out = torch.empty(HEADS, frames, frames)
    for i in range(frames):
        for j in range(frames):
            n = abs(j - i)
            if n >= exact:
                n = min(half - 1, exact + int(math.log(n / exact) / math.log(DISTANCE / exact) * (half - exact)))
            out[:, i, j] = table[n + half * (j > i)]
    return out


def write(path: Path, config: dict, state: dict[str, Tensor], **more: object) -> Path:
    torch.save({"state_dict": state, "config": config, **more}, path)
    return path


@torch.no_grad()
@pytest.mark.parametrize("large", [False, True], ids=["base", "large"])
@pytest.mark.parametrize("wavlm", [False, True], ids=["hubert", "wavlm"])
def test_the_same_network(wavlm, large, tmp_path):
    config = settings(wavlm, large)
    state = random_state(config)
    projections = {"0.weight": torch.ones(2)}  # DPHuBERT keeps the projections of its distillation beside
    path = write(tmp_path / "pruned.pth", config, state, distill_linear_projs=projections)
    encoder = SpeechEncoder.from_pretrained(path)
    waveform, _ = speech(9000, 9000)
    out = encoder(waveform)
    pairs = zip(restated(config, state, waveform), (*out.hidden_states, out.last_hidden_state), strict=True)
    assert max((a - b).abs().max() for a, b in pairs) < 1e-4
    encoder.save_pretrained(tmp_path / "ours")
    again = SpeechEncoder.from_pretrained(tmp_path / "ours")
    assert torch.equal(again(waveform).last_hidden_state, out.last_hidden_state)


QUIET = {
    False: {
        0: [0.80885, 1.072572, 0.928366, -0.95123],
        1: [2.775067, 0.797555, -0.03724, -1.605667],
        2: [2.23582, 1.698409, -0.306328, -1.010431],
        3: [1.505208, 1.129596, 0.609666, -1.11279],
        4: [1.052097, 1.579293, 0.879778, -2.005269],
    },
    True: {
        0: [0.80885, 1.072572, 0.928366, -0.95123],
        1: [1.397648, 2.768939, 0.744415, -1.977843],
        2: [1.820653, 2.978591, 1.705612, -1.243779],
        3: [0.782466, 0.966885, 1.249936, -1.226436],
        4: [-0.175747, 2.870993, 3.941531, 0.387579],
    },
}
"""`extract_features(x)[k][1, 3, :4]` of pyf98/DPHuBERT at c18093f (wav2vec2/model.py: `wav2vec2_model`, `wavlm_model`) with the
settings below and the weights of `random_state(config, 12)`. Its state 0 is the output of the front end, before the
positional convolution."""


@torch.no_grad()
@pytest.mark.parametrize("wavlm", [False, True])
def test_quiet_speech_is_normalized_as_in_the_public_class(wavlm, tmp_path):
    """At -50 dB the variance is 1e-5, as large as the epsilon of the public class; with the 1e-7 of stock
    feature extractors, every state is 12 % off."""
    config = settings(wavlm, True, normalize_waveform=True)
    state = random_state(config, 12)
    encoder = SpeechEncoder.from_pretrained(write(tmp_path / "pruned.pth", config, state))
    assert encoder.config.normalize_eps == 1e-5
    x = 10 ** (-50 / 20) * torch.randn(2, 4000, generator=torch.Generator().manual_seed(5))
    output = encoder(x)
    states = [output.projected, *output.hidden_states[1:]]
    for k, golden in QUIET[wavlm].items():
        assert states[k][1, 3, :4].tolist() == pytest.approx(golden, abs=2e-5), k
    padded = encoder(torch.cat([x, torch.ones(2, 500)], 1), torch.tensor([4000, 4000]))
    assert torch.allclose(padded.projected[:, :12], output.projected, atol=1e-5)


@torch.no_grad()
def test_without_attention_in_the_first_layer_no_layer_has_a_bias(tmp_path):
    use, heads = [False, True, True, True], [[], [0, 1], [2], [1, 3]]
    config = settings(True, True, encoder_use_attention=use, encoder_remaining_heads=heads)
    state = random_state(config)
    encoder = SpeechEncoder.from_pretrained(write(tmp_path / "pruned.pth", config, state))
    waveform, _ = speech(6000)
    expected, out = restated(config, state, waveform), encoder(waveform)
    assert (expected[-1] - out.last_hidden_state).abs().max() < 1e-4


def test_the_shape_is_that_of_the_file_and_budgets_refer_to_the_dense_network(tmp_path):
    config = settings(True, False)
    ours, _, _ = load(write(tmp_path / "pruned.pth", config, random_state(config)))
    assert ours.shape["frontend"]["channels"] == [channels for channels, _, _ in CONVS]
    assert ours.shape["layers"][0] == {"attention": {"heads": [0, 2]}, "feed_forward": {"units": 20}}
    assert ours.shape["layers"][1]["attention"] is None
    assert ours.shape["layers"][2]["feed_forward"] is None
    assert ours.channel_scale
    original = ours.original_shape
    assert original["frontend"]["channels"] == [512] * 7
    assert all(
        layer == {"attention": {"heads": [0, 1, 2, 3]}, "feed_forward": {"units": 4 * D}}
        for layer in original["layers"]
    )


def test_a_factor_of_one_is_no_factor(tmp_path):
    config = settings(True, False)
    state = random_state(config)
    state["feature_extractor.dummy_weight"].fill_(1.0)
    ours, weights, _ = load(write(tmp_path / "pruned.pth", config, state))
    assert not ours.channel_scale and "frontend.scale" not in weights
    del state["feature_extractor.dummy_weight"]
    assert not load(write(tmp_path / "pruned.pth", config, state))[0].channel_scale


def test_an_output_layer_is_left_out_and_named(tmp_path):
    config = settings(False, False)
    state = random_state(config) | {"aux.weight": torch.ones(3, D), "aux.bias": torch.ones(3)}
    _, _, notes = load(write(tmp_path / "pruned.pth", config, state))
    assert notes == [f"{tmp_path / 'pruned.pth'}: left out, not part of the encoder: aux"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"encoder_ff_interm_features": [20, 13, 48]}, "3 entries in encoder_ff_interm_features for 4 layers"),
        ({"encoder_remaining_heads": [[0, 2], [], [1, 2], [3]]}, "attention.k_proj.weight"),
        ({"encoder_remaining_heads": [[0, 2], [], [1, 2, 9], [3]]}, "beyond the 4 of every layer"),
        ({"encoder_use_attention": [True] * 4}, "missing"),
        ({"extractor_mode": "none"}, "conv_norm"),
        ({"encoder_embed_dim": None}, "has values that do not fit"),
        ({"extractor_conv_layer_config": [(12, 10)]}, "has values that do not fit"),
    ],
)
def test_what_does_not_fit_is_named(change, words, tmp_path):
    state = random_state(settings(True, False))
    path = write(tmp_path / "pruned.pth", settings(True, False, **change), state)
    with pytest.raises(CheckpointError, match=words):
        load(path)


def test_a_config_that_lacks_an_entry(tmp_path):
    config = settings(True, False)
    state = random_state(config)
    del config["encoder_layer_norm_first"]
    with pytest.raises(CheckpointError, match="has no encoder_layer_norm_first"):
        load(write(tmp_path / "pruned.pth", config, state))


@pytest.mark.parametrize("large", [False, True], ids=["base", "large"])
def test_it_can_be_pruned_further(large, tmp_path):
    """Every unit that is left, the last convolution with its factors among them; `slim` proves itself equal."""
    from sottovoce.encoder.units import collect
    from sottovoce.pruning.planning.plans import Plan
    from sottovoce.pruning.slimming import slim_and_verify

    config = settings(True, large)
    encoder = SpeechEncoder.from_pretrained(write(tmp_path / "pruned.pth", config, random_state(config)))
    units = {n: u for n, u in collect(encoder).units.items() if u.size > 2 and u.kind in ("conv", "head", "ffn")}
    assert "frontend.channels.6" in units
    keep = {name: list(range(0, unit.size, 2)) for name, unit in units.items()}
    values = {name: [0.5 + 0.1 * (k % 3) for k in range(len(kept))] for name, kept in keep.items()}
    plan = Plan(keep=keep, sizes={n: u.size for n, u in collect(encoder).units.items()}, values=values)
    small, equality = slim_and_verify(encoder, plan)
    assert equality.worst < 1e-9
    assert small.shape["frontend"]["channels"][6] == 5 and small.frontend.scale.shape == (5,)
    assert small.original_shape == encoder.original_shape
