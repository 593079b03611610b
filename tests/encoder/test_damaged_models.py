"""Models that are damaged or mean harm: one line that names the thing, before memory is taken."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
import zipfile
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from families import FAMILIES, randomize
from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import CheckpointError
from sottovoce.models.loading import load, load_pretrained
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from stock_layouts import write_bin, write_shards
from stock_models import save
from tiny_models import tiny_config, tiny_encoder, tiny_model


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An encoder and a task model of ours, and a stock recognizer."""
    place = tmp_path_factory.mktemp("whole")
    tiny_encoder().save_pretrained(place / "encoder")
    tiny_model().save_pretrained(place / "task")
    save("hubert_large", "CTC", place / "stock")
    return place


@pytest.fixture
def models(whole, tmp_path):
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    return tmp_path


def refused(place, *words, load=load_pretrained):
    with warnings.catch_warnings(), pytest.raises(CheckpointError) as caught:
        warnings.simplefilter("ignore")
        load(place)
    message = str(caught.value)
    assert "\n" not in message and len(message) < 700
    for word in words:
        assert word in message, message


def amend(place: Path, **fields) -> None:
    content = json.loads((place / "config.json").read_text())
    (place / "config.json").write_text(json.dumps({**content, **fields}))


def with_weights(place: Path, change) -> None:
    weights = load_file(place / "model.safetensors")
    weights = {name: tensor.clone() for name, tensor in weights.items()}
    change(weights)
    save_file(weights, place / "model.safetensors", {"format": "pt"})


# --- what a config may say ---


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("head_dim", "wide", "head_dim is 'wide'; it must be a whole number from 1 to"),
        ("head_dim", True, "head_dim is True"),
        ("layer_eps", -1e-5, "layer_eps is -1e-05"),
        ("layer_eps", float("nan"), "layer_eps is nan"),
        ("dropout", 1.5, "dropout is 1.5; it must be a number from 0 to 1"),
        ("normalize", "no", "normalize is 'no'; it must be true or false"),
        ("conv_kernel", [10, 3], "conv_kernel"),
        ("conv_stride", [5, 2, 2, 2, 2, 2, 0], "conv_stride"),
        ("activation", "gleu", "activation is 'gleu'; it can be gelu"),
        ("layr", "post_norm", "'layr' is unknown; did you mean 'layer'?"),
        ("hidden_size", 10**9, "'hidden_size' is unknown"),
        ("num_buckets", 10**30, "num_buckets"),
        ("dtype", "load", "dtype is 'load'"),
        ("shape", None, "original"),
        ("shape", [], "config: shape is []; it must be a table with frontend"),
    ],
)
def test_values_of_a_config_are_checked(name, value, told, models):
    amend(models / "encoder", **{name: value})
    if name == "shape" and value is None:
        told = "tensors do not fit"
    refused(models / "encoder", told, str(models / "encoder"))


BOMBS = {
    "layers": (lambda s: s.update(layers=[s["layers"][0]] * 2000), "a list of at most 512 layers"),
    "residual": (lambda s: s.update(residual="0-99999999999"), "residual is '0-99999999999'; ids go upwards"),
    "repeated": (lambda s: s.update(residual="0-65000," * 100), "residual"),
    "taps": (lambda s: s["positional"].update(taps=[10**11]), "taps is [100000000000]"),
    "units": (lambda s: s["layers"][0]["feed_forward"].update(units=10**9), "units is 1000000000"),
    "wide": (lambda s: s["layers"][0]["feed_forward"].update(units=10**6), "do not fit the config"),
    "channels": (lambda s: s["frontend"].update(channels=[10**9] * 7), "channels"),
    "more heads": (lambda s: s["layers"][0]["attention"].update(heads="0-900"), "do not fit the config"),
    "ranks": (lambda s: s["layers"][0]["feed_forward"].update(up={"ranks": 10**9}), "'up' is unknown"),
    "nested": (lambda s: s["layers"][0].update(attention={"heads": {"a": {}}}), "heads is"),
    "a block of another layer": (lambda s: s["layers"][0].update(convolution=None), "'convolution' is unknown"),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_shapes_are_checked_before_memory_is_taken(kind, models):
    change, told = BOMBS[kind]
    shape = json.loads((models / "encoder" / "config.json").read_text())["shape"]
    change(shape)
    amend(models / "encoder", shape=shape)
    refused(models / "encoder", told)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("num_hidden_layers", 10**8),
        ("hidden_size", 10**9),
        ("num_conv_pos_embeddings", 10**11),
        ("num_conv_pos_embedding_groups", 10**9),
        ("num_labels", 10**9),
        ("vocab_size", 10**9),
        ("intermediate_size", 10**12),
        ("conv_dim", [10**9] * 7),
        pytest.param("num_hidden_layers", 400, marks=pytest.mark.slow),
    ],
)
def test_stock_configs_too(name, value, models):
    amend(models / "stock", **{name: value})
    refused(models / "stock", str(models / "stock"))


