"""Every layout in which stock checkpoints are published, written by a test and loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from families import FAMILIES, randomize, speech
from sottovoce.checkpoints import from_transformers, load
from sottovoce.encoder.config import EncoderConfig
from sottovoce.encoder.model import SpeechEncoder
from stock_layouts import (
    head_classes,
    old_weight_norm,
    with_head,
    write_bin,
    write_config,
    write_preprocessor,
    write_safetensors,
    write_shards,
)

ONE_OF_EACH = ("wavlm_base", "hubert_large", "data2vec_audio", "wav2vec2_bert", "wav2vec2_conformer_rotary")


def saved(directory: Path, model: PreTrainedModel, **changes) -> Path:
    write_config(directory, model, **changes)
    write_preprocessor(directory, do_normalize=False)
    return directory


def check(loaded: tuple[EncoderConfig, dict[str, Tensor], list[str]], stock: PreTrainedModel) -> list[str]:
    """What was loaded is what the bare model converts to; returns the notes."""
    config, weights, notes = loaded
    expected_config, expected, _ = from_transformers(stock, normalize=False)
    assert config.shape == expected_config.shape
    assert weights.keys() == expected.keys()
    assert all(torch.equal(weights[k], v) for k, v in expected.items())
    return notes


@pytest.mark.parametrize("family", FAMILIES)
def test_head_classes(family, tmp_path):
    for head in head_classes(family):
        model = with_head(family, head)
        directory = saved(tmp_path / head.__name__, model)
        write_safetensors(directory, model.state_dict())
        notes = check(load(directory), model.base_model)
        for part, _ in model.named_children():
            if part != model.base_model_prefix and any(k.startswith(part + ".") for k in model.state_dict()):
                assert part in notes[0]


@pytest.mark.parametrize("family", ONE_OF_EACH)
@pytest.mark.parametrize("layout", ["bin", "safetensors", "bin shards", "safetensors shards"])
def test_files(family, layout, tmp_path):
    stock = randomize(FAMILIES[family](), 0)
    directory, tensors = saved(tmp_path, stock), stock.state_dict()
    if "shards" in layout:
        write_shards(directory, tensors, layout.split()[0])
    elif layout == "bin":
        write_bin(directory, tensors)
    else:
        write_safetensors(directory, tensors)
    check(load(directory), stock)


@pytest.mark.parametrize("spelling", ["weight_g", "parametrizations", "folded"])
def test_weight_norm(spelling, tmp_path):
    stock = randomize(FAMILIES["wavlm_base"](), 0)
    tensors = stock.state_dict()
    if spelling == "weight_g":
        tensors = old_weight_norm(tensors)
        assert "encoder.pos_conv_embed.conv.weight_g" in tensors
    elif spelling == "folded":
        tensors = {k: v for k, v in tensors.items() if "parametrizations" not in k}
        tensors["encoder.pos_conv_embed.conv.weight"] = stock.encoder.pos_conv_embed.conv.weight.detach()
    write_bin(saved(tmp_path, stock), tensors)
    check(load(tmp_path), stock)


def test_weight_norm_over_another_dimension():
    """The kernel may be 1 wide, or the norm per output channel: the length says which."""
    from sottovoce.checkpoints.formats.weight_norm import folded

    for dim in (0, 2):
        conv = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv1d(4, 6, 3), dim=dim)
        parts = conv.parametrizations.weight
        parts.original0.data.mul_(1.5)
        assert torch.equal(folded(parts.original1.data, parts.original0.data), conv.weight.data)
        parts.original0.data.select(dim, 1).zero_()  # what is gone may have lost its direction, too
        parts.original1.data.select(dim, 1).zero_()
        weight = folded(parts.original1.data, parts.original0.data)
        assert not weight.select(dim, 1).any() and weight.isfinite().all() and weight.any()


@pytest.mark.parametrize(
    ("family", "gone"),
    [
        ("wavlm_base", "masked_spec_embed"),
        ("wav2vec2_conformer_relative", "encoder.pos_conv_embed"),
        ("wav2vec2_conformer_rotary", "encoder.embed_positions"),
    ],
)
def test_what_is_not_computed_with_may_be_there_or_not(family, gone, tmp_path):
    stock = randomize(FAMILIES[family](), 0)
    tensors = stock.state_dict()
    fewer = {k: v for k, v in tensors.items() if not k.startswith(gone)}
    assert len(fewer) < len(tensors)
    write_bin(saved(tmp_path, stock), tensors)
    assert gone in check(load(tmp_path), stock)[0]
    write_bin(tmp_path, fewer)
    assert not any(gone in note for note in check(load(tmp_path), stock))


def test_an_encoder_deep_inside_another_model(tmp_path):
    stock = randomize(FAMILIES["hubert_base"](), 0)
    tensors = {f"model.speech.{k}": v for k, v in stock.state_dict().items()} | {"decoder.weight": torch.ones(3)}
    write_bin(saved(tmp_path, stock), tensors)
    assert "decoder" in check(load(tmp_path), stock)[0]


def test_half_precision_files(tmp_path):
    stock = randomize(FAMILIES["wavlm_base"](), 0).half()
    write_safetensors(saved(tmp_path, stock), old_weight_norm(stock.state_dict()))
    encoder = SpeechEncoder.from_pretrained(tmp_path)
    assert encoder.dtype == torch.float32
    expected = stock.float()
    waveform, _ = speech(5000)
    with torch.no_grad():
        difference = encoder(waveform).last_hidden_state - expected(waveform).last_hidden_state
    assert difference.abs().max() < 1e-2


def test_the_weights_file_itself(tmp_path):
    stock = randomize(FAMILIES["wav2vec2_base"](), 0)
    write_safetensors(saved(tmp_path, stock), stock.state_dict())
    (tmp_path / "model.safetensors").rename(tmp_path / "epoch3.safetensors")
    check(load(tmp_path / "epoch3.safetensors"), stock)


def test_a_hub_id_from_the_cache(tmp_path):
    stock = randomize(FAMILIES["wavlm_large"](), 0)
    repository = tmp_path / "models--someone--wavlm"
    snapshot = repository / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    write_bin(saved(snapshot, stock), stock.state_dict())
    check(load("someone/wavlm", cache_dir=tmp_path, local_files_only=True), stock)


def test_from_pretrained_warns_of_what_is_left_out_and_runs(tmp_path):
    stock = randomize(FAMILIES["wavlm_base"](), 0)
    write_bin(saved(tmp_path, stock), stock.state_dict())
    with pytest.warns(UserWarning, match="left out, not part of the encoder: masked_spec_embed"):
        encoder = SpeechEncoder.from_pretrained(str(tmp_path))
    assert not encoder.training
    waveform, _ = speech(8000)
    with torch.no_grad():
        expected = stock(waveform).last_hidden_state
        assert (encoder(waveform).last_hidden_state - expected).abs().max() < 1e-4


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("file", ["preprocessor_config.json", "processor_config.json"])
def test_normalization_as_the_checkpoint_says(said, file, tmp_path):
    stock = randomize(FAMILIES["wavlm_base"](), 0)
    write_config(tmp_path, stock)
    write_bin(tmp_path, stock.state_dict())
    settings = {"do_normalize": said, "sampling_rate": 16000}
    content = settings if file.startswith("pre") else {"feature_extractor": settings}
    (tmp_path / file).write_text(json.dumps(content))
    config, _, notes = load(tmp_path)
    assert config.normalize is said
    assert not any("preprocessor" in note for note in notes)


@pytest.mark.parametrize(
    ("family", "usual"),
    [
        ("wavlm_base", False),
        ("wavlm_large", True),
        ("hubert_base", True),
        ("wav2vec2_large", True),
        ("data2vec_audio", True),
    ],
)
def test_normalization_where_nothing_says_so_is_named(family, usual, tmp_path):
    stock = randomize(FAMILIES[family](), 0)
    write_config(tmp_path, stock)
    write_bin(tmp_path, stock.state_dict())
    config, _, notes = load(tmp_path)
    assert config.normalize is usual
    assert f"waveforms are {'normalized' if usual else 'not normalized'}" in notes[0]


def test_our_own_directory(tmp_path):
    stock = randomize(FAMILIES["wavlm_base"](), 0)
    config, weights, _ = from_transformers(stock)
    encoder = SpeechEncoder(config)
    encoder.load_strictly(weights, "stock")
    encoder.save_pretrained(tmp_path)
    again, returned, notes = load(tmp_path)
    assert again.to_dict() == encoder.config.to_dict() and not notes
    assert all(torch.equal(returned[k], v) for k, v in encoder.state_dict().items())


def test_a_config_as_it_was_published_in_2021():
    """With fields that the stock class of today no longer has, and without some that it has."""
    from sottovoce.checkpoints import FAMILIES as KNOWN
    from sottovoce.checkpoints.formats.stock import stock_config
    from sottovoce.encoder.loading.pretrained import blueprint
    from sottovoce.encoder.network import EncoderNetwork

    fields = {
        "_name_or_path": "wavlm-base-plus",
        "activation_dropout": 0.0,
        "architectures": ["WavLMModel"],
        "attention_dropout": 0.1,
        "conv_bias": False,
        "conv_dim": [512] * 7,
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "do_stable_layer_norm": False,
        "feat_extract_activation": "gelu",
        "feat_extract_norm": "group",
        "feat_extract_dropout": 0.0,
        "feat_proj_dropout": 0.1,
        "freeze_feat_extract_train": True,
        "gradient_checkpointing": False,
        "hidden_act": "gelu",
        "hidden_dropout": 0.1,
        "hidden_dropout_prob": 0.1,
        "hidden_size": 768,
        "intermediate_size": 3072,
        "layer_norm_eps": 1e-05,
        "layerdrop": 0.05,
        "mask_channel_length": 10,
        "mask_channel_selection": "static",
        "mask_time_prob": 0,
        "max_bucket_distance": 800,
        "model_type": "wavlm",
        "no_mask_time_overlap": False,
        "num_attention_heads": 12,
        "num_buckets": 320,
        "num_conv_pos_embedding_groups": 16,
        "num_conv_pos_embeddings": 128,
        "num_feat_extract_layers": 7,
        "num_hidden_layers": 12,
        "output_hidden_size": 768,
        "replace_prob": 0.5,
        "tokenizer_class": "Wav2Vec2CTCTokenizer",
        "torch_dtype": "float32",
        "transformers_version": "4.15.0.dev0",
        "vocab_size": 32,
    }
    family = KNOWN["wavlm"]
    config = family.encoder_config(stock_config(family, fields, "wavlm"), "wavlm", normalize=False)
    assert (config.layerdrop, config.projection_dropout, config.activation_dropout) == (0.05, 0.1, 0.0)
    with torch.device("meta"):
        stock = family.model_class(family.config_class())
    parameters = sum(t.numel() for name, t in blueprint(EncoderNetwork, config).items() if name != "positional.scale")
    # The stock class also counts the vector of masked frames and the lengths of weight norm.
    assert parameters == sum(p.numel() for p in stock.parameters()) - 768 - 128
