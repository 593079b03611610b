"""Speaker embedders against outputs of ESPnet-SPK's own classes.

espnet 202412 on PyPI, espnet2/spk: encoder, pooling and projector behind a softmax-weighted sum of 3 states, as s3prl's
Featurizer makes it, from which the mean over the utterance is subtracted (``utterance_mvn`` with ``norm_vars: false``).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from public_weights import Draw, check_head, fill_by_public_names, hidden_states
from sottovoce.encoder.stream import ResidualStream, one_channel_each
from sottovoce.heads.embedders import EMBEDDERS, build

POOLING = [
    (r"pooling\.hidden\.(bias)", r"pooling.attention.0.\1"),
    (r"pooling\.norm\.(\w+)", r"pooling.attention.2.\1"),
    (r"pooling\.score\.(\w+)", r"pooling.attention.3.\1"),
    (r"norm\.(\w+)", r"projector.bn.\1"),
    (r"embed\.(\w+)", r"projector.fc.\1"),
]
BLOCK, THEIRS = r"trunk\.blocks\.(\d)\.", r"encoder.layer[\1+1]."
RES2 = [
    (r"fusion\.weights", "weights"),
    (BLOCK + r"enter\.conv\.(\w+)", THEIRS + r"conv1.\2"),
    (BLOCK + r"enter\.norm\.(\w+)", THEIRS + r"bn1.\2"),
    (BLOCK + r"leave\.conv\.(\w+)", THEIRS + r"conv3.\2"),
    (BLOCK + r"leave\.norm\.(\w+)", THEIRS + r"bn3.\2"),
    (BLOCK + r"squeeze_excitation\.squeeze\.(\w+)", THEIRS + r"se.se.1.\2"),
    (BLOCK + r"squeeze_excitation\.norm\.(\w+)", THEIRS + r"se.se.3.\2"),
    (BLOCK + r"squeeze_excitation\.excite\.(\w+)", THEIRS + r"se.se.4.\2"),
    (r"trunk\.aggregate\.(\w+)", r"encoder.layer4.\1"),
]
ECAPA = [
    *RES2,
    *POOLING,
    (r"trunk\.entry\.conv\.(\w+)", r"encoder.conv.\1"),
    (r"trunk\.entry\.norm\.(\w+)", r"encoder.bn.\1"),
    (BLOCK + r"groups\.(\d)\.conv\.(\w+)", THEIRS + r"convs.\2.\3"),
    (BLOCK + r"groups\.(\d)\.norm\.(\w+)", THEIRS + r"bns.\2.\3"),
]


def attention(part: slice) -> Callable[[Draw], Tensor]:
    """The attention's first map reads frame, mean and deviation in one tensor; ours has one for the frame, one for both."""
    return lambda draw: draw("pooling.attention.0.weight", 128, 33, 1)[:, part]


CONTEXT = {"pooling.hidden.weight": attention(slice(0, 11)), "pooling.context.weight": attention(slice(11, 33))}


def head_of(kind: str, inputs: int, **options: object) -> torch.nn.Module:
    stream = ResidualStream(tuple(range(inputs)), inputs, one_channel_each(inputs))
    return build(EMBEDDERS, {"kind": kind, **options}, stream, 3)


def test_ecapa_tdnn():
    head = head_of("ecapa_tdnn", 10, channels=12, scale=3, wide=11, size=7)
    golden = [
        [-0.298138225, 0.208410411, -0.432684516, 0.808017048, 0.884105379, -0.403756051, 0.551788715],
        [-0.077079007, 0.099321549, -0.54875711, 0.737992291, 0.707892775, -0.458413612, 0.447163151],
    ]
    check_head(fill_by_public_names(head, ECAPA, CONTEXT), hidden_states(3, 2, 19, 10), golden)


X_VECTOR = [
    (r"fusion\.weights", "weights"),
    (r"trunk\.blocks\.(\d)\.conv\.(\w+)", r"encoder.layers.[3*\1].\2"),
    (r"trunk\.blocks\.(\d)\.norm\.(\w+)", r"encoder.layers.[3*\1+2].\2"),
    (r"embed\.(\w+)", r"projector.fc1.\1"),
    (r"project\.(\w+)", r"projector.fc2.\1"),
]


