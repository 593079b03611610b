"""Fault 3: kept indices of a gated linear unit are i and i + C, not each one twice; its convolution is 2C wide."""

import torch
import torch.nn.functional as F

from families import FAMILIES, randomize
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.units import collect
from sottovoce.pruning.costs import cost
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim


def test_both_halves_of_a_channel_stay_together():
    """The kept rows of a gated linear unit were each index twice instead of i and i + C, and its convolution was
    counted C wide instead of 2C.
    """
    encoder = SpeechEncoder.from_transformers(randomize(FAMILIES["wav2vec2_bert"](), seed=1)).eval()
    name, kept = "layers.1.convolution.channels", [1, 2, 7, 11]
    sizes = {n: u.size for n, u in collect(encoder).units.items()}
    small = slim(encoder, Plan({name: kept}, sizes))
    before, after = encoder.layers[1].convolution.expand.weight, small.layers[1].convolution.expand.weight
    x = torch.randn(5, before.shape[1])
    assert torch.allclose(F.glu(x @ after.t()), F.glu(x @ before.t())[:, kept], atol=1e-5)
    D, C = before.shape[1], before.shape[0] // 2
    kernel = encoder.config.depthwise_kernel
    gone = C - len(kept)  # expand has two rows a channel; depthwise and norm follow; project has a column
    assert cost(encoder).params - cost(small).params == gone * (2 * D + kernel + 2 + D)
