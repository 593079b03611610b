"""Names of tensors in wespeaker's speaker models (github.com/wenet-e2e/wespeaker, wespeaker/models) and in our heads."""

from __future__ import annotations

from ...families.key_map import KeyMap, KeyRule, pointwise

TRAINING = ("projection.*", "projection")
"""What only training needs: the classifier of speakers."""

_POOLING = (
    pointwise("pool.linear1.weight", "head.pooling.hidden.weight"),
    pointwise("pool.linear1.context", "head.pooling.context.weight"),
    KeyRule("pool.linear1.bias", "head.pooling.hidden.bias"),
    pointwise("pool.linear2.weight", "head.pooling.score.weight"),
    KeyRule("pool.linear2.bias", "head.pooling.score.bias"),
)
"""Of ASTP; the part of its first map that reads the context has a name of its own here."""


def residual_block(theirs: str, ours: str) -> tuple[KeyRule, ...]:
    """The rows of a residual block."""
    convolutions = [
        row
        for place in range(3)
        for row in (
            KeyRule(f"{theirs}.conv{place + 1}.weight", f"{ours}.convs.{place}.conv.weight"),
            KeyRule(f"{theirs}.bn{place + 1}.*", f"{ours}.convs.{place}.norm.*"),
        )
    ]
    return (
        *convolutions,
        KeyRule(f"{theirs}.shortcut.0.weight", f"{ours}.around.conv.weight"),
        KeyRule(f"{theirs}.shortcut.1.*", f"{ours}.around.norm.*"),
    )


def resnet_names() -> KeyMap:
    """The names of ``resnet.py``."""
    stages = (residual_block(f"layer{stage + 1}.{{i}}", f"head.map.stages.{stage}.{{i}}") for stage in range(4))
    rows = (
        KeyRule("conv1.weight", "head.map.first.conv.weight"),
        KeyRule("bn1.*", "head.map.first.norm.*"),
        *(row for stage in stages for row in stage),
        *_POOLING,
        KeyRule("seg_1.*", "head.embed.*"),
        KeyRule("seg_bn_1.*", "head.second_norm.*"),
        KeyRule("seg_2.*", "head.second.*"),
    )
    return KeyMap(rows, TRAINING, constants={})


def ecapa_names() -> KeyMap:
    """The names of ``ecapa_tdnn.py``."""
    blocks: list[KeyRule] = []
    for place in range(3):
        theirs, ours = f"layer{place + 2}.se_res2block", f"head.trunk.blocks.{place}"
        blocks += [
            KeyRule(f"{theirs}.0.conv.*", f"{ours}.enter.conv.*"),
            KeyRule(f"{theirs}.0.bn.*", f"{ours}.enter.norm.*"),
            KeyRule(f"{theirs}.1.convs.{{i}}.*", f"{ours}.groups.{{i}}.conv.*"),
            KeyRule(f"{theirs}.1.bns.{{i}}.*", f"{ours}.groups.{{i}}.norm.*"),
            KeyRule(f"{theirs}.2.conv.*", f"{ours}.leave.conv.*"),
            KeyRule(f"{theirs}.2.bn.*", f"{ours}.leave.norm.*"),
            KeyRule(f"{theirs}.3.linear1.*", f"{ours}.squeeze_excitation.squeeze.*"),
            KeyRule(f"{theirs}.3.linear2.*", f"{ours}.squeeze_excitation.excite.*"),
        ]
    rows = (
        KeyRule("layer1.conv.*", "head.trunk.entry.conv.*"),
        KeyRule("layer1.bn.*", "head.trunk.entry.norm.*"),
        *blocks,
        KeyRule("conv.*", "head.trunk.aggregate.*"),
        *_POOLING,
        KeyRule("bn.*", "head.norm.*"),
        KeyRule("linear.*", "head.embed.*"),
        KeyRule("bn2.*", "head.out_norm.*"),
    )
    return KeyMap(rows, TRAINING, constants={})
