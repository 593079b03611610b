"""Names of tensors in wespeaker's speaker models (github.com/wenet-e2e/wespeaker, wespeaker/models) and in our heads."""

from __future__ import annotations

from ..families.key_map import KeyMap, KeyRule, pointwise

TRAINING = ("projection.*", "projection")
"""What only training needs: the classifier of speakers."""

_POOLING = (
    pointwise("pool.linear1.weight", "head.pooling.hidden.weight"),
    KeyRule("pool.linear1.bias", "head.pooling.hidden.bias"),
    pointwise("pool.linear2.weight", "head.pooling.score.weight"),
    KeyRule("pool.linear2.bias", "head.pooling.score.bias"),
)
"""Of ASTP without global context."""


def _block(theirs: str, ours: str) -> tuple[KeyRule, ...]:
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
    stages = (_block(f"layer{stage + 1}.{{i}}", f"head.map.stages.{stage}.{{i}}") for stage in range(4))
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
