"""Names of tensors of CAM++ in 3D-Speaker and wespeaker, and in our head."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from ...families.key_map import KeyMap, KeyRule, pointwise
from .wespeaker_names import TRAINING, residual_block


def from_zero(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors with layers ``tdnnd1``, ``tdnnd2``, .. counted from 0."""
    return {
        re.sub(r"\.tdnnd(\d+)\.", lambda found: f".tdnnd{int(found[1]) - 1}.", name): each
        for name, each in tensors.items()
    }


def cam_names() -> KeyMap:
    """The names of ``campplus``, whose layers are counted from 1 there, and here from 0 (see `from_zero`)."""
    rows: list[KeyRule] = [
        KeyRule("head.conv1.weight", "head.map.first.conv.weight"),
        KeyRule("head.bn1.*", "head.map.first.norm.*"),
        *(row for s in range(2) for row in residual_block(f"head.layer{s + 1}.{{i}}", f"head.map.stages.{s}.{{i}}")),
        KeyRule("head.conv2.weight", "head.map.last.conv.weight"),
        KeyRule("head.bn2.*", "head.map.last.norm.*"),
        KeyRule("xvector.tdnn.linear.weight", "head.entry.conv.weight"),
        KeyRule("xvector.tdnn.nonlinear.batchnorm.*", "head.entry.norm.*"),
    ]
    for block in range(3):
        theirs, ours = f"xvector.block{block + 1}.tdnnd{{i}}", f"head.dense_map.blocks.{block}.{{i}}"
        rows += [
            KeyRule(f"{theirs}.nonlinear1.batchnorm.*", f"{ours}.enter.norm.*"),
            KeyRule(f"{theirs}.linear1.weight", f"{ours}.enter.linear.weight"),
            KeyRule(f"{theirs}.nonlinear2.batchnorm.*", f"{ours}.norm.*"),
            KeyRule(f"{theirs}.cam_layer.linear_local.weight", f"{ours}.local.weight"),
            pointwise(f"{theirs}.cam_layer.linear1.weight", f"{ours}.squeeze.weight"),
            KeyRule(f"{theirs}.cam_layer.linear1.bias", f"{ours}.squeeze.bias"),
            pointwise(f"{theirs}.cam_layer.linear2.weight", f"{ours}.excite.weight"),
            KeyRule(f"{theirs}.cam_layer.linear2.bias", f"{ours}.excite.bias"),
            KeyRule(f"xvector.transit{block + 1}.nonlinear.batchnorm.*", f"head.dense_map.halves.{block}.norm.*"),
            KeyRule(f"xvector.transit{block + 1}.linear.weight", f"head.dense_map.halves.{block}.linear.weight"),
        ]
    rows += [
        KeyRule("xvector.out_nonlinear.batchnorm.*", "head.norm.*"),
        pointwise("xvector.dense.linear.weight", "head.embed.weight"),
        KeyRule("xvector.dense.nonlinear.batchnorm.*", "head.out_norm.*"),
    ]
    return KeyMap(tuple(rows), TRAINING, constants={})