def test_x_vector():
    head = head_of("x_vector", 10, channels=9, wide=11, size=7)
    golden = [
        [0.23476815, 0.220744259, -0.172589433, 0.030689038, -0.347988582, 0.184340876, 0.163157912],
        [0.207719224, 0.236701723, -0.175227374, 0.042528479, -0.421254748, 0.202954242, 0.182363719],
    ]
    check_head(fill_by_public_names(head, X_VECTOR), hidden_states(3, 2, 19, 10), golden)


FRONT, THEIR_FRONT = r"trunk\.fronts\.(\d)\.", r"encoder.frt_block[\1+1]."
SKA = [
    *RES2,
    *POOLING,
    (r"out_norm\.(\w+)", r"projector.bn2.\1"),
    (r"trunk\.enter\.(\w+)", r"encoder.frt_conv1.\1"),
    (r"trunk\.enter_norm\.(\w+)", r"encoder.frt_bn1.\1"),
    (r"trunk\.leave\.(\w+)", r"encoder.frt_conv2.\1"),
    (r"trunk\.leave_norm\.(\w+)", r"encoder.frt_bn2.\1"),
    (r"trunk\.entry\.conv\.(\w+)", r"encoder.conv1.\1"),
    (r"trunk\.entry\.norm\.(\w+)", r"encoder.bn1.\1"),
    (FRONT + r"enter\.(\w+)", THEIR_FRONT + r"conv1.\2"),
    (FRONT + r"enter_norm\.(\w+)", THEIR_FRONT + r"bn1.\2"),
    *(
        (FRONT + rf"for_{ours}\.(\d)\.{part}\.(\w+)", THEIR_FRONT + rf"sk{theirs}wse.convs.\2.{name}.\3")
        for ours, theirs in (("bins", "f"), ("maps", "c"))
        for part, name in (("conv", "conv"), ("norm", "bn"))
    ),
    (FRONT + r"select_bins\.squeeze\.(\w+)", THEIR_FRONT + r"skfwse.fc.\2"),
    (FRONT + r"select_maps\.squeeze\.(\w+)", THEIR_FRONT + r"skcwse.fc.\2"),
    (BLOCK + r"groups\.(\d)\.(\d)\.conv\.(\w+)", THEIRS + r"skconvs.\2.\3.conv.\4"),
    (BLOCK + r"groups\.(\d)\.(\d)\.norm\.(\w+)", THEIRS + r"skconvs.\2.\3.bn.\4"),
    (BLOCK + r"select\.squeeze\.(\w+)", THEIRS + r"skse.fc.\2"),
]


def both_kernels(theirs: str, size: int) -> dict[str, Callable[[Draw], Tensor]]:
    """Theirs has one map for each kernel; ours has all in one tensor."""
    return {
        "weight": lambda draw: torch.cat([draw(f"{theirs}.fcs.{k}.weight", size, 16) for k in (0, 1)]),
        "bias": lambda draw: torch.cat([draw(f"{theirs}.fcs.{k}.bias", size) for k in (0, 1)]),
    }


CHOICES = {
    **{f"trunk.blocks.{i}.select": (f"encoder.layer{i + 1}.skse", 4) for i in range(3)},
    **{f"trunk.fronts.{i}.select_bins": (f"encoder.frt_block{i + 1}.skfwse", 6) for i in range(2)},
    **{f"trunk.fronts.{i}.select_maps": (f"encoder.frt_block{i + 1}.skcwse", 4) for i in range(2)},
}


@pytest.mark.parametrize(
    ("frames", "golden"),
    [
        (
            19,
            [
                [0.145146888, 0.164707041, -0.370639173, -0.01133484, 1.028131962, -0.480707525, -0.009544685],
                [0.179534588, 0.180106823, -0.362562281, -0.004971064, 1.064826207, -0.473768431, 0.03697868],
            ],
        ),
        (
            18,
            [
                [0.156629537, 0.17507525, -0.372664845, -0.054122327, 1.052949089, -0.464572672, 0.016502401],
                [0.157630523, 0.162592393, -0.374790348, -0.022810624, 0.990383897, -0.467290866, 0.006949597],
            ],
        ),
    ],
)
def test_ska_tdnn(frames, golden):
    head = head_of("ska_tdnn", 12, maps=4, channels=12, scale=3, wide=11, size=7)
    choices = {
        f"{ours}.choose.{part}": made
        for ours, (theirs, size) in CHOICES.items()
        for part, made in both_kernels(theirs, size).items()
    }
    check_head(fill_by_public_names(head, SKA, {**CONTEXT, **choices}), hidden_states(3, 2, frames, 12), golden)


