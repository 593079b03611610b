"""Plans of real encoders, with every kind of unit at once, carried out."""

from __future__ import annotations

import pytest
import torch

from families import FAMILIES, randomize, speech
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.units import collect
from sottovoce.pruning.budget import Budget
from sottovoce.pruning.costs import cost
from sottovoce.pruning.importance import activation, magnitude, taylor
from sottovoce.pruning.planning.plans import plan
from sottovoce.pruning.slimming import slim

BATCH = dict(zip(("waveform", "lengths"), speech(6000, 4800), strict=True))


def encoder(family: str) -> SpeechEncoder:
    return SpeechEncoder.from_transformers(randomize(FAMILIES[family](), seed=3)).eval()


def loss(model: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    return model(**batch).last_hidden_state.square().mean()


@pytest.mark.parametrize(
    ("family", "method"),
    [
        ("wavlm_base", "magnitude"),
        ("wavlm_large", "taylor"),
        ("wav2vec2_bert", "activation"),
        ("wav2vec2_conformer_rotary", "taylor"),  # elements of the stream are pairs
        ("data2vec_audio", "activation"),  # groups and taps of several positional layers
    ],
)
def test_every_kind_at_once_and_once_more(family: str, method: str) -> None:
    model = encoder(family)
    # In so small a w2v-BERT the filterbank, of which nothing can go, makes half of the MACs.
    limits = {"params": 0.5} if family == "wav2vec2_bert" else {"params": 0.5, "macs": 0.5}
    for share in (1.0, 0.7):
        kinds = sorted({u.kind for u in collect(model).units.values()})
        scores = {
            "magnitude": lambda m=model, k=kinds: magnitude(m, k),
            "activation": lambda m=model, k=kinds: activation(m, [BATCH], k),
            "taylor": lambda m=model, k=kinds: taylor(m, loss, [BATCH], k),
        }[method]()
        assert all(bool(values.any()) for values in scores.values())
        budget = Budget(**{k: v * share for k, v in limits.items()}, seconds=0.5)
        made = plan(model, budget, scores, round_to=2, protect=["layers.1.attention.heads"])
        small = slim(model, made)
        assert cost(small, 0.5) == made.after
        assert made.after.params == sum(p.numel() for p in small.parameters())
        assert made.reference == cost(encoder(family), 0.5)
        kept = [getattr(made.after, limit) / getattr(made.reference, limit) for limit in limits]
        assert max(kept) <= 0.5 * share
        assert max(kept) > 0.98 * 0.5 * share  # one chunk of so small a network is about a hundredth of it
        assert small.shape["layers"][1]["attention"]["heads"] == [0, 1, 2, 3]
        model = small
