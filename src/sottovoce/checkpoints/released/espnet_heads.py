"""Encoders, poolings and projectors of ESPnet-SPK as heads of ours (espnet2/spk)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from sottovoce.errors import CheckpointError

from ..families.key_map import KeyMap, KeyRule, pointwise

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class PublishedHead:
    """How to read one combination of encoder, pooling and projector.

    Args:
        options: the options of our head but its fusion, from its tensors and the name of the file for messages.
        names: names of its tensors in ours.
        prepared: its tensors in the shapes of ours.
    """

    options: Callable[[Tensors, str], dict[str, object]]
    names: KeyMap
    prepared: Callable[[Tensors, str], dict[str, Tensor]]


def size_of(tensors: Tensors, key: str, name: str, dim: int = 0) -> int:
    """A size of a tensor.

    Raises:
        CheckpointError: there is no such tensor.
    """
    if key not in tensors:
        raise CheckpointError(
            f"{name}: no {key} in it, which its config.yaml names the module of; copy it again from its source"
        )
    return tensors[key].shape[dim]


SUM = KeyRule("frontend.featurizer.weights", "head.fusion.weights")
"""Weights of the hidden states."""

ATTENTION = "pooling.attention.0.weight"
FRAME, CONTEXT = "pooling.attention.0.weight of frames", "pooling.attention.0.weight of the utterance"
"""The parts of it that read a frame, and the mean and deviation of the utterance; ours has a map for each."""

CHANNEL_ATTENTIVE = (
    pointwise(FRAME, "head.pooling.hidden.weight"),
    pointwise(CONTEXT, "head.pooling.context.weight"),
    KeyRule("pooling.attention.0.bias", "head.pooling.hidden.bias"),
    KeyRule("pooling.attention.2.*", "head.pooling.norm.*"),
    pointwise("pooling.attention.3.weight", "head.pooling.score.weight"),
    KeyRule("pooling.attention.3.bias", "head.pooling.score.bias"),
)


def channel_attentive(tensors: Tensors, name: str) -> dict[str, object]:
    """The options of our pooling for their ``chn_attn_stat``."""
    return {"kind": "channel_attentive", "bottleneck": size_of(tensors, ATTENTION, name), "context": True}


def split_attention(tensors: Tensors, name: str) -> dict[str, Tensor]:
    """The tensors with the first map of the pooling's attention in two parts.

    Raises:
        CheckpointError: it is missing.
    """
    frame = size_of(tensors, ATTENTION, name, 1) // 3
    rest = {key: tensor for key, tensor in tensors.items() if key != ATTENTION}
    return rest | {
        FRAME: tensors[ATTENTION][:, :frame].contiguous(),
        CONTEXT: tensors[ATTENTION][:, frame:].contiguous(),
    }


RAWNET3_PROJECTOR = (KeyRule("projector.bn.*", "head.norm.*"), KeyRule("projector.fc.*", "head.embed.*"))


def _ecapa_block(theirs: str, ours: str) -> tuple[KeyRule, ...]:
    return (
        *_res2_block(theirs, ours),
        KeyRule(f"{theirs}.convs.{{i}}.*", f"{ours}.groups.{{i}}.conv.*"),
        KeyRule(f"{theirs}.bns.{{i}}.*", f"{ours}.groups.{{i}}.norm.*"),
    )


def _res2_block(theirs: str, ours: str) -> tuple[KeyRule, ...]:
    return (
        KeyRule(f"{theirs}.conv1.*", f"{ours}.enter.conv.*"),
        KeyRule(f"{theirs}.bn1.*", f"{ours}.enter.norm.*"),
        KeyRule(f"{theirs}.conv3.*", f"{ours}.leave.conv.*"),
        KeyRule(f"{theirs}.bn3.*", f"{ours}.leave.norm.*"),
        pointwise(f"{theirs}.se.se.1.weight", f"{ours}.squeeze_excitation.squeeze.weight"),
        KeyRule(f"{theirs}.se.se.1.bias", f"{ours}.squeeze_excitation.squeeze.bias"),
        KeyRule(f"{theirs}.se.se.3.*", f"{ours}.squeeze_excitation.norm.*"),
        pointwise(f"{theirs}.se.se.4.weight", f"{ours}.squeeze_excitation.excite.weight"),
        KeyRule(f"{theirs}.se.se.4.bias", f"{ours}.squeeze_excitation.excite.bias"),
    )


ECAPA = KeyMap(
    (
        SUM,
        KeyRule("encoder.conv.*", "head.trunk.entry.conv.*"),
        KeyRule("encoder.bn.*", "head.trunk.entry.norm.*"),
        *(rule for i in range(3) for rule in _ecapa_block(f"encoder.layer{i + 1}", f"head.trunk.blocks.{i}")),
        KeyRule("encoder.layer4.*", "head.trunk.aggregate.*"),
        *CHANNEL_ATTENTIVE,
        *RAWNET3_PROJECTOR,
    )
)


def _ecapa(tensors: Tensors, name: str) -> dict[str, object]:
    groups = sum(bool(re.fullmatch(r"encoder\.layer1\.convs\.\d+\.weight", key)) for key in tensors)
    return {
        "kind": "ecapa_tdnn",
        "channels": size_of(tensors, "encoder.conv.weight", name),
        "scale": groups + 1,
        "bottleneck": size_of(tensors, "encoder.layer1.se.se.1.weight", name),
        "wide": size_of(tensors, "encoder.layer4.weight", name),
        "size": size_of(tensors, "projector.fc.weight", name),
        "pooling": channel_attentive(tensors, name),
    }


def _ska_block(theirs: str, ours: str) -> tuple[KeyRule, ...]:
    kernels = (
        KeyRule(f"{theirs}.skconvs.{{i}}.{k}.{part}.*", f"{ours}.groups.{{i}}.{k}.{name}.*")
        for k in (0, 1)
        for part, name in (("conv", "conv"), ("bn", "norm"))
    )
    return (*_res2_block(theirs, ours), *kernels, *_choice(f"{theirs}.skse", f"{ours}.select"))


def _choice(theirs: str, ours: str) -> tuple[KeyRule, ...]:
    return KeyRule(f"{theirs}.fc.*", f"{ours}.squeeze.*"), KeyRule(f"{theirs}{JOINED}.*", f"{ours}.choose.*")


def _ska_front(theirs: str, ours: str) -> tuple[KeyRule, ...]:
    found = [KeyRule(f"{theirs}.conv1.*", f"{ours}.enter.*"), KeyRule(f"{theirs}.bn1.*", f"{ours}.enter_norm.*")]
    for short, name in (("f", "bins"), ("c", "maps")):
        at = f"{theirs}.sk{short}wse"
        found.append(KeyRule(f"{at}.convs.{{i}}.conv.*", f"{ours}.for_{name}.{{i}}.conv.*"))
        found.append(KeyRule(f"{at}.convs.{{i}}.bn.*", f"{ours}.for_{name}.{{i}}.norm.*"))
        found += _choice(at, f"{ours}.select_{name}")
    return tuple(found)


JOINED = ".fcs.0 and 1"
"""Their maps to the weights of two kernels, in one tensor as ours has them."""

SKA = KeyMap(
    (
        SUM,
        KeyRule("encoder.frt_conv1.*", "head.trunk.enter.*"),
        KeyRule("encoder.frt_bn1.*", "head.trunk.enter_norm.*"),
        KeyRule("encoder.frt_conv2.*", "head.trunk.leave.*"),
        KeyRule("encoder.frt_bn2.*", "head.trunk.leave_norm.*"),
        *(rule for i in range(2) for rule in _ska_front(f"encoder.frt_block{i + 1}", f"head.trunk.fronts.{i}")),
        KeyRule("encoder.conv1.*", "head.trunk.entry.conv.*"),
        KeyRule("encoder.bn1.*", "head.trunk.entry.norm.*"),
        *(rule for i in range(3) for rule in _ska_block(f"encoder.layer{i + 1}", f"head.trunk.blocks.{i}")),
        KeyRule("encoder.layer4.*", "head.trunk.aggregate.*"),
        *CHANNEL_ATTENTIVE,
        *RAWNET3_PROJECTOR,
        KeyRule("projector.bn2.*", "head.out_norm.*"),
    )
)


def _ska(tensors: Tensors, name: str) -> dict[str, object]:
    groups = sum(bool(re.fullmatch(r"encoder\.layer1\.skconvs\.\d+\.0\.conv\.weight", key)) for key in tensors)
    return {
        "kind": "ska_tdnn",
        "maps": size_of(tensors, "encoder.frt_conv1.weight", name),
        "channels": size_of(tensors, "encoder.conv1.weight", name),
        "scale": groups + 1,
        "bottleneck": size_of(tensors, "encoder.layer1.se.se.1.weight", name),
        "wide": size_of(tensors, "encoder.layer4.weight", name),
        "size": size_of(tensors, "projector.fc.weight", name),
        "pooling": channel_attentive(tensors, name),
    }


def _joined(tensors: Tensors, name: str) -> dict[str, Tensor]:
    """As `split_attention`, with the maps to the weights of two kernels in one tensor each."""
    found = split_attention(tensors, name)
    for key in [key for key in found if ".fcs.0." in key]:
        other = key.replace(".fcs.0.", ".fcs.1.")
        if other in found and found[other].shape == found[key].shape:
            found[key.replace(".fcs.0.", f"{JOINED}.")] = torch.cat([found.pop(key), found.pop(other)])
    return found


HEADS: Mapping[tuple[str, ...], PublishedHead] = {
    ("ecapa_tdnn", "chn_attn_stat", "rawnet3"): PublishedHead(_ecapa, ECAPA, split_attention),
    ("ska_tdnn", "chn_attn_stat", "ska_tdnn"): PublishedHead(_ska, SKA, _joined),
}
"""Encoder, pooling and projector in ``config.yaml`` -> their reader."""
