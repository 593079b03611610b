"""Linear back-ends for embeddings, fitted on labeled speech, that emphasize differences between speakers: WCCN and LDA."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from ...errors import DataError
from .roc import Floats


def scatter(embeddings: ArrayLike, speakers: Sequence[str], ridge: float) -> tuple[Floats, Floats]:
    """Covariance ``[D, D]`` within speakers, and covariance ``[D, D]`` of the means of speakers.

    Args:
        embeddings: ``[N, D]``.
        speakers: ``[N]`` speaker of each embedding.
        ridge: value that is added to the diagonal of the covariance within speakers, as a fraction of its mean.

    Raises:
        DataError: sizes differ, values are not finite, there are fewer than two speakers, or no speaker has two embeddings.
    """
    values = np.asarray(embeddings, np.float64)
    if values.ndim != 2 or len(values) != len(speakers) or not np.isfinite(values).all():
        raise DataError(f"back-end: {len(speakers)} speakers, but embeddings {values.shape}, or not all of them finite")
    names, codes, counts = np.unique(np.asarray(speakers, str), return_inverse=True, return_counts=True)
    if len(names) < 2 or counts.max() < 2:
        raise DataError(
            f"back-end: {len(values)} embeddings of {len(names)} speakers; give two or more of several speakers each"
        )
    means = np.stack([values[codes == code].mean(0) for code in range(len(names))])
    within = np.cov((values - means[codes]).T).reshape(values.shape[1], -1)
    within = within + ridge * np.trace(within) / len(within) * np.eye(len(within))
    return within, np.cov(means.T).reshape(within.shape)


def wccn(embeddings: ArrayLike, speakers: Sequence[str], *, ridge: float = 1.0) -> Floats:
    """The matrix ``[D, D]`` of WCCN, which makes the within-speaker covariance the identity (Hatch et al. 2006).

    Arguments and errors are those of `scatter`.

    Raises:
        DataError: also if the within-speaker covariance is singular and there is no ridge.
    """
    within, _ = scatter(embeddings, speakers, ridge)
    try:
        found: Floats = np.linalg.cholesky(np.linalg.inv(within))
    except np.linalg.LinAlgError:
        raise DataError("back-end: embeddings of a speaker do not vary in all directions; give a ridge") from None
    return found


def lda(embeddings: ArrayLike, speakers: Sequence[str], dimensions: int, *, ridge: float = 0.01) -> Floats:
    """The matrix ``[D, dimensions]`` of LDA: the directions with the largest ratio of between- to within-speaker variance.

    Args:
        embeddings, speakers, ridge: as for `scatter`.
        dimensions: number of directions: less than the number of speakers, and at most ``D``.

    Raises:
        DataError: as `scatter` and `wccn`, or there are too many dimensions.
    """
    within, between = scatter(embeddings, speakers, ridge)
    largest = min(len(within), len(set(speakers)) - 1)
    if not 1 <= dimensions <= largest:
        raise DataError(
            f"back-end: LDA of {len(set(speakers))} speakers has 1 to {largest} dimensions, not {dimensions}"
        )
    try:
        import scipy.linalg  # slow to import, and rarely needed

        _, directions = scipy.linalg.eigh(between, within)
    except np.linalg.LinAlgError:
        raise DataError("back-end: embeddings of a speaker do not vary in all directions; give a ridge") from None
    found: Floats = np.ascontiguousarray(directions[:, ::-1][:, :dimensions])
    return found
