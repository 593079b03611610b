"""LDA against scikit-learn's, WCCN by what it promises, and what both refuse."""

import numpy as np
import pytest

from sottovoce.errors import DataError
from sottovoce.metrics import lda, wccn


def calls(speakers=12, each=9, size=6, seed=0):
    """Embeddings that vary within a speaker mostly in the first two directions, as channels do."""
    generator = np.random.default_rng(seed)
    voice = np.repeat(generator.normal(size=(speakers, size)), each, axis=0)
    return voice + generator.normal(size=voice.shape) * np.r_[4, 3, np.full(size - 2, 0.5)], [
        f"s{k}" for k in np.repeat(np.arange(speakers), each)
    ]


def test_wccn_makes_speakers_vary_equally_in_all_directions():
    values, names = calls()
    turned = values @ wccn(values, names, ridge=0.0)
    means = np.stack([turned[np.array(names) == n].mean(0) for n in names])
    np.testing.assert_allclose(np.cov((turned - means).T), np.eye(6), atol=1e-9)


def test_lda_spans_the_directions_of_scikit_learn():
    from scipy.linalg import subspace_angles
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    values, names = calls()
    own = lda(values, names, 3, ridge=0.0)
    other = LinearDiscriminantAnalysis(solver="eigen").fit(values, names).scalings_[:, :3]
    assert subspace_angles(own, other).max() < 1e-6


@pytest.mark.parametrize("fit", [wccn, lambda v, n: lda(v, n, 4)])
def test_speakers_are_told_apart_better(fit):
    def cosines(vectors, names):
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        a, b = np.triu_indices(len(unit), 1)
        same = np.array(names)[a] == np.array(names)[b]
        scores = (unit[a] * unit[b]).sum(1)
        return scores[same].mean() - scores[~same].mean()

    values, names = calls(seed=1)
    test, of_test = calls(seed=2)
    assert cosines(test @ fit(values, names), of_test) > 1.5 * cosines(test, of_test)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda v, n: wccn(v, n[1:]), "107 speakers, but embeddings"),
        (lambda v, n: wccn(v * np.nan, n), "not all of them finite"),
        (lambda v, n: wccn(v[:3], list("abc")), "3 embeddings of 3 speakers"),
        (lambda v, n: wccn(v[:3], list("aaa")), "3 embeddings of 1 speakers"),
        (lambda v, n: lda(v, n, 12), "LDA of 12 speakers has 1 to 6 dimensions, not 12"),
        (lambda v, n: wccn(v * np.r_[0, 1, 1, 1, 1, 1], n, ridge=0.0), "give a ridge"),
        (lambda v, n: lda(v * np.r_[0, 1, 1, 1, 1, 1], n, 2, ridge=0.0), "give a ridge"),
    ],
)
def test_unusable_input_is_refused(call, told):
    with pytest.raises(DataError, match=told):
        call(*calls())
