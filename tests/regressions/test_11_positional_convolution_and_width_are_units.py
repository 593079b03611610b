"""Fault 11: the positional convolution, half of a 90 % model, and the residual width were never pruned."""

import pytest

from families import FAMILIES, randomize
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.units import collect
from sottovoce.pruning.costs import cost
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim_and_verify


@pytest.mark.parametrize("family", ["wavlm_base", "data2vec_audio"])
def test_groups_taps_and_width_make_it_smaller(family):
    """Positional convolution and residual width were no units: a quarter of an 80 % model could not be pruned."""
    encoder = SpeechEncoder.from_transformers(randomize(FAMILIES[family](), seed=1)).eval()
    units = collect(encoder).units
    run = units["residual"].size // units["residual"].strata
    keep = {
        "positional.groups": [0, 3],
        "positional.taps.0": list(range(units["positional.taps.0"].size))[-2:],
        "residual": [i for i in range(units["residual"].size) if i % run < run - 2],
    }
    small, error = slim_and_verify(encoder, Plan(keep, {n: u.size for n, u in units.items()}))
    assert error.worst < 1e-9
    assert cost(small).parts["positional"].params < 0.5 * cost(encoder).parts["positional"].params
    assert small.config.hidden_size < encoder.config.hidden_size
    assert (
        small(**{"waveform": small.probe()["waveform"].float()}).last_hidden_state.shape[-1] == small.config.hidden_size
    )
