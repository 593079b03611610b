"""A module of one's own beside an encoder: gated, counted and slimmed under the same budget."""

import torch
from torch import nn

from sottovoce import Budget, Gates, SpeechEncoder, cost, plan
from sottovoce.pruning.slimming import slim_and_verify
from tiny_models import randomized, speech, tiny_config
from toys import Inner


class Beside(nn.Module):
    """An encoder, and a feed-forward that declares its units."""

    def __init__(self, shape):
        super().__init__()
        self.shape = self.original_shape = shape
        self.encoder = SpeechEncoder(tiny_config().with_shape(shape["encoder"]))
        self.mine = Inner(16, shape["mine"]["units"])

    def forward(self, waveform, lengths=None):
        return self.mine(self.encoder(waveform, lengths).last_hidden_state)

    def timing(self, seconds):
        return self.encoder.timing(seconds)

    def probe(self):
        return self.encoder.probe()

    def shrunk(self, shape):
        return type(self)(shape)


def test_both_are_pruned_under_one_budget():
    model = randomized(Beside({"encoder": tiny_config().shape, "mine": {"units": 40}})).double()
    gates = Gates(model, ["ffn"], start=1.0)
    assert {"mine.units", "encoder.layers.0.feed_forward.units"} <= set(gates.names)
    model.train()
    gates.sample(0)
    model(speech().double()).square().mean().backward()
    assert all(part.abs().sum() > 0 for part in gates.log_alpha.grad.split(gates.sizes))
    with torch.no_grad():
        gates.log_alpha.copy_(torch.randn(gates.log_alpha.shape, generator=torch.Generator().manual_seed(0)))
    chosen = plan(model, Budget(params=0.85), gates.scores(), round_to=1)
    frozen = gates.freeze(chosen)
    gates.detach()
    small, proof = slim_and_verify(model, frozen)
    assert proof.worst < 1e-9
    widths = {name: len(kept) for name, kept in chosen.keep.items()}
    assert widths["mine.units"] < 40 and any(widths[name] < 24 for name in widths if name.startswith("encoder."))
    assert cost(small).params == sum(p.numel() for p in small.parameters()) <= 0.85 * cost(model).params
