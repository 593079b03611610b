"""Speaker embedders against outputs of ESPnet-SPK's own classes.

espnet 202412 (PyPI), espnet2/spk: encoder, pooling and projector behind a softmax-weighted sum of 3 states, as s3prl's
Featurizer makes it, from which the mean over the utterance is subtracted (``utterance_mvn`` with ``norm_vars: false``).
"""

from __future__ import annotations

from collections.abc import Callable

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