@pytest.mark.parametrize("given", [{"layers": 10**8}, {"hidden_size": 10**9}, {"positional_taps": (10**11,)}])
def test_widths_in_python_too(given):
    with pytest.raises(CheckpointError, match="must be"):
        uniform_shape(**given)


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ({"kind": "mhfa", "widht": 6}, "head mhfa: 'widht' is unknown; did you mean 'width'"),
        ({"kind": "mhfa", "width": "6"}, "head mhfa: width is '6'"),
        ({"kind": "mhfa", "width": 6.5}, "width is 6.5"),
        ({"kind": "mhfa", "heads": 10**9}, "heads is 1000000000"),
        ({"kind": ["mhfa"]}, "the head is"),
        ({"kind": "powerset", "blocks": 10**6}, "blocks is 1000000"),
        ({"kind": "powerset", "at_once": 10**6}, "at_once"),
        ({"kind": "pooled", "pooling": {"kind": "attentive", "botleneck": 3}}, "did you mean 'bottleneck'"),
        ({"kind": "pooled", "width": 8, "fusion": {"kind": "sum", "weights": "x"}}, "fusion sum: 'weights' is unknown"),
        ({"kind": "classifier"}, "head classifier: needs embedding"),
        ({"kind": "plain_xvector", "kernels": [5, 3]}, "5 channels, 2 kernels and 5 dilations"),
        (
            {"kind": "plain_xvector", "channels": [], "kernels": [], "dilations": []},
            "channels is []; it must be a list of 1",
        ),
    ],
)
def test_options_of_heads_are_checked(head, told, models):
    amend(models / "task", head=head)
    refused(models / "task", told)


def test_a_fault_of_a_constructor_is_not_told_as_the_users(monkeypatch):
    from sottovoce.heads.speaker import mhfa

    monkeypatch.setattr(mhfa, "nn", None)
    with pytest.raises(AttributeError):
        TaskModel(TaskConfig(encoder=tiny_config(), head={"kind": "mhfa"}))


@pytest.mark.parametrize("module", ["speaker.mhfa", "layer_aggregation", "speaker.pooling"])
def test_neither_is_its_own_type_error(module, monkeypatch):
    def fault(*_, **__):
        raise TypeError("a fault of ours")

    head = {"kind": "mhfa"} if module == "speaker.mhfa" else {"kind": "pooled", "width": 8, "pooling": "attentive"}
    faulty = SimpleNamespace(**{name: fault for name in ("Linear", "Parameter", "Conv1d", "ModuleList")})
    monkeypatch.setattr(import_module(f"sottovoce.heads.{module}"), "nn", faulty)
    with pytest.raises(TypeError, match="a fault of ours"):
        TaskModel(TaskConfig(encoder=tiny_config(), head=head))


def test_what_lacks_a_field_is_no_config(models):
    content = json.loads((models / "encoder" / "config.json").read_text())
    del content["normalize"]
    (models / "encoder" / "config.json").write_text(json.dumps(content))
    refused(models / "encoder", "config.json has no normalize")


