"""Microsoft's own WavLM files, made from stock models by renaming: the two are the same network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from transformers import WavLMModel

from families import FAMILIES, randomize, speech
from sottovoce.checkpoints import load
from sottovoce.checkpoints.formats.original_wavlm import conv_layers
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import CheckpointError

# Names of the stock class, and what fairseq calls them.
NAMES = {
    r"feature_extractor\.conv_layers\.(\d+)\.conv\.(.*)": r"feature_extractor.conv_layers.\1.0.\2",
    r"feature_projection\.layer_norm\.(.*)": r"layer_norm.\1",
    r"feature_projection\.projection\.(.*)": r"post_extract_proj.\1",
    r"masked_spec_embed": r"mask_emb",
    r"encoder\.pos_conv_embed\.conv\.parametrizations\.weight\.original0": r"encoder.pos_conv.0.weight_g",
    r"encoder\.pos_conv_embed\.conv\.parametrizations\.weight\.original1": r"encoder.pos_conv.0.weight_v",
    r"encoder\.pos_conv_embed\.conv\.bias": r"encoder.pos_conv.0.bias",
    r"encoder\.layers\.(\d+)\.attention\.(._proj|out_proj)\.(.*)": r"encoder.layers.\1.self_attn.\2.\3",
    r"encoder\.layers\.(\d+)\.attention\.gru_rel_pos_linear\.(.*)": r"encoder.layers.\1.self_attn.grep_linear.\2",
    r"encoder\.layers\.(\d+)\.attention\.gru_rel_pos_const": r"encoder.layers.\1.self_attn.grep_a",
    r"encoder\.layers\.0\.attention\.rel_attn_embed\.(.*)": r"encoder.layers.0.self_attn.relative_attention_bias.\1",
    r"encoder\.layers\.(\d+)\.layer_norm\.(.*)": r"encoder.layers.\1.self_attn_layer_norm.\2",
    r"encoder\.layers\.(\d+)\.feed_forward\.intermediate_dense\.(.*)": r"encoder.layers.\1.fc1.\2",
    r"encoder\.layers\.(\d+)\.feed_forward\.output_dense\.(.*)": r"encoder.layers.\1.fc2.\2",
    r"encoder\.layers\.(\d+)\.final_layer_norm\.(.*)": r"encoder.layers.\1.final_layer_norm.\2",
    r"encoder\.layer_norm\.(.*)": r"encoder.layer_norm.\1",
}


def renamed(name: str, large: bool) -> str:
    norms = {r"feature_extractor\.conv_layers\.(\d+)\.layer_norm\.(.*)": r"feature_extractor.conv_layers.\1.2."}
    norm = {k: v + (r"1.\2" if large else r"\2") for k, v in norms.items()}
    for pattern, replacement in (NAMES | norm).items():
        if re.fullmatch(pattern, name):
            return re.sub(pattern, replacement, name)
    raise KeyError(name)


def write(path: Path, stock: WavLMModel, **changes: object) -> None:
    c = stock.config
    large = c.do_stable_layer_norm
    convs = list(zip(c.conv_dim, c.conv_kernel, c.conv_stride, strict=True))
    cfg = {
        "extractor_mode": "layer_norm" if large else "default",
        "encoder_layers": c.num_hidden_layers,
        "encoder_embed_dim": c.hidden_size,
        "encoder_ffn_embed_dim": c.intermediate_size,
        "encoder_attention_heads": c.num_attention_heads,
        "activation_fn": "gelu",
        "layer_norm_first": large,
        "conv_feature_layers": " + ".join(f"[{conv}] * 1" for conv in convs),
        "conv_bias": False,
        "conv_pos": c.num_conv_pos_embeddings,
        "conv_pos_groups": c.num_conv_pos_embedding_groups,
        "relative_position_embedding": True,
        "gru_rel_pos": True,
        "num_buckets": c.num_buckets,
        "max_distance": c.max_bucket_distance,
        "normalize": large,
        "mask_prob": 0.8,  # and much else that is about training
    }
    tensors = {renamed(k, large): v for k, v in stock.state_dict().items()}
    torch.save({"cfg": cfg | changes, "model": tensors}, path)


@torch.no_grad()
@pytest.mark.parametrize("family", ["wavlm_base", "wavlm_large"])
def test_the_same_network_as_the_stock_class(family, tmp_path):
    stock = randomize(FAMILIES[family](), 0)
    write(tmp_path / "WavLM.pt", stock, normalize=False)
    with pytest.warns(UserWarning, match="left out, not part of the encoder: mask_emb"):
        encoder = SpeechEncoder.from_pretrained(tmp_path / "WavLM.pt")
    waveform, _ = speech(12000)
    theirs, ours = stock(waveform, output_hidden_states=True), encoder(waveform)
    pairs = zip(
        (*theirs.hidden_states, theirs.last_hidden_state), (*ours.hidden_states, ours.last_hidden_state), strict=True
    )
    assert max((a - b).abs().max() for a, b in pairs) < 1e-4


def test_the_config_says_whether_waveforms_are_normalized(tmp_path):
    for family, normalized in (("wavlm_base", False), ("wavlm_large", True)):
        write(tmp_path / "WavLM.pt", FAMILIES[family]())
        assert load(tmp_path / "WavLM.pt")[0].normalize is normalized


def test_the_expression_of_the_convolutions():
    text = "[(512,10,5)] + [(512,3,2)] * 4 + [(512,2,2)] * 2"
    assert conv_layers(text, "f") == [(512, 10, 5)] + [(512, 3, 2)] * 4 + [(512, 2, 2)] * 2


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "[(512,10,5)] * 10**9",
        "[(512,10,5)] * 101",
        "[(512,10)]",
        "[]",
        "[(",
        "512",
        "[(512.0,10,5)]",
        None,
    ],
)
def test_other_expressions_are_refused_and_never_evaluated(text):
    with pytest.raises(CheckpointError, match="conv_feature_layers"):
        conv_layers(text, "f")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"extractor_mode": "conv2d"}, "extractor_mode"),
        ({"gru_rel_pos": False}, "gru_rel_pos"),
        ({"activation_fn": "glu"}, "glu"),
        ({"encoder_embed_dim": 18}, "no projection"),
        ({"encoder_layers": "many"}, "cfg"),
        ({"encoder_layers": 2}, "surplus"),
        ({"encoder_ffn_embed_dim": 40}, "fc1.weight"),
    ],
)
def test_what_does_not_fit_is_named(change, words, tmp_path):
    write(tmp_path / "WavLM.pt", FAMILIES["wavlm_base"](), **change)
    with pytest.raises(CheckpointError, match=words):
        load(tmp_path / "WavLM.pt")


def test_a_cfg_that_is_no_dictionary(tmp_path):
    torch.save({"cfg": 3, "model": {}}, tmp_path / "WavLM.pt")
    with pytest.raises(CheckpointError, match="cfg is a int"):
        load(tmp_path / "WavLM.pt")
