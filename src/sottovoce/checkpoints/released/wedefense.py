"""Anti-spoofing models of WeDefense: ``avg_model.pt`` or ``model_N.pt``, with the ``config.yaml`` of their training.

The file is a state dict (github.com/zlin0/wedefense): the encoder under ``frontend``, the back end at the top, and the
classes under ``projection``. A pruned one is ``whole_pytorch_model.bin``, with ``pruned_config.json`` beside it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sottovoce.encoder.loading.model_files import Directory, is_file, read_json
from sottovoce.encoder.loading.pretrained import blueprint
from sottovoce.errors import CheckpointError
from sottovoce.models.llr_scoring import CLASSES
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_network import TaskNetwork

from ..formats import dphubert_diarizen
from ..formats.stock import Loaded
from ..formats.tensors import read_torch_tensors
from ..origins import license
from .foreign_yaml import CONFIG, config_of, tagged_yaml, tagged_yaml_or_nothing
from .s3prl_upstream import check_reading, upstream_of
from .wedefense_back_ends import back_end_of
from .whole_model import WholeModel

PRUNED = "pruned_config.json"
SUFFIXES = (".pt", ".pth", ".bin")
WEIGHTS = ("avg_model.pt", "models/avg_model.pt", "whole_pytorch_model.bin")
"""Weights that a directory is read from, the first that is there."""

FILES = f"WeDefense (.pt with its {CONFIG})"

FRONT = "frontend.upstream."
OURS = (1, 0)
"""Place of our classes among theirs, which are sorted by name: bonafide, spoof."""


def claims(path: Path) -> bool:
    """Whether there is a ``config.yaml`` of a model with one of their back ends on an encoder."""
    config = config_of(path, SUFFIXES)
    return config is not None and str(tagged_yaml_or_nothing(config).get("model")).startswith("SSL_BACKEND_")


def hint(names: Mapping[str, object]) -> str | None:
    """What a state dict lacks that is all there is."""
    if any(name.startswith(FRONT) for name in names) and any(name.startswith("projection.") for name in names):
        return f"tensors of a WeDefense model without the {CONFIG} of its training; copy it beside the file"
    return None


def _weights_of(path: Path) -> Path:
    """The file with the weights.

    Raises:
        CheckpointError: there is none, or there are several and no average of them.
    """
    if is_file(path):
        return path
    found = [path / name for name in WEIGHTS if (path / name).is_file()]
    several = sorted(file for folder in (path, path / "models") for file in folder.glob("model_*.pt"))
    if not found and len(several) != 1:
        names = ", ".join(str(file.relative_to(path)) for file in several[:5])
        raise CheckpointError(
            f"{path}: {CONFIG} " + (f"with {names}; give the path of one of them" if several else "without weights; none of")
            + ("" if several else f" {', '.join(WEIGHTS)} is there")
        )  # fmt: skip
    return (found or several)[0]


def load(path: Path) -> WholeModel:
    """The fields of our `TaskConfig`, the weights, and notes.

    Args:
        path: the weights, or a folder with them.

    Raises:
        CheckpointError: settings that are not supported, gates that were not carried out, or tensors that do not fit.
    """
    config = config_of(path, SUFFIXES)
    assert config is not None  # `claims` has found it
    settings, file = tagged_yaml(config), _weights_of(path)
    name = str(file)
    tensors = read_torch_tensors(file)
    if any("hard_concrete" in key for key in tensors):
        raise CheckpointError(
            f"{name}: holds gates, so it was saved while pruning; cut it with their prune_model.py, and give"
            " whole_pytorch_model.bin"
        )
    back_end = back_end_of(settings, config)
    inside = {key.removeprefix(FRONT): tensor for key, tensor in tensors.items() if key.startswith(FRONT)}
    outside = {key: tensor for key, tensor in tensors.items() if not key.startswith(FRONT)}
    encoder, weights, notes = _encoder(settings, inside, file, config)
    encoder.origin = {"name": file.name, "license": license(Directory(path if path.is_dir() else file.parent))}
    fields: dict[str, Any] = {
        "encoder": encoder,
        "head": {
            "kind": "classifier",
            "classes": len(CLASSES),
            "activated": True,
            **back_end.options(outside, encoder, name),
        },
        "scoring": "llr",
        "task": "spoofing",
        "labels": list(CLASSES),
    }
    expected = blueprint(TaskNetwork, TaskConfig(**fields))
    expected = {key: tensor for key, tensor in expected.items() if key.startswith("head.")}
    head = back_end.weights(expected, _sorted(outside, name), name)
    return WholeModel(fields, {f"encoder.{key}": tensor for key, tensor in weights.items()} | head, notes)


def _sorted(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The tensors with the classes in our order.

    Raises:
        CheckpointError: another projection than batch norm, ReLU and a linear map, or another number of classes.
    """
    weight = tensors.get("projection.trans.2.weight")
    if weight is None or "projection.trans.0.running_mean" not in tensors:
        held = ", ".join(sorted(key for key in tensors if key.startswith("projection."))[:4]) or "none"
        raise CheckpointError(f"{name}: its projection is {held}; the one that can be read is project_type softmax")
    if len(weight) != len(CLASSES):
        raise CheckpointError(f"{name}: {len(weight)} classes; a detector has two, bonafide and spoof")
    order = torch.tensor(OURS)
    last = {
        key: tensors[key][order] for key in ("projection.trans.2.weight", "projection.trans.2.bias") if key in tensors
    }
    return {**tensors, **last}