def test_a_nested_string_does_not_decide_what_a_model_is(models):
    amend(models / "stock", note='"model_type": "sottovoce"', nested={"model_type": "sottovoce"})
    assert isinstance(load_quietly(models / "stock"), TaskModel)
    text = (models / "encoder" / "config.json").read_text()
    (models / "encoder" / "config.json").write_text(text.replace('"model_type": ', '"model_type":\n  '))
    assert isinstance(load_quietly(models / "encoder"), SpeechEncoder)
    amend(models / "encoder", model_type=["sottovoce"])
    refused(models / "encoder", "no model_type")


def load_quietly(place):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return load_pretrained(place)


# --- what weights may be ---


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_named(value, models):
    for kind, key in (
        ("encoder", "layers.1.attention.q.bias"),
        ("task", "scoring.mean"),
        ("stock", "hubert.encoder.layers.1.attention.q_proj.weight"),
        ("stock", "lm_head.bias"),
    ):
        shutil.copytree(models / kind, models / f"{kind} {key}")
        with_weights(models / f"{kind} {key}", lambda w, key=key: w[key].view(-1)[3:4].fill_(value))
        refused(models / f"{kind} {key}", key.removeprefix("hubert."), "NaN or infinite")
    with_weights(models / "task", lambda w: w["scoring.threshold"].fill_(value))
    if value == value:
        refused(models / "task", "scoring.threshold")
    else:
        assert load_pretrained(models / "task").scoring.threshold.isnan()


def test_in_pickled_weights_and_after_a_cast_too(models):
    stock = randomize(FAMILIES["hubert_large"](), 0)
    stock.encoder.layers[0].layer_norm.bias.data[0] = float("nan")
    stock.save_pretrained(models / "bin")
    (models / "bin" / "model.safetensors").unlink()
    write_bin(models / "bin", stock.state_dict())
    refused(models / "bin", "encoder.layers.0.layer_norm.bias")
    with_weights(models / "encoder", lambda w: w["layers.0.attention.q.bias"].fill_(1e6))
    refused(models / "encoder", "q.bias", load=lambda place: SpeechEncoder.from_pretrained(place, dtype="float16"))


def test_tensors_that_do_not_fit_are_one_line_and_no_report(models, capfd):
    with_weights(models / "encoder", lambda w: [w.pop(name) for name in list(w) if name.startswith("layers")])
    for kind in (SpeechEncoder, AutoModel):
        with pytest.raises(CheckpointError, match=r"missing \(layers.0") as told:
            kind.from_pretrained(models / "encoder")
        assert "\n" not in str(told.value)
    assert capfd.readouterr() == ("", "")


def test_integers_are_no_weights(models):
    with_weights(models / "encoder", lambda w: w.update({"layers.0.attention.q.bias": torch.ones(16).int()}))
    refused(models / "encoder", "layers.0.attention.q.bias holds torch.int32, not torch.float32")


@pytest.mark.parametrize(
    "shard", ["../other.safetensors", "/etc/hosts", "a/../../other.safetensors", "", ".", "C:\\x", "\0", 5, None, ["a"]]
)
@pytest.mark.parametrize("kind", ["ours", pytest.param("stock", marks=pytest.mark.slow)])
def test_shards_stay_in_the_directory(kind, shard, models):
    place = models / ("encoder" if kind == "ours" else "stock")
    write_shards(place, load_file(place / "model.safetensors"), "safetensors")
    (place / "model.safetensors").rename(models / "other.safetensors")
    load_quietly(place)
    index = json.loads((place / "model.safetensors.index.json").read_text())
    index["weight_map"][min(index["weight_map"])] = shard
    (place / "model.safetensors.index.json").write_text(json.dumps(index))
    refused(place, str(place))


