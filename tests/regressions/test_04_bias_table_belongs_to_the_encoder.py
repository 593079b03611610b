"""Fault 4: WavLM's relative-position table sat in layer 0's attention, and pruning that took the bias from all layers."""

import torch

from families import FAMILIES, randomize, speech
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.units import collect
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim


def test_the_bias_outlives_the_first_attention():
    """The table of relative positions belonged to the attention of layer 0: removing that attention took the bias from
    all layers.
    """
    encoder = SpeechEncoder.from_transformers(randomize(FAMILIES["wavlm_base"](), seed=1)).eval()
    sizes = {n: u.size for n, u in collect(encoder).units.items()}
    small = slim(encoder, Plan({"layers.0.attention": [], "layers.1.attention.heads": [1, 3]}, sizes))
    assert torch.equal(small.position.table.weight, encoder.position.table.weight)
    wave, _ = speech(8000)
    with torch.no_grad():
        before = small(wave).last_hidden_state
        small.position.table.weight += 1.0 + torch.arange(4)  # not a constant a row: softmax does not see those
        small.position.table.weight[: small.config.num_buckets // 2] *= 2
        assert (small(wave).last_hidden_state - before).abs().max() > 1e-3


def test_only_kept_heads_compute_a_gate():
    """Bias and gate were computed for all heads of the original layer, also for those that had been removed."""
    encoder = SpeechEncoder.from_transformers(randomize(FAMILIES["wavlm_base"](), seed=1)).eval()
    sizes = {n: u.size for n, u in collect(encoder).units.items()}
    small = slim(encoder, Plan({"layers.1.attention.heads": [1, 3]}, sizes))
    seen = {}
    small.layers[1].attention.position.gate.register_forward_hook(lambda m, x, y: seen.update(shape=y.shape))
    with torch.no_grad():
        small(speech(8000)[0])
    assert seen["shape"][2] == 2
    assert small.layers[1].attention.position.constant.shape == (2,)
