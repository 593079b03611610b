"""AASIST on hidden states against numbers of a public class: wedefense/models/ssl_backend/aasist.py (zlin0/wedefense at
e7287fe, after TakHemlata/SSL_Anti-spoofing), in float64 with `lively` weights of seed 0."""

from __future__ import annotations

import torch

from aasist_files import their_state
from sottovoce.checkpoints.released.aasist_names import their_names
from sottovoce.encoder.stream import ResidualStream, one_channel_each
from sottovoce.heads.spoofing.aasist import AASIST

OTHERS = {
    "project": "LL",
    "norm": "first_bn",
    "map_norm": "first_bn1",
    "places.0": "attention.0",
    "places_norm": "attention.2",
    "places.1": "attention.3",
}
"""Modules that only the network on hidden states has, here -> there."""

EVERY_20TH = [
    [3.7893987, 2.6969315, -1.3227944, 4.6927027, 3.5535652, 3.1216294, 0.7714251, 5.9628696],
    [3.2072931, 2.626649, -1.7154236, 3.7337245, 4.361988, 1.3123615, 0.7335301, 6.8666271],
]
"""Entries 0, 20, 40, ... of what is read out, for randn(2, 60, 16) of seed 0."""


def error(residual: str) -> float:
    """The largest error, relative to the largest number."""
    stream = ResidualStream(tuple(range(16)), 16, one_channel_each(16))
    head = AASIST(stream, 1, fusion={"kind": "last", "normalize": "none"}, residual=residual).eval()
    state = their_state(head.state_dict().items(), 6, OTHERS)
    with torch.no_grad():
        for name, tensor in head.state_dict().items():
            theirs = their_names(name, 6, OTHERS)
            tensor.copy_(torch.cat([state[each].flatten() for each in theirs]).view(tensor.shape))
        found = head.double()([torch.randn(2, 60, 16, generator=torch.Generator().manual_seed(0)).double()])
    expected = torch.tensor(EVERY_20TH, dtype=torch.float64)
    return float((found[:, ::20] - expected).abs().max() / expected.abs().max())


def test_as_coded_it_equals_the_public_class():
    assert error("coded") < 1e-7


def test_as_drawn_it_is_another_network():
    assert error("drawn") > 0.5


def test_the_published_size():
    """The public class has 317,867 parameters at an embedding of 3, which its last layer maps 160 numbers to."""
    stream = ResidualStream(tuple(range(16)), 16, one_channel_each(16))
    head = AASIST(stream, 1, fusion={"kind": "last", "normalize": "none"})
    assert head.size == 160 and head.graphs.bands.shape == (42, 64)
    assert sum(p.numel() for p in head.parameters()) + 3 * 161 == 317_867
