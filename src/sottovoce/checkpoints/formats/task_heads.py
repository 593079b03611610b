"""Heads of stock Transformers classes as heads of ours, one entry for each kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from transformers import PreTrainedConfig

from sottovoce.encoder.checks.finite import check_finite
from sottovoce.encoder.loading.model_files import Files
from sottovoce.encoder.loading.pretrained import mismatch_error
from sottovoce.errors import CheckpointError

from ..families.family import Family
from .tokenizer import read_vocabulary

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Converted:
    """A head of ours that was made from a stock head.

    Args:
        fields: the fields of `TaskConfig` except the encoder.
        weights: tensor by its name in our head.
        used: names of the stock tensors that were used.
    """

    fields: Mapping[str, object]
    weights: dict[str, Tensor]
    used: set[str]


def head_class(family: Family, fields: Mapping[str, object]) -> str | None:
    """The entry of `HEADS` that a ``config.json`` names, such as ``ForCTC``; ``None`` for another head or none.

    Args:
        family: the family of the model.
        fields: content of the file.
    """
    stem = family.model.removesuffix("Model")
    for name in _architectures(fields):
        suffix = name.removeprefix(stem)
        if suffix in HEADS and suffix != name:
            return suffix
    return None


def _architectures(fields: Mapping[str, object]) -> list[str]:
    names = fields.get("architectures")
    return [str(name) for name in names] if isinstance(names, list | tuple) else []


def convert_head(kind: str, config: PreTrainedConfig, tensors: Tensors, files: Files) -> Converted:
    """Our head of a stock one.

    Args:
        kind: the entry of `HEADS`, see `head_class`.
        config: the stock config.
        tensors: the tensors outside the encoder.
        files: the files of the checkpoint, for its tokenizer.

    Raises:
        CheckpointError: tensors that are missing or misshapen, or a tokenizer that is missing or does not fit.
    """
    return HEADS[kind](config, tensors, files)


def _ctc(config: Any, tensors: Tensors, files: Files) -> Converted:
    found = _renamed(
        {"lm_head.*": "output.*"}, {"lm_head.weight": (config.vocab_size, config.hidden_size)}, tensors, files
    )
    vocabulary = read_vocabulary(files, config.vocab_size)
    weights = {name: tensor[vocabulary.order] for name, tensor in found.weights.items()}
    head = {"kind": "ctc", "outputs": config.vocab_size, "width": None, "fusion": "last"}
    text = {"labels": vocabulary.labels, "spelling": vocabulary.spelling, "aliases": vocabulary.aliases}
    return Converted({"head": head, "task": "recognition", **text}, weights, found.used)


def _utterances(config: Any, tensors: Tensors, files: Files) -> Converted:
    width, classes = config.classifier_proj_size, config.num_labels
    names = {"projector.*": "projector.*", "classifier.*": "output.*", **_fusion_names(config)}
    shapes = {"projector.weight": (width, config.hidden_size), "classifier.weight": (classes, width)}
    found = _renamed(names, shapes | _fusion_shapes(config), tensors, files)
    head = {"kind": "mean_classifier", "classes": classes, "width": width, "fusion": _fusion(config)}
    return Converted({"head": head, "task": "classification", "labels": _labels(config)}, found.weights, found.used)


def _frames(config: Any, tensors: Tensors, files: Files) -> Converted:
    shapes = {"classifier.weight": (config.num_labels, config.hidden_size)}
    names = {"classifier.*": "output.*", **_fusion_names(config)}
    found = _renamed(names, shapes | _fusion_shapes(config), tensors, files)
    head = {"kind": "frame_classifier", "classes": config.num_labels, "fusion": _fusion(config)}
    fields = {"head": head, "task": "frame classification", "labels": _labels(config)}
    return Converted(fields, found.weights, found.used)


def _xvector(config: Any, tensors: Tensors, files: Files) -> Converted:
    channels, kernels = list(config.tdnn_dim), list(config.tdnn_kernel)
    size = config.xvector_output_dim
    inputs = [channels[0], *channels[:-1]]
    names = {"projector.*": "projector.*", "feature_extractor.*": "embedding.*", "classifier.*": "classifier.*"}
    shapes = {
        "projector.weight": (channels[0], config.hidden_size),
        "feature_extractor.weight": (size, 2 * channels[-1]),
        "classifier.weight": (size, size),
    }
    for n, (i, o, k) in enumerate(zip(inputs, channels, kernels, strict=True)):
        names[f"tdnn.{n}.kernel.*"] = f"delays.{n}.*"
        shapes[f"tdnn.{n}.kernel.weight"] = (o, k * i)
    found = _renamed(names | _fusion_names(config), shapes | _fusion_shapes(config), tensors, files)
    for n, (i, k) in enumerate(zip(inputs, kernels, strict=True)):
        # The stock class has a linear map of the concatenated frames of a window; ours is a convolution.
        weight = found.weights[f"delays.{n}.weight"]
        found.weights[f"delays.{n}.weight"] = weight.view(-1, k, i).transpose(1, 2).contiguous()
    head = {
        "kind": "plain_xvector",
        "channels": channels,
        "kernels": kernels,
        "dilations": list(config.tdnn_dilation),
        "size": size,
        "fusion": _fusion(config),
    }
    fields = {"head": head, "task": "verification", "scoring": "cosine"}
    return Converted(fields, found.weights, found.used)


HEADS: dict[str, Callable[[object, Tensors, Files], Converted]] = {
    "ForCTC": _ctc,
    "ForSequenceClassification": _utterances,
    "ForXVector": _xvector,
    "ForAudioFrameClassification": _frames,
}
"""Ending of the name of a stock class -> function that converts its head."""


def _fusion(config: Any) -> str:
    return "sum" if config.use_weighted_layer_sum else "last"


def _fusion_names(config: Any) -> dict[str, str]:
    return {"layer_weights": "layer_weights"} if config.use_weighted_layer_sum else {}


def _fusion_shapes(config: Any) -> dict[str, tuple[int, ...]]:
    return {"layer_weights": (config.num_hidden_layers + 1,)} if config.use_weighted_layer_sum else {}


def _labels(config: Any) -> list[str]:
    return [str(config.id2label[place]) for place in range(config.num_labels)]


def _renamed(
    names: Mapping[str, str], shapes: Mapping[str, tuple[int, ...]], tensors: Tensors, files: Files
) -> Converted:
    """Weights under our names, after a check of their shapes.

    Args:
        names: stock name -> our name; ``linear.*`` stands for a weight and its bias.
        shapes: stock name -> shape; that of a bias follows from the weight.
        tensors: the stock tensors.
        files: the files of the checkpoint, for messages.

    Raises:
        CheckpointError: tensors that are missing, misshapen or not finite.
    """
    wanted: dict[str, tuple[str, tuple[int, ...]]] = {}
    for theirs, ours in names.items():
        if not theirs.endswith("*"):
            wanted[theirs] = (ours, shapes[theirs])
            continue
        shape = shapes[theirs.replace("*", "weight")]
        for part, size in (("weight", shape), ("bias", shape[:1])):
            wanted[theirs.replace("*", part)] = (ours.replace("*", part), size)
    missing = [name for name in wanted if name not in tensors]
    misshapen = [
        f"{name} {tuple(tensors[name].shape)} instead of {size}"
        for name, (_, size) in wanted.items()
        if name in tensors and tuple(tensors[name].shape) != size
    ]
    if error := mismatch_error(files.name, missing, [], misshapen):
        raise error
    check_finite({theirs: tensors[theirs] for theirs in wanted}, files.name)
    return Converted({}, {ours: tensors[theirs] for theirs, (ours, _) in wanted.items()}, set(wanted))


def refusal(name: str, fields: Mapping[str, object]) -> CheckpointError:
    """The error for a checkpoint whose head is not known."""
    what = ", ".join(_architectures(fields)) or "its config.json names no class, so it"
    return CheckpointError(
        f"{name}: {what} has no head that can be kept (known are {', '.join(HEADS)}); SpeechEncoder.from_pretrained"
        " takes the encoder alone"
    )
