"""ECAPA-TDNN and poolings against outputs of wespeaker's own classes.

wenet-e2e/wespeaker dfa7419, wespeaker/models: ``ECAPA_TDNN`` with ``channels=16, feat_dim=10, embed_dim=7`` without and with
``global_context_att`` and ``emb_bn``, on features whose mean over the utterance was subtracted.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from public_weights import Draw, check_head, fill_by_public_names, hidden_states
from sottovoce.encoder.stream import ResidualStream, one_channel_each
from sottovoce.heads.speaker.ecapa_tdnn import WespeakerECAPA
from sottovoce.heads.speaker.pooling import build_pooling

BLOCK, THEIRS = r"trunk\.blocks\.(\d)\.", r"layer[\1+2].se_res2block."
NAMES = [
    (r"trunk\.entry\.conv\.(\w+)", r"layer1.conv.\1"),
    (r"trunk\.entry\.norm\.(\w+)", r"layer1.bn.\1"),
    (BLOCK + r"enter\.conv\.(\w+)", THEIRS + r"0.conv.\2"),
    (BLOCK + r"enter\.norm\.(\w+)", THEIRS + r"0.bn.\2"),
    (BLOCK + r"groups\.(\d)\.conv\.(\w+)", THEIRS + r"1.convs.\2.\3"),
    (BLOCK + r"groups\.(\d)\.norm\.(\w+)", THEIRS + r"1.bns.\2.\3"),
    (BLOCK + r"leave\.conv\.(\w+)", THEIRS + r"2.conv.\2"),
    (BLOCK + r"leave\.norm\.(\w+)", THEIRS + r"2.bn.\2"),
    (BLOCK + r"squeeze_excitation\.squeeze\.(\w+)", THEIRS + r"3.linear1.\2"),
    (BLOCK + r"squeeze_excitation\.excite\.(\w+)", THEIRS + r"3.linear2.\2"),
    (r"trunk\.aggregate\.(\w+)", r"conv.\1"),
    (r"pooling\.hidden\.(\w+)", r"pool.linear1.\1"),
    (r"pooling\.score\.(\w+)", r"pool.linear2.\1"),
    (r"norm\.(\w+)", r"bn.\1"),
    (r"embed\.(\w+)", r"linear.\1"),
    (r"out_norm\.(\w+)", r"bn2.\1"),
]


def attention(part: slice) -> Callable[[Draw], Tensor]:
    """The attention's first map reads frame, mean and deviation in one tensor; ours has one for the frame, one for both."""
    return lambda draw: draw("pool.linear1.weight", 128, 4608, 1)[:, part]


CONTEXT = {"pooling.hidden.weight": attention(slice(0, 1536)), "pooling.context.weight": attention(slice(1536, 4608))}


@pytest.mark.parametrize(
    ("glob", "golden"),
    [
        (
            False,
            [
                [-0.941097592, -0.270446108, 0.779722895, 0.126304666, 0.087274024, -0.119202587, 0.125539457],
                [-0.909973837, -0.367650958, 0.877393642, 0.312059754, -0.032951471, -0.204050917, 0.074022139],
            ],
        ),
        (
            True,
            [
                [-0.952130405, -0.465167411, 0.707646549, 0.038731131, 0.565671691, -0.11660738, 0.171596693],
                [-0.96698282, -0.485139228, 0.798470166, 0.316629516, 0.290960023, -0.114125603, 0.160198697],
            ],
        ),
    ],
)
def test_ecapa_tdnn(glob, golden):
    head = WespeakerECAPA(
        ResidualStream(tuple(range(10)), 10, one_channel_each(10)),
        1,
        channels=16,
        size=7,
        fusion="last",
        pooling={"kind": "astp", "context": glob},
        out_norm=glob,
    )
    check_head(fill_by_public_names(head, NAMES, CONTEXT if glob else None), hidden_states(1, 2, 19, 10), golden)


def test_statistics():
    mean = [-0.204817959, -0.352945691, 0.011955898, -0.143657317, 0.177089071]
    deviation = [1.047055812, 0.797198199, 0.925902914, 0.921063152, 0.875396806]
    pooled = build_pooling(10, "tstp")(hidden_states(1, 2, 19, 10)[0])[0]
    expected = torch.tensor([mean, deviation], dtype=torch.float64)
    assert (torch.stack([pooled[:5], pooled[10:15]]) - expected).abs().max() < 1e-8
