"""The transform of embeddings in front of a released PLDA: centering, LDA and length normalization, each as published."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