def _encoder(settings: Mapping[str, object], tensors: Mapping[str, Tensor], file: Path, config: Path) -> Loaded:
    """Our encoder, from ``frontend.upstream``.

    Raises:
        CheckpointError: another front end, a pruned model without its shape, or tensors that do not fit.
    """
    data = settings.get("dataset_args")
    frontend = data.get("frontend") if isinstance(data, Mapping) else None
    if frontend == "s3prl":
        conf = data.get("s3prl_args") if isinstance(data, Mapping) else None
        reading = conf if isinstance(conf, Mapping) else {}
        all_states = reading.get("layerwise_feature") is True or reading.get("multilayer_feature", True) is True
        check_reading(reading, reading.get("upstream_args"), all_states, config)
        return upstream_of(tensors, str(file))
    if frontend != "huggingface":
        raise CheckpointError(
            f"{file}: its front end is {frontend!r}; those that can be read are huggingface and s3prl"
        )
    places = [Directory(file.parent), Directory(file.parent.parent)]
    shape = next((found for place in places if (found := read_json(place, PRUNED)) is not None), None)
    if shape is None:
        shape = whole_config(tensors, str(file))
    return dphubert_diarizen.load({"state_dict": tensors, "config": shape}, str(file))


STRIDES = (5, 2, 2, 2, 2, 2, 2)


def whole_config(tensors: Mapping[str, Tensor], name: str) -> dict[str, object]:
    """The config of an unpruned WavLM in their naming, whose sizes are those of the tensors.

    Args:
        tensors: the tensors of the encoder.
        name: name of the file, for messages.

    Raises:
        CheckpointError: it is another encoder, or pruned.
    """
    layers = len({key.split(".")[3] for key in tensors if key.startswith("encoder.transformer.layers.")})
    stem = "encoder.transformer.layers.{}.{}"
    try:
        width = tensors["encoder.feature_projection.projection.weight"].shape[0]
        heads = tensors[stem.format(0, "attention.gru_rel_pos_const")].numel()
        buckets = tensors[stem.format(0, "attention.rel_attn_embed.weight")].shape[0]
        convs = [tensors[f"feature_extractor.conv_layers.{i}.conv.weight"].shape for i in range(len(STRIDES))]
        units = [tensors[stem.format(i, "feed_forward.intermediate_dense.weight")].shape[0] for i in range(layers)]
        queries = [tensors[stem.format(i, "attention.q_proj.weight")].shape[0] for i in range(layers)]
        lengths = "encoder.transformer.pos_conv_embed.conv.parametrizations.weight.original"
        taps, inside = tensors[f"{lengths}0"].shape[-1], tensors[f"{lengths}1"].shape[1]
    except KeyError as error:
        raise CheckpointError(
            f"{name}: no {FRONT}{error.args[0]} in it; it is no WavLM, or pruned, and then its {PRUNED} belongs beside it"
        ) from None
    if set(queries) != {width} or len(set(units)) > 1:
        raise CheckpointError(
            f"{name}: its layers have different widths, so it is pruned, without its {PRUNED}; copy it there"
        )
    large = "feature_extractor.conv_layers.1.layer_norm.weight" in tensors
    return {
        "extractor_mode": "layer_norm" if large else "group_norm",
        "extractor_conv_layer_config": [
            (shape[0], shape[2], stride) for shape, stride in zip(convs, STRIDES, strict=True)
        ],
        "extractor_conv_bias": "feature_extractor.conv_layers.0.conv.bias" in tensors,
        "encoder_embed_dim": width,
        "encoder_projection_dropout": 0.1,
        "encoder_pos_conv_kernel": taps,
        "encoder_pos_conv_groups": width // inside,
        "encoder_num_layers": layers,
        "encoder_use_attention": [True] * layers,
        "encoder_use_feed_forward": [True] * layers,
        "encoder_total_num_heads": [heads] * layers,
        "encoder_remaining_heads": [list(range(heads))] * layers,
        "encoder_num_buckets": buckets,
        "encoder_max_distance": 800,
        "encoder_attention_dropout": 0.1,
        "encoder_ff_interm_features": units,
        "encoder_ff_interm_dropout": 0.0,
        "encoder_dropout": 0.1,
        "encoder_layer_norm_first": large,
        "encoder_layer_drop": 0.05,
        "aux_num_out": None,
        "normalize_waveform": large,
    }
