"""Fault 5: a block with no heads or units left still adds its output bias; a block that is removed does not."""

import torch

from families import FAMILIES, randomize, speech
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.units import collect
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim_and_verify


def test_zero_width_keeps_the_bias_and_removal_does_not():
    """A block without heads or units was left out of the slim network, although the gated one still added its output
    bias.
    """
    encoder = SpeechEncoder.from_transformers(randomize(FAMILIES["wavlm_large"](), seed=1)).eval()
    sizes = {n: u.size for n, u in collect(encoder).units.items()}
    empty, error = slim_and_verify(
        encoder, Plan({"layers.1.attention.heads": [], "layers.2.feed_forward.units": []}, sizes)
    )
    assert error.worst < 1e-9
    assert torch.equal(empty.layers[1].attention.out.bias, encoder.layers[1].attention.out.bias)
    assert torch.equal(empty.layers[2].feed_forward.down.bias, encoder.layers[2].feed_forward.down.bias)
    removed, _ = slim_and_verify(encoder, Plan({"layers.1.attention": [], "layers.2.feed_forward": []}, sizes))
    assert removed.layers[1].attention is None
    wave, _ = speech(8000)
    with torch.no_grad():
        states = empty(wave).hidden_states
        bias = encoder.layers[1].attention.out.bias
        x = states[1] + bias
        assert torch.allclose(
            states[2], x + empty.layers[1].feed_forward(empty.layers[1].feed_forward_norm(x)), atol=1e-5
        )
