"""VBx: Bayesian HMM clustering of speaker embeddings (Landini et al. 2022, 2012.14952).

Speakers are the states of a hidden Markov model with self-loop probability ``loop``. Each has a latent vector
``y ~ N(0, I)``, and its embeddings are ``N(V y, I)`` in a space with between-speaker variances ``phi``. The probability of
redundant speakers goes to 0. Without a loop (a Bayesian GMM) the order of embeddings has no influence; diarization
pipelines use this form, as embeddings of overlapping windows have no single order. Equation numbers are those of the paper.
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
        fa, fb: scales of the acoustic likelihood and of the prior on speakers (F_A and F_B of the paper); a smaller ``fa`` or
            larger ``fb`` gives fewer speakers.
        loop: probability of staying with a speaker; 0 for the GMM.
        rounds: maximum number of iterations.
        tolerance: the iteration stops when the evidence lower bound grows by less than this.
        smoothing: how sure the initial clusters are, see `initial_responsibilities`; as published, 7.

    Raises:
        DataError: a value is out of its range.
    """

    fa: float = 0.07
    fb: float = 0.8
    loop: float = 0.0
    rounds: int = 20
    tolerance: float = 1e-4
    smoothing: float = 7.0

    def __post_init__(self) -> None:
        if min(self.fa, self.fb) <= 0 or not 0 <= self.loop < 1 or self.rounds < 1:
            raise DataError(
                f"vbx: fa {self.fa} and fb {self.fb} must be positive, loop {self.loop} in 0..1,"
                f" rounds {self.rounds} >= 1"
            )


@dataclass(frozen=True)
class VBxResult:
    """The result of `cluster_vbx`.

    Attributes:
        responsibilities: ``[N, S]`` probability of each speaker for each embedding.
        prior: ``[S]`` probability of each speaker.
        bound: the evidence lower bound after each iteration; it never falls.
    """

    responsibilities: Floats
    prior: Floats
    bound: tuple[float, ...]


def cluster_vbx(embeddings: Floats, phi: Floats, start: Floats, options: VBxOptions | None = None) -> VBxResult:
    """Cluster embeddings, which must be in temporal order if ``loop`` is not 0.

    Args:
        embeddings: ``[N, R]`` after PLDA: within-speaker covariance is the identity.
        phi: ``[R]`` between-speaker variances.
        start: ``[N, S]`` initial responsibilities, see `initial_responsibilities`; ``S`` is the largest number of speakers.
        options: options of the clustering.
    """
    options = options or VBxOptions()
    _, R = embeddings.shape
    scale = options.fa / options.fb
    constant = -0.5 * ((embeddings**2).sum(1, keepdims=True) + R * np.log(2 * np.pi))
    rho = embeddings * np.sqrt(phi)
    responsibilities, prior = start, np.full(start.shape[1], 1 / start.shape[1])
    bound: list[float] = []
    for _ in range(options.rounds):
        spread = 1 / (1 + scale * responsibilities.sum(0)[:, None] * phi)  # (17)
        voice = scale * spread * (responsibilities.T @ rho)  # (16)
        evidence = options.fa * (rho @ voice.T - 0.5 * (spread + voice**2) @ phi + constant)  # (23)
        if options.loop:
            responsibilities, prior, total = _chain(evidence, prior, options.loop)
        else:
            joint = evidence + np.log(np.maximum(prior, 1e-300))
            total = float(logsumexp(joint, axis=1).sum())
            responsibilities = softmax(joint, axis=1)
            prior = responsibilities.sum(0) / responsibilities.sum()
        bound.append(total + options.fb * 0.5 * float((np.log(spread) - spread - voice**2 + 1).sum()))  # (25)
        if len(bound) > 1 and bound[-1] - bound[-2] < options.tolerance:
            break
    return VBxResult(responsibilities, prior, tuple(bound))


def initial_responsibilities(labels: NDArray[np.int64], sharpness: float = 7.0) -> Floats:
    """Initial responsibilities ``[N, S]`` from cluster numbers ``[N]``: high for the own cluster, low for the others."""
    return softmax(sharpness * np.eye(int(labels.max()) + 1)[labels], axis=1)


def _chain(evidence: Floats, prior: Floats, loop: float) -> tuple[Floats, Floats, float]:
    """The forward-backward algorithm: responsibilities ``[N, S]``, the new prior, and the log-likelihood.

    Each step keeps the speaker with probability ``loop``, and otherwise draws one from the prior, so that no transition matrix
    is needed.
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
    responsibilities = np.exp(forward + backward - total)
    drawn = logsumexp(forward[:-1], axis=1, keepdims=True) + evidence[1:] + backward[1:] - total
    prior = responsibilities[0] + (1 - loop) * prior * np.exp(drawn).sum(0)  # (24)
    return responsibilities, prior / prior.sum(), total


def _logsum(x: Floats) -> float:
    """``logsumexp``, ten times as fast as that of SciPy for a few numbers; it runs twice for each embedding."""
    top = x.max()
    return float(top + np.log(np.exp(x - top).sum()))
