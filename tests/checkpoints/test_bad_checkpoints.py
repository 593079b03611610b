"""Checkpoints that cannot be loaded: one line that names the thing, and never a line of their code run."""

from __future__ import annotations

import argparse
import os
import pickle
from pathlib import Path

import pytest
import torch

from families import FAMILIES, randomize
from sottovoce.checkpoints import load
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import CheckpointError
from stock_layouts import write_bin, write_config, write_preprocessor, write_safetensors, write_shards


def refused(name: object, *words: str, **options: object) -> None:
    with pytest.raises(CheckpointError) as caught:
        load(name, **options)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


@pytest.fixture(scope="module")
def stock():
    return randomize(FAMILIES["wavlm_base"](), 0)


@pytest.fixture
def directory(stock, tmp_path) -> Path:
    write_config(tmp_path, stock)
    write_preprocessor(tmp_path, do_normalize=False)
    return tmp_path


@pytest.mark.parametrize("name", ["/no/such/place", "nothing-of-that-name", "a/b/c"])
def test_nothing_there(name):
    refused(name, name, "no such file or directory")


def test_a_hub_id_without_a_connection(tmp_path):
    refused(
        "someone/wavlm",
        "someone/wavlm",
        "local_files_only forbids to ask the hub",
        cache_dir=tmp_path,
        local_files_only=True,
    )


def test_a_directory_without_config(tmp_path):
    refused(tmp_path, "no config.json")
    torch.save({}, tmp_path / "WavLM-Base.pt")
    refused(tmp_path, "WavLM-Base.pt", "give the path of the file")


def test_a_directory_without_weights(directory):
    refused(directory, "no weights", "model.safetensors", "pytorch_model.bin")


@pytest.mark.parametrize("content", ["{", "[1]", '{"hidden_size": 32}'])
def test_a_config_that_is_none(content, tmp_path):
    (tmp_path / "config.json").write_text(content)
    refused(tmp_path, "config.json")


def test_an_unknown_model_type(stock, tmp_path):
    write_config(tmp_path, stock, model_type="whisper")
    refused(tmp_path, "'whisper' is not supported", "hubert", "wav2vec2-bert", "wavlm")


@pytest.mark.parametrize(
    ("field", "value"), [("hidden_size", "wide"), ("conv_kernel", [10, 3]), ("num_attention_heads", 0)]
)
def test_a_config_that_makes_no_sense(field, value, stock, tmp_path):
    write_config(tmp_path, stock, **{field: value})
    write_bin(tmp_path, stock.state_dict())
    refused(tmp_path, str(tmp_path))


@pytest.mark.parametrize(
    ("family", "field", "value"),
    [
        ("wav2vec2_base", "add_adapter", True),
        ("wav2vec2_large", "adapter_attn_dim", 16),
        ("hubert_large", "conv_pos_batch_norm", True),
        ("wavlm_base", "feat_extract_activation", "relu"),
        ("wavlm_base", "hidden_act", "quick_gelu"),
        ("wav2vec2_bert", "add_adapter", True),
        ("wav2vec2_bert", "feature_projection_input_dim", 80),
        ("wav2vec2_conformer_rotary", "add_adapter", True),
        ("wav2vec2_conformer_rotary", "position_embeddings_type", "learned"),
    ],
)
def test_flags_that_are_not_supported_are_named(family, field, value, tmp_path):
    stock = FAMILIES[family]()
    write_config(tmp_path, stock, **{field: value})
    write_bin(tmp_path, stock.state_dict())
    refused(tmp_path, f"{field}={value!r}", "not supported")


def test_an_intermediate_feed_forward_before_an_adapter(tmp_path):
    stock = FAMILIES["wav2vec2_bert"]()
    write_config(tmp_path, stock, use_intermediate_ffn_before_adapter=True, add_adapter=True)
    refused(tmp_path, "add_adapter=True")


@pytest.mark.parametrize("field", [{"sampling_rate": 24000}, {"num_mel_bins": 40}])
def test_other_features_than_those_made_here(field, stock, tmp_path):
    write_config(tmp_path, stock)
    write_preprocessor(tmp_path, **field)
    refused(tmp_path, *map(str, field), "only")


