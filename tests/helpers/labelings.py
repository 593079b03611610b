"""Every labeling of a few frames with its whole probability, from a list of all paths."""

import itertools

import numpy as np

T, V = 5, 4


def table(seed=0, frames=T, outputs=V, peaked=1.0):
    scores = peaked * np.random.default_rng(seed).standard_normal((frames, outputs))
    return scores - np.log(np.exp(scores).sum(1, keepdims=True))


def collapsed(path, blank):
    return tuple(token for token, _ in itertools.groupby(path) if token != blank)


def all_labelings(logp, blank=0):
    """Log-probability of every label sequence, from a list of all paths."""
    found = {}
    for path in itertools.product(range(logp.shape[1]), repeat=len(logp)):
        labels = collapsed(path, blank)
        found[labels] = np.logaddexp(found.get(labels, -np.inf), sum(logp[t, v] for t, v in enumerate(path)))
    return found
