"""VBx: Bayesian clustering of embeddings whose speakers follow one another (Landini et al. 2022, 2012.14952).

Speakers are the states of a hidden Markov model that stays where it is with probability ``loop``. Each has a latent
voice ``y ~ N(0, I)``, and its embeddings are ``N(V y, I)`` in a space where voices differ by ``phi`` along each axis.
Speakers that explain nothing lose their probability. Without a loop (the GMM form) the order of embeddings says nothing,
which is how diarization pipelines use it, whose embeddings have no one order. Equation numbers are the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from ..errors import DataError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class VBxOptions:
    """Options of `cluster_vbx`.

    Args:
        fa, fb: scales of the evidence and of the prior on voices; fewer speakers with a smaller ``fa`` or larger ``fb``.
        loop: probability of staying with a speaker; 0 is the GMM form.
        rounds, tolerance: at most so many iterations, and until the bound grows by less.

    Raises:
        DataError: a value out of its range.
    """

    fa: float = 0.07
    fb: float = 0.8
    loop: float = 0.0
    rounds: int = 40
    tolerance: float = 1e-6

    def __post_init__(self) -> None:
        if min(self.fa, self.fb) <= 0 or not 0 <= self.loop < 1 or self.rounds < 1:
            raise DataError(
                f"vbx: fa {self.fa} and fb {self.fb} must be positive, loop {self.loop} in 0..1,"
                f" rounds {self.rounds} >= 1"
            )


@dataclass(frozen=True)
class VBxResult:
    """What `cluster_vbx` found.

    Attributes:
        shares: ``[N, S]`` probability of each speaker for each embedding.
        prior: ``[S]`` probability of each speaker.
        bound: the evidence lower bound after each iteration; it never falls.
    """

    shares: Floats
    prior: Floats
    bound: tuple[float, ...]


def cluster_vbx(embeddings: Floats, phi: Floats, start: Floats, options: VBxOptions | None = None) -> VBxResult:
    """Cluster embeddings, in the order of time where ``loop`` is used.

    Args:
        embeddings: ``[N, R]`` after PLDA: within-speaker covariance is the identity.
        phi: ``[R]`` between-speaker variances.
        start: ``[N, S]`` first shares, as `initial_responsibilities` makes them; ``S`` is the most speakers there can be.
    """
    options = options or VBxOptions()
    _, R = embeddings.shape
    scale = options.fa / options.fb
    constant = -0.5 * ((embeddings**2).sum(1, keepdims=True) + R * np.log(2 * np.pi))
    rho = embeddings * np.sqrt(phi)
    shares, prior = start, np.full(start.shape[1], 1 / start.shape[1])
    bound: list[float] = []
    for _ in range(options.rounds):
        spread = 1 / (1 + scale * shares.sum(0)[:, None] * phi)  # (17)
        voice = scale * spread * (shares.T @ rho)  # (16)
        evidence = options.fa * (rho @ voice.T - 0.5 * (spread + voice**2) @ phi + constant)  # (23)
        if options.loop:
            shares, prior, total = _chain(evidence, prior, options.loop)
        else:
            joint = evidence + np.log(np.maximum(prior, 1e-300))
            total = float(logsumexp(joint, axis=1).sum())
            shares = softmax(joint, axis=1)
            prior = shares.sum(0) / shares.sum()
        bound.append(total + options.fb * 0.5 * float((np.log(spread) - spread - voice**2 + 1).sum()))  # (25)
        if len(bound) > 1 and bound[-1] - bound[-2] < options.tolerance:
            break
    return VBxResult(shares, prior, tuple(bound))


def initial_responsibilities(labels: NDArray[np.int64], sharpness: float = 5.0) -> Floats:
    """First shares ``[N, S]`` from cluster numbers ``[N]``: mostly one's own cluster, a little of each other."""
    return softmax(sharpness * np.eye(int(labels.max()) + 1)[labels], axis=1)


def _chain(evidence: Floats, prior: Floats, loop: float) -> tuple[Floats, Floats, float]:
    """Forward-backward: shares ``[N, S]``, the new prior, and the log-likelihood.

    A step stays with ``loop`` or draws a speaker anew from the prior, so no matrix of transitions is needed.
    """
    N, S = evidence.shape
    tiny = 1e-300
    log_prior = np.log(np.maximum(prior, tiny))
    stay, leave = np.log(loop), np.log1p(-loop)
    forward, backward = np.empty((N, S)), np.zeros((N, S))
    forward[0] = log_prior + evidence[0]
    for t in range(1, N):
        arrive = leave + log_prior + _logsum(forward[t - 1])
        forward[t] = np.logaddexp(stay + forward[t - 1], arrive) + evidence[t]
    for t in range(N - 2, -1, -1):
        ahead = evidence[t + 1] + backward[t + 1]
        backward[t] = np.logaddexp(stay + ahead, leave + _logsum(log_prior + ahead))
    total = float(logsumexp(forward[-1]))
    shares = np.exp(forward + backward - total)
    drawn = logsumexp(forward[:-1], axis=1, keepdims=True) + evidence[1:] + backward[1:] - total
    prior = shares[0] + (1 - loop) * prior * np.exp(drawn).sum(0)  # (24)
    return shares, prior / prior.sum(), total


def _logsum(x: Floats) -> float:
    """SciPy's takes ten times as long for a few numbers, and is asked twice an embedding."""
    top = x.max()
    return float(top + np.log(np.exp(x - top).sum()))