def test_tensors_missing_left_over_and_misshapen_are_named_as_in_the_file(stock, directory):
    tensors = dict(stock.state_dict())
    del tensors["encoder.layers.1.attention.q_proj.weight"]
    tensors["encoder.layers.1.attention.extra"] = torch.ones(1)
    tensors["encoder.layer_norm.bias"] = torch.ones(31)
    tensors["encoder.layers.0.attention.gru_rel_pos_const"] = torch.ones(1, 3, 1, 1)
    write_bin(directory, tensors)
    refused(
        directory,
        "1 missing (encoder.layers.1.attention.q_proj.weight)",
        "1 surplus (encoder.layers.1.attention.extra)",
        "encoder.layer_norm.bias (31,) instead of (32,)",
        "encoder.layers.0.attention.gru_rel_pos_const (1, 3, 1, 1) instead of (1, 4, 1, 1)",
    )
    with pytest.raises(CheckpointError):
        SpeechEncoder.from_pretrained(directory)


def test_layers_of_another_depth(stock, tmp_path):
    write_config(tmp_path, stock, num_hidden_layers=2)
    write_preprocessor(tmp_path)
    write_bin(tmp_path, stock.state_dict())
    refused(tmp_path, "surplus", "encoder.layers.2.")


def test_half_a_weight_norm(stock, directory):
    tensors = {k: v for k, v in stock.state_dict().items() if not k.endswith("original0")}
    write_bin(directory, tensors)
    refused(directory, "missing (encoder.pos_conv_embed.conv.weight)", "surplus")


def test_no_encoder_inside_and_two(stock, directory):
    write_bin(directory, {"weight": torch.ones(1)})
    refused(directory, "no encoder")
    tensors = stock.state_dict()
    write_bin(directory, {f"{side}.{k}": v for side in ("student", "teacher") for k, v in tensors.items()})
    refused(directory, "2 encoders (student., teacher.)")


@pytest.mark.parametrize("writer", [write_bin, write_safetensors])
@pytest.mark.parametrize("kept", [0, 7, 1000, -2000])
def test_truncated_files(writer, kept, stock, directory):
    writer(directory, stock.state_dict())
    path = next(p for p in directory.iterdir() if p.suffix != ".json")
    path.write_bytes(path.read_bytes()[:kept])
    refused(directory, path.name)


@pytest.mark.parametrize("extension", ["bin", "safetensors"])
def test_shards_that_are_missing_or_incomplete(extension, stock, directory):
    write_shards(directory, stock.state_dict(), extension)
    shard = next(directory.glob(f"*-00002-of-00003.{extension}"))
    content = shard.read_bytes()
    shard.unlink()
    refused(directory, shard.name, "missing")
    shard.write_bytes(next(directory.glob(f"*-00001-of-00003.{extension}")).read_bytes())
    refused(directory, "is not in the shard", shard.name)
    shard.write_bytes(content[: len(content) // 2])
    refused(directory, shard.name)


def test_a_git_lfs_pointer(directory):
    (directory / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    refused(directory, "Git LFS pointer")


class Malicious:
    """An object that makes a folder where it is unpickled."""

    def __init__(self, place: Path):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_objects_are_refused_and_not_run(zipped, directory):
    path, made = directory / "pytorch_model.bin", directory / "made"
    torch.save({"weight": Malicious(made)}, path, _use_new_zipfile_serialization=zipped)
    refused(directory, "pytorch_model.bin", "pickled objects", "refused")
    path.write_bytes(pickle.dumps(Malicious(made)))
    refused(directory, "pytorch_model.bin")
    assert not made.exists()
    with pytest.raises(FileExistsError):  # it would have done so
        made.mkdir()
        torch.load(path, weights_only=False)


@pytest.mark.parametrize("name", ["a.pt", "a.pth", "a.bin", "a.ckpt", "pytorch_model.bin"])
def test_released_models_are_told_apart_without_running_anything(name, tmp_path):
    made = tmp_path / "made"
    content = {"state_dict": {}, "pyannote.audio": Malicious(made), "modules": {"spk_model": Malicious(made)}}
    torch.save(content, tmp_path / name)
    refused(tmp_path / name, "mkdir")
    assert not made.exists()


def test_fairseq_files_hold_pickled_settings(tmp_path):
    path = tmp_path / "hubert_base_ls960.pt"
    torch.save({"args": argparse.Namespace(x=1), "model": {"a": torch.ones(1)}}, path)
    refused(path, "argparse.Namespace", "could run code")


def test_files_that_hold_something_else(stock, tmp_path):
    path = tmp_path / "some.pt"
    torch.save({"step": 3, "optimizer": {}}, path)
    refused(path, "unknown format", "step, optimizer")
    torch.save([1, 2], path)
    refused(path, "a list")
    write_config(tmp_path, stock)
    write_preprocessor(tmp_path)
    torch.save({"weight": 3}, path)
    refused(path, "weight (int)")