def test_links_of_the_hubs_cache_are_followed_and_others_are_not(models):
    repository = models / "models--a--b"
    snapshot = repository / "snapshots" / "0123"
    (repository / "blobs").mkdir(parents=True)
    shutil.copytree(models / "encoder", snapshot)
    write_shards(snapshot, load_file(snapshot / "model.safetensors"), "safetensors")
    (snapshot / "model.safetensors").unlink()
    shard = next(snapshot.glob("*00002*"))
    shard.rename(repository / "blobs" / "123")
    shard.symlink_to(Path("../../blobs/123"))
    load_quietly(snapshot)
    shard.unlink()
    shutil.copy(repository / "blobs" / "123", models / "elsewhere")
    shard.symlink_to(models / "elsewhere")
    refused(snapshot, shard.name, "is a link out of the directory")


def test_an_archive_that_unpacks_to_more_than_it_is(models):
    (models / "stock" / "model.safetensors").unlink()
    with zipfile.ZipFile(models / "stock" / "pytorch_model.bin", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10**7))
    refused(models / "stock", "unpack to 10000000")


# --- files ---


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077])
def test_weights_are_as_readable_as_their_neighbors(mask, tmp_path):
    before = os.umask(mask)
    try:
        tiny_model().save_pretrained(tmp_path, portable=True)
    finally:
        os.umask(before)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o666 & ~mask}


READ = """
import os, sys
from sottovoce.models.loading import load_pretrained
load_pretrained(sys.argv[1])  # imports all that only root may read
os.setgid(65534), os.setuid(65534)
for place in sys.argv[2:]:
    try: load_pretrained(place)
    except ValueError as error: print(error)
"""


@pytest.mark.slow  # a process of its own
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can become somebody who may not read")
def test_what_may_not_be_read_is_not_told_as_missing(whole):
    names = ("config.json", "model.safetensors", ".")
    with tempfile.TemporaryDirectory() as place:  # of which others may see everything but one
        os.chmod(place, 0o755)
        for k, name in enumerate(names):
            shutil.copytree(whole / "encoder", f"{place}/{k}")
            os.chmod(f"{place}/{k}/{name}", 0)
        models = [f"{place}/{k}" for k in range(len(names))]
        done = subprocess.run(
            [sys.executable, "-c", READ, str(whole / "encoder"), *models], capture_output=True, text=True
        )
    lines = done.stdout.splitlines()
    assert len(lines) == len(names) and all("may not be read" in line for line in lines), done


def test_a_folder_in_place_of_a_file(models):
    for name in ("config.json", "model.safetensors"):
        shutil.copytree(models / "encoder", models / name / "model")
        (models / name / "model" / name).unlink()
        (models / name / "model" / name).mkdir()
        refused(models / name / "model", f"{name}: is a folder")


def test_auto_classes_tell_the_same(models):
    amend(models / "encoder", head_dim="wide")
    with pytest.raises(CheckpointError, match="head_dim is 'wide'"):
        AutoModel.from_pretrained(models / "encoder")
    with pytest.raises(CheckpointError, match="head_dim is 'wide'"):
        EncoderConfig.from_pretrained(models / "encoder")


def test_a_config_that_wants_tuples_changes_nothing_for_inference(models):
    wave = 0.1 * torch.randn(1, 8000, generator=torch.Generator().manual_seed(0))
    expected = load_pretrained(models / "task")(wave).output
    for name in ("task", "encoder"):
        amend(models / name, return_dict=False)
    assert torch.equal(load_pretrained(models / "task")(wave).output, expected)
    for name in ("task", "encoder"):
        assert len(load_pretrained(models / name, encoder_only=True)(wave).hidden_states) == 3
        assert len(load(models / name)(wave).hidden_states) == 3
    assert isinstance(TaskModel.from_pretrained(models / "task")(wave), tuple)


@pytest.mark.skipif(importlib.util.find_spec("bitsandbytes") is not None, reason="bitsandbytes is installed")
def test_a_package_that_a_config_needs_and_that_is_missing(models):
    amend(models / "task", quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True})
    refused(models / "task", str(models / "task"), "bitsandbytes")
