"""Fault 6: a second round of pruning used indices of the first network and broke on zero-width blocks."""

from families import FAMILIES, randomize
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.units import collect
from sottovoce.pruning.budget import Budget
from sottovoce.pruning.costs import cost
from sottovoce.pruning.importance import magnitude
from sottovoce.pruning.planning.plans import Plan, plan
from sottovoce.pruning.slimming import slim_and_verify


def sizes(model):
    return {n: u.size for n, u in collect(model).units.items()}


def test_indices_are_of_the_current_network_and_ids_of_the_original():
    """A second round of pruning took indices of the first network for those of the second, and broke on blocks of
    width zero.
    """
    encoder = SpeechEncoder.from_transformers(randomize(FAMILIES["wavlm_base"](), seed=1)).eval()
    first = {"layers.0.attention.heads": [1, 3], "layers.1.attention.heads": [], "layers.2.feed_forward": []}
    once, _ = slim_and_verify(encoder, Plan(first, sizes(encoder)))
    twice, error = slim_and_verify(once, Plan({"layers.0.attention.heads": [1]}, sizes(once)))
    assert error.worst < 1e-9
    assert twice.shape["layers"][0]["attention"]["heads"] == [3]
    assert twice.shape["layers"][1]["attention"]["heads"] == []
    assert twice.shape["layers"][2]["feed_forward"] is None


def test_a_fraction_means_the_network_before_any_pruning():
    """In a second round, a budget as a fraction was taken of the network that was already pruned, so the result was
    too small.
    """
    encoder = SpeechEncoder.from_transformers(randomize(FAMILIES["wavlm_base"](), seed=1)).eval()
    whole = cost(encoder).params
    model = encoder
    for fraction in (0.8, 0.6):
        model, _ = slim_and_verify(
            model, plan(model, Budget(params=fraction), magnitude(model, ("head", "ffn", "conv")))
        )
        assert 0.97 * fraction * whole < cost(model).params <= fraction * whole
