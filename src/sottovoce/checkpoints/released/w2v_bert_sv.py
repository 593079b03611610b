"""Speaker models of w2v-BERT-2.0_SV, dense, with LoRA or pruned: ``{"modules": {"spk_model": ..}, ..}`` in one ``.pth``.

The file holds no config (github.com/ZXHY-82/w2v-BERT-2.0_SV, recipes/DeepASV/local/spk_model.py), so widths are read from the
tensors. Those of a pruned model are already cut, and are taken as they are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import Wav2Vec2BertConfig

from sottovoce.encoder.checks.values import ANYTHING, check, number
from sottovoce.encoder.config import EncoderConfig, Shape
from sottovoce.encoder.loading.model_files import Directory
from sottovoce.encoder.loading.pretrained import blueprint
from sottovoce.errors import CheckpointError
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_network import TaskNetwork

from ..families.key_map import KeyMap, KeyRule, pointwise, renamed, to_ours
from ..families.wav2vec2_bert import FAMILY
from ..formats.tensors import only_tensors, peeked, read_torch
from ..origins import license
from .foreign_yaml import tagged_yaml
from .lora import merged, ranks
from .whole_model import WholeModel

MODULES, MODEL = "modules", "spk_model"
FILES = f"w2v-BERT-2.0_SV (.pth with {MODULES}, {MODEL})"
LICENSE = "cc-by-nc-sa-4.0"
"""That of the repository, where no card is beside the file."""

POSITIONS = 64, 8
"""Keys at most so far to the left and right have a position of their own; the file holds only their number, 73."""

SCALING = 2.0
"""Of LoRA in the published configuration: alpha 128, rank 64."""

ALPHA = 32
"""Alpha of their LoRA where its settings do not say it (deeplab/pretrained/audio2vector/api.py)."""

LORA = {
    "lora_alpha": number(1e-6, 1e6),
    **{name: ANYTHING for name in ("model_type", "r", "target_modules", "lora_dropout", "bias")},
}
"""All arguments of their LoRA; all but alpha are seen in the tensors, or are of no use after training."""

ENCODER, LAYER = "front.encoder.", r"encoder\.layers\.(\d+)\."


def claims(path: Path) -> bool:
    """Whether a file holds a module ``spk_model``."""
    content = peeked(path, (".pth", ".pt"))
    modules = content.get(MODULES) if isinstance(content, Mapping) else None
    return isinstance(modules, Mapping) and MODEL in modules


def hint(names: Mapping[str, object]) -> str | None:
    """Nothing is ever beside such a file."""
    return None


def load(path: Path) -> WholeModel:
    """The fields of our `TaskConfig`, the weights, and notes.

    Args:
        path: the ``.pth`` file.

    Raises:
        CheckpointError: a checkpoint from the middle of pruning, LoRA without its base, another head, or tensors that are
            missing, left over or misshapen.
    """
    name = str(path)
    content: Any = read_torch(path)
    tensors = only_tensors(content[MODULES][MODEL], name)
    if any(key.startswith("student_front.") or ".hard_concrete" in key for key in tensors):
        raise CheckpointError(
            f"{name}: a checkpoint from the middle of pruning (teacher and student, or gates); cut it with their"
            " apply_prune_s1.py, and give what apply_prune_s2.py or a later stage wrote"
        )
    notes: list[str] = []
    tensors = merged(tensors, _scaling(path, ranks(tensors), notes), name)
    inside = {key.removeprefix(ENCODER): tensor for key, tensor in tensors.items() if key.startswith(ENCODER)}
    outside = {key: tensor for key, tensor in tensors.items() if not key.startswith(ENCODER)}
    if not inside:
        raise CheckpointError(
            f"{name}: no tensor of {ENCODER[:-1]} in its spk_model; known are dense, LoRA and pruned ones"
        )
    encoder = encoder_config(inside, name)
    encoder.origin = {"name": path.name, "license": license(Directory(path.parent)) or LICENSE}
    fields: dict[str, Any] = {
        "encoder": encoder,
        "head": head_options(outside, encoder, name),
        "scoring": "cosine",
        "task": "verification",
    }
    weights, _ = to_ours(encoder, inside, FAMILY.table(encoder), name)
    expected = blueprint(TaskNetwork, TaskConfig(**fields))
    head, _ = renamed({k: v for k, v in expected.items() if k.startswith("head.")}, outside, HEAD, name)
    return WholeModel(fields, {f"encoder.{key}": tensor for key, tensor in weights.items()} | head, notes)


def _scaling(path: Path, found: set[int], notes: list[str]) -> Callable[[int], float]:
    """Alpha divided by the rank, from the rank; alpha is in the ``train.yaml`` beside the file if there is one.

    Raises:
        CheckpointError: LoRA with a setting that theirs does not have, or with several ranks without its settings.
    """
    settings = tagged_yaml(path.with_name("train.yaml")) if path.with_name("train.yaml").is_file() else {}
    lora = settings.get("peft_config")
    if found and isinstance(lora, Mapping):
        check(lora, LORA, f"{path.with_name('train.yaml')}: peft_config")
        alpha = float(str(lora.get("lora_alpha", ALPHA)))
        return lambda rank: alpha / rank
    if len(found) > 1:
        raise CheckpointError(
            f"{path}: LoRA of ranks {', '.join(map(str, sorted(found)))} without the train.yaml that says lora_alpha; copy"
            " it beside the file"
        )
    if found:
        notes.append(
            f"{path}: its LoRA is scaled by {SCALING:g}, as published; the train.yaml with another scale is not beside it"
        )
    return lambda rank: SCALING


def encoder_config(tensors: Mapping[str, Tensor], name: str) -> EncoderConfig:
    """Our config of the encoder, whose widths are those of the tensors.

    Args:
        tensors: tensors by their name in the encoder.
        name: name of the file, for messages.

    Raises:
        CheckpointError: a tensor that says a width is missing, or the positions are not those of w2v-BERT 2.0.
    """
    layers = 1 + max((int(found[1]) for key in tensors if (found := re.match(LAYER, key))), default=-1)
    distances = [t for key, t in tensors.items() if key.endswith(".self_attn.distance_embedding.weight")]
    if not layers or not distances:
        raise CheckpointError(f"{name}: no layers with attention over relative keys in it, so it is no w2v-BERT 2.0")
    positions, head_dim = distances[0].shape
    if positions != 1 + sum(POSITIONS):
        raise CheckpointError(f"{name}: {positions} relative positions; those of w2v-BERT 2.0 are {1 + sum(POSITIONS)}")
    width = _size(tensors, "feature_projection.projection.weight", name)
    shape: list[Shape] = [_layer(tensors, i, head_dim, name) for i in range(layers)]
    units = [entry[part]["units"] for entry in shape for part in ("feed_forward1", "feed_forward2") if entry[part]]
    stock = Wav2Vec2BertConfig(
        hidden_size=width,
        output_hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // head_dim,
        intermediate_size=max([4 * width, *units]),
        conv_depthwise_kernel_size=tensors["encoder.layers.0.conv_module.depthwise_conv.weight"].shape[-1],
        left_max_position_embeddings=POSITIONS[0],
        right_max_position_embeddings=POSITIONS[1],
    )
    config = FAMILY.encoder_config(stock, name, normalize=False)
    return config.with_shape({**config.shape, "layers": shape})


def _layer(tensors: Mapping[str, Tensor], number: int, head_dim: int, name: str) -> Shape:
    """The widths of a layer; ``None`` for a block that was pruned away."""
    stem = f"encoder.layers.{number}"

    def feed_forward(place: int) -> Shape | None:
        up = tensors.get(f"{stem}.ffn{place}.intermediate_dense.weight")
        return None if up is None else {"units": up.shape[0]}

    queries = tensors.get(f"{stem}.self_attn.linear_q.weight")
    return {
        "feed_forward1": feed_forward(1),
        "attention": None if queries is None else {"heads": list(range(queries.shape[0] // head_dim))},
        "convolution": {"channels": _size(tensors, f"{stem}.conv_module.depthwise_conv.weight", name)},
        "feed_forward2": feed_forward(2),
    }


def _size(tensors: Mapping[str, Tensor], key: str, name: str) -> int:
    if key not in tensors:
        raise CheckpointError(f"{name}: no {ENCODER}{key} in it; copy it again from its source")
    return tensors[key].shape[0]


def head_options(tensors: Mapping[str, Tensor], encoder: EncoderConfig, name: str) -> dict[str, object]:
    """The options of our head: adapters of all hidden states, attentive statistics, an embedding.

    Args:
        tensors: the tensors outside the encoder.
        encoder: config of the encoder.
        name: name of the file, for messages.

    Raises:
        CheckpointError: another head of theirs, or adapters for a part of the hidden states only.
    """
    adapters = [t for key, t in tensors.items() if re.fullmatch(r"adapter_layers\.\d+\.0\.weight", key)]
    needed = ("pooling.attention.0.weight", "bottleneck.weight")
    if not adapters or any(key not in tensors for key in needed):
        held = ", ".join(sorted({key.split(".")[0] for key in tensors})) or "nothing"
        raise CheckpointError(
            f"{name}: the head is not theirs with adapters (adapter_layers, pooling, bottleneck); beside the encoder it holds"
            f" {held}"
        )
    if len(adapters) != encoder.num_hidden_layers + 1:
        raise CheckpointError(
            f"{name}: {len(adapters)} adapters for {encoder.num_hidden_layers + 1} hidden states; the models that can be read"
            " have one for each (n_mfa_layers: -1)"
        )
    return {
        "kind": "pooled",
        "size": tensors["bottleneck.weight"].shape[0],
        "fusion": {"kind": "adapters", "width": adapters[0].shape[0]},
        "pooling": {"kind": "asp", "bottleneck": tensors[needed[0]].shape[0]},
    }


HEAD = KeyMap(
    (
        KeyRule("adapter_layers.{i}.0.*", "head.fusion.down.{i}.*"),
        KeyRule("adapter_layers.{i}.1.*", "head.fusion.norm.{i}.*"),
        KeyRule("adapter_layers.{i}.3.*", "head.fusion.out.{i}.*"),
        pointwise("pooling.attention.0.weight", "head.pooling.hidden.weight"),
        KeyRule("pooling.attention.0.bias", "head.pooling.hidden.bias"),
        KeyRule("pooling.attention.2.*", "head.pooling.norm.*"),
        pointwise("pooling.attention.3.weight", "head.pooling.score.weight"),
        KeyRule("pooling.attention.3.bias", "head.pooling.score.bias"),
        KeyRule("bottleneck.*", "head.embed.*"),
    )
)
"""Names in their head and in ours."""