LAYER, THEIR_LAYER = r"trunk\.blocks\.(\d)\.", r"encoder.encoders.\1."
MFA = [
    *POOLING,
    (r"fusion\.weights", "weights"),
    (r"trunk\.entry\.halve\.(\w+)", r"encoder.embed.conv.0.\1"),
    (r"trunk\.entry\.conv\.(\w+)", r"encoder.embed.conv.2.\1"),
    (r"trunk\.entry\.out\.(\w+)", r"encoder.embed.out.0.\1"),
    (r"trunk\.norm\.(\w+)", r"encoder.ln.\1"),
    *(
        (LAYER + rf"{ours}\.{part}\.(\w+)", THEIR_LAYER + rf"{theirs}.{name}.\2")
        for ours, theirs in (("feed_forward1", "feed_forward_macaron"), ("feed_forward2", "feed_forward"))
        for part, name in (("up", "w_1"), ("down", "w_2"))
    ),
    *(
        (LAYER + rf"attention\.{name}\.(\w+)", THEIR_LAYER + rf"self_attn.linear_{name}.\2")
        for name in ("q", "k", "v", "out")
    ),
    (LAYER + r"attention\.position\.project\.(\w+)", THEIR_LAYER + r"self_attn.linear_pos.\2"),
    (LAYER + r"attention\.position\.content", THEIR_LAYER + r"self_attn.pos_bias_u"),
    (LAYER + r"attention\.position\.position", THEIR_LAYER + r"self_attn.pos_bias_v"),
    (LAYER + r"convolution\.expand\.(\w+)", THEIR_LAYER + r"conv_module.pointwise_conv1.\2"),
    (LAYER + r"convolution\.depthwise\.(\w+)", THEIR_LAYER + r"conv_module.depthwise_conv.\2"),
    (LAYER + r"convolution\.norm\.(\w+)", THEIR_LAYER + r"conv_module.norm.\2"),
    (LAYER + r"convolution\.project\.(\w+)", THEIR_LAYER + r"conv_module.pointwise_conv2.\2"),
    *(
        (LAYER + rf"{ours}_norm\.(\w+)", THEIR_LAYER + rf"norm_{theirs}.\2")
        for ours, theirs in (
            *(("feed_forward1", "ff_macaron"), ("attention", "mha"), ("convolution", "conv")),
            *(("feed_forward2", "ff"), ("final", "final")),
        )
    ),
]


@pytest.mark.parametrize(
    ("frames", "golden"),
    [
        (
            19,
            [
                [-0.08592002, 0.487689129, 1.370034415, -1.764640031, -0.044543593, -0.704901602, 0.405638613],
                [0.25130338, 0.012685609, 1.553227687, -1.627174109, -0.084346396, -0.690499497, 0.687941253],
            ],
        ),
        (
            18,
            [
                [0.050427946, 0.624940921, 1.293397199, -1.884835403, -0.327698699, -0.764931617, 0.509120345],
                [0.143638047, 0.545907766, 1.408746201, -1.778604284, -0.125243518, -0.669616233, 0.511811079],
            ],
        ),
    ],
)
def test_mfa_conformer(frames, golden):
    """With ``input_layer: conv2d2``, ``macaron_style``, ``rel_pos_type: latest`` and 5 taps."""
    head = head_of("mfa_conformer", 14, width=8, blocks=2, inner=12, heads=2, kernel=5, size=7)
    parts = {
        "pooling.hidden.weight": lambda draw: draw("pooling.attention.0.weight", 128, 48, 1)[:, :16],
        "pooling.context.weight": lambda draw: draw("pooling.attention.0.weight", 128, 48, 1)[:, 16:],
    }
    check_head(fill_by_public_names(head, MFA, parts), hidden_states(3, 2, frames, 14), golden)
