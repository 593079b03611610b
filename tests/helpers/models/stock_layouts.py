"""Writing checkpoints in the layouts that are published."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
import transformers
from safetensors.torch import save_file
from torch import Tensor
from transformers import PreTrainedModel

from families import FAMILIES, randomize

# Keeps the heads of stock classes as small as the encoders.
SMALL_HEADS = {
    "vocab_size": 11,
    "classifier_proj_size": 8,
    "tdnn_dim": (8, 8, 8, 8, 12),
    "xvector_output_dim": 8,
    "num_codevectors_per_group": 6,
    "codevector_dim": 8,
    "proj_codevector_dim": 8,
    "num_clusters": 7,
}
HEADS = ("CTC", "SequenceClassification", "AudioFrameClassification", "XVector", "PreTraining")


def stem(family: str) -> str:
    """``Wav2Vec2`` of ``Wav2Vec2Model``."""
    return type(FAMILIES[family]()).__name__.removesuffix("Model")


def head_classes(family: str) -> list[type[PreTrainedModel]]:
    """All stock classes that put a head on the encoder of a family."""
    names = [f"{stem(family)}For{head}" for head in HEADS]
    return [getattr(transformers, name) for name in names if hasattr(transformers, name)]


def with_head(family: str, head: type[PreTrainedModel], seed: int = 0, **config: object) -> PreTrainedModel:
    return randomize(head(FAMILIES[family](**{**SMALL_HEADS, **config}).config), seed).eval()


def write_config(directory: Path, model: PreTrainedModel, **changes: object) -> None:
    directory.mkdir(exist_ok=True)
    fields = model.config.to_dict() | {"architectures": [type(model).__name__]} | changes
    (directory / "config.json").write_text(json.dumps(fields))


def write_preprocessor(directory: Path, **fields: object) -> None:
    (directory / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 16000, **fields}))


def plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.contiguous().clone() for name, tensor in tensors.items()}


def write_bin(directory: Path, tensors: Mapping[str, Tensor]) -> None:
    torch.save(plain(tensors), directory / "pytorch_model.bin")


def write_safetensors(directory: Path, tensors: Mapping[str, Tensor]) -> None:
    save_file(plain(tensors), directory / "model.safetensors", metadata={"format": "pt"})


def write_shards(directory: Path, tensors: Mapping[str, Tensor], extension: str) -> None:
    """Three shards and their index: ``extension`` is ``bin`` or ``safetensors``."""
    name = "pytorch_model" if extension == "bin" else "model"
    placed = {}
    for k in range(3):
        shard = f"{name}-{k + 1:05d}-of-00003.{extension}"
        part = plain(dict(list(tensors.items())[k::3]))
        torch.save(part, directory / shard) if extension == "bin" else save_file(part, directory / shard)
        placed |= dict.fromkeys(part, shard)
    index = {"metadata": {"total_size": 1}, "weight_map": placed}
    (directory / f"{name}.{extension}.index.json").write_text(json.dumps(index))


def old_weight_norm(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weight norm as ``torch.nn.utils.weight_norm`` spells it, in most published files."""
    return {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in tensors.items()
    }
