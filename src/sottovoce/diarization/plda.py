"""Two-covariance PLDA: a space with within-speaker covariance 1 and between-speaker variances ``phi`` (Ioffe 2006)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from ..errors import DataError
from ..files import write_bytes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class XVectorTransform:
    """``N(lda.T N(x - mean1) - mean2)``, where ``N`` gives a vector the length 1, or the square root of its dimension.

    Attributes:
        mean1: ``[E]``.
        lda: ``[E, L]``.
        mean2: ``[L]``.
        scaled: whether lengths are square roots of dimensions, as in DiariZen and pyannote (``diarizen/clustering/VBx.py``),
            or 1, as in VBx itself (``VBx/vbhmm.py``).
    """

    mean1: Floats
    lda: Floats
    mean2: Floats
    scaled: bool

    def __call__(self, embeddings: Floats) -> Floats:
        """``[N, L]`` of ``embeddings[N, E]``."""
        return self._normalized(self._normalized(embeddings - self.mean1) @ self.lda - self.mean2)

    def _normalized(self, x: Floats) -> Floats:
        length = np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-12)
        return x / length * (np.sqrt(x.shape[1]) if self.scaled else 1.0)


@dataclass(frozen=True)
class PLDA:
    """A linear map of embeddings into the space that `cluster_vbx` works in.

    Attributes:
        mean: ``[E]``, which is subtracted first.
        transform: ``[R, E]``; the first directions are those in which speakers differ most.
        phi: ``[R]`` between-speaker variances along the directions; the within-speaker variances are 1.
        before: what embeddings pass first, in a released PLDA; ``E`` is then the dimension behind it.
    """

    mean: Floats
    transform: Floats
    phi: Floats
    before: XVectorTransform | None = None

    @property
    def inputs(self) -> int:
        """Dimension of the embeddings."""
        return len(self.mean) if self.before is None else len(self.before.mean1)

    def project(self, embeddings: Floats) -> Floats:
        """The projection ``[N, R]`` of ``embeddings[N, E]``."""
        x = embeddings if self.before is None else self.before(embeddings)
        return (x - self.mean) @ self.transform.T

    def check(self, size: int) -> None:
        """Check that the PLDA is for embeddings of dimension ``size``.

        Raises:
            DataError: the PLDA was fitted to embeddings of another dimension.
        """
        if self.inputs != size:
            raise DataError(
                f"diarization: the PLDA is of embeddings of {self.inputs} numbers, and those of the speaker model have"
                f" {size}; fit one to this model (sottovoce plda)"
            )

    def first(self, size: int) -> PLDA:
        """A PLDA with only the first ``size`` directions."""
        return PLDA(self.mean, self.transform[:size], self.phi[:size], self.before)

    @classmethod
    def fit(cls, embeddings: Floats, speakers: NDArray[np.int64], *, ridge: float = 1e-3) -> PLDA:
        """Fit a PLDA to labeled ``embeddings[N, E]``, by moments.

        Args:
            embeddings: ``[N, E]``.
            speakers: ``[N]`` speaker of each embedding.
            ridge: fraction of the mean within-speaker variance that is added to the diagonal of the within-speaker
                covariance, which is singular if there is little data.

        Raises:
            DataError: there are fewer than two speakers, no speaker has two embeddings, or the speakers do not differ.
        """
        embeddings = np.asarray(embeddings, np.float64)
        names, place, sizes = np.unique(speakers, return_inverse=True, return_counts=True)
        N, E = embeddings.shape
        if len(names) < 2 or len(names) == N:
            raise DataError(
                f"plda: {N} embeddings of {len(names)} speakers; it needs 2 speakers, and one of them more than once"
            )
        mean = embeddings.mean(0)
        means = np.zeros((len(names), E))
        np.add.at(means, place, embeddings)
        means /= sizes[:, None]
        inner = embeddings - means[place]
        within = inner.T @ inner / (N - len(names))
        within += ridge * np.trace(within) / E * np.eye(E)
        outer = (means - mean) * np.sqrt(sizes)[:, None]
        # The means of speakers still contain a share of the within-speaker variation.
        typical = (N - (sizes**2).sum() / N) / (len(names) - 1)
        between = (outer.T @ outer / (len(names) - 1) - within) / typical
        phi, directions = eigh(between, within)
        keep = np.flatnonzero(phi > 0)[::-1]
        if not len(keep):
            raise DataError(f"plda: {len(names)} speakers differ no more than the embeddings of one; take other data")
        return cls(mean, directions.T[keep], phi[keep])

    def save(self, path: str | Path) -> Path:
        """Write the PLDA as ``.safetensors``."""
        from safetensors.numpy import save

        arrays = {"mean": self.mean, "transform": np.ascontiguousarray(self.transform), "phi": self.phi}
        if self.before is not None:
            raise DataError(f"{path}: a released PLDA is used from the folder that it came in; copy that")
        write_bytes(Path(path), save(arrays))
        return Path(path)

    @classmethod
    def load(cls, path: str | Path) -> PLDA:
        """Read a PLDA that `save` wrote.

        Raises:
            DataError: the file is missing or not a PLDA, or its tensors do not fit together.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        try:
            found = load_file(str(path))
            mean, transform, phi = (found[name].astype(np.float64) for name in ("mean", "transform", "phi"))
        except (OSError, SafetensorError, KeyError) as error:
            raise DataError(f"{path}: no PLDA can be read from it ({error})") from error
        if mean.ndim != 1 or phi.ndim != 1 or not len(phi) or transform.shape != (*phi.shape, *mean.shape):
            raise DataError(
                f"{path}: no PLDA: a mean {mean.shape}, a transform {transform.shape} and phi {phi.shape} do not fit"
                " together; they are [E], [R, E] and [R]"
            )
        if not all(np.isfinite(each).all() for each in (mean, transform, phi)) or phi.min() < 0:
            raise DataError(f"{path}: no PLDA: it has numbers that are not finite, or variances below 0; fit it again")
        return cls(mean, transform, phi)
