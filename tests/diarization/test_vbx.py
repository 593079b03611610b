"""VBx against the published case: x-vectors, LDA and PLDA in, the published RTTM out."""

import struct
from itertools import product

import numpy as np
import pytest

from sottovoce.data.corpora.rttm import read_rttm
from sottovoce.diarization.ahc import cut_dendrogram, dendrogram, two_gaussian_threshold, unit_vectors
from sottovoce.diarization.plda import PLDA
from sottovoce.diarization.vbx import VBxOptions, _chain, cluster_vbx, initial_responsibilities
from sottovoce.errors import DataError
from sottovoce.metrics.diarization import ScoringProtocol, score_diarization


def kaldi_vectors(path):
    """A Kaldi archive of float vectors."""
    data, found, place = path.read_bytes(), [], 0
    while place < len(data):
        mark = data.index(b" \0BFV \x04", place) + 7
        (size,) = struct.unpack_from("<i", data, mark)
        found.append(np.frombuffer(data, "<f4", size, mark + 4).astype(np.float64))
        place = mark + 4 + 4 * size
    return np.stack(found)


def kaldi_plda(path):
    """Mean, transform and psi of Kaldi's PLDA."""
    data = path.read_bytes()
    place = data.index(b"<Plda> ") + 7

    def take(kind, dimensions):
        nonlocal place
        assert data[place : place + 3] == kind
        place += 3
        sizes = []
        for _ in range(dimensions):
            sizes.append(struct.unpack_from("<i", data, place + 1)[0])
            place += 5
        values = np.frombuffer(data, "<f8", int(np.prod(sizes)), place).reshape(sizes)
        place += values.nbytes
        return values

    return PLDA(take(b"DV ", 1), take(b"DM ", 2), take(b"DV ", 1))


@pytest.fixture(scope="module")
def case(data):
    """Embeddings after the recording-independent transforms, PLDA, segments, first clusters, folder."""
    folder = data / "refs" / "der" / "vbx_es2005a"
    raw = (folder / "transform.h5").read_bytes()  # three datasets stored in one piece each, behind one another
    mean1, mean2 = np.frombuffer(raw, "<f8", 256, 2048), np.frombuffer(raw, "<f8", 128, 4096)
    lda = np.frombuffer(raw, "<f8", 256 * 128, 5120).reshape(256, 128)
    x = unit_vectors(kaldi_vectors(folder / "ES2005a.ark") - mean1) @ lda - mean2
    x = unit_vectors(x)
    times = np.array([line.split()[2:4] for line in (folder / "ES2005a.seg").read_text().splitlines()], float)
    tree = dendrogram(x)
    threshold = two_gaussian_threshold(x @ x.T) - 0.015
    first = cut_dendrogram(tree, int(np.searchsorted(tree[:, 2], 1 - threshold, side="right")))
    return x, kaldi_plda(folder / "plda").first(128), times, first, folder


def turns(times, labels):
    """Neighbors of one speaker joined; where two overlap, the boundary lies in the middle."""
    start, end = times.T.copy()
    near = np.isclose(end[:-1], start[1:]) | (end[:-1] > start[1:])
    ends = np.flatnonzero(~near | (labels[1:] != labels[:-1]))
    start, end, who = start[np.r_[0, ends + 1]], end[np.r_[ends, -1]], labels[np.r_[ends, -1]]
    cross = np.flatnonzero(start[1:] < end[:-1])
    end[cross] = start[cross + 1] = (end[cross] + start[cross + 1]) / 2
    return [(float(a), float(b), str(k)) for a, b, k in zip(start, end, who, strict=True)]


def test_the_published_output(case):
    x, plda, times, first, folder = case
    found = cluster_vbx(
        plda.project(x), plda.phi, initial_responsibilities(first), VBxOptions(fa=0.3, fb=17, loop=0.99)
    )
    system = turns(times, found.responsibilities.argmax(1))
    published = read_rttm(folder / "sys.rttm")["ES2005a"]
    assert len(system) == len(published)
    names = {}
    for ours, theirs in zip(system, published, strict=True):
        assert ours[:2] == pytest.approx(theirs[:2], abs=1e-6)
        assert names.setdefault(ours[2], theirs[2]) == theirs[2]
    assert len(set(names.values())) == len(names)
    reference = read_rttm(folder / "ref.rttm")
    score = score_diarization(reference, {"ES2005a": system}, None, ScoringProtocol(collar=0.25, skip_overlap=True))
    assert f"{100 * score.der:.2f} {100 * score.jer:.2f}" == "7.06 29.99"


def test_the_bound_never_falls(case):
    x, plda, _, first, _ = case
    for loop in (0.0, 0.5, 0.99):
        found = cluster_vbx(
            plda.project(x), plda.phi, initial_responsibilities(first), VBxOptions(fa=0.3, fb=17, loop=loop)
        )
        assert np.diff(found.bound).min() > -1e-6
        assert found.responsibilities.sum(1) == pytest.approx(np.ones(len(x)))


def test_without_a_loop_it_is_the_mixture(case):
    x, plda, _, first, _ = case
    mixture, chain = (
        cluster_vbx(
            plda.project(x), plda.phi, initial_responsibilities(first), VBxOptions(loop=loop, rounds=5, tolerance=-1e9)
        )
        for loop in (0, 1e-13)
    )
    assert np.abs(mixture.responsibilities - chain.responsibilities).max() < 1e-6
    assert mixture.bound == pytest.approx(chain.bound)


def test_options_are_checked():
    for wrong in ({"fa": 0}, {"loop": 1.0}, {"rounds": 0}):
        with pytest.raises(DataError, match="vbx: "):
            VBxOptions(**wrong)


def test_the_chain_is_all_paths_added_up():
    generator = np.random.default_rng(0)
    evidence, prior, loop = generator.normal(size=(4, 3)), np.array([0.5, 0.3, 0.2]), 0.7
    shares, draws, total = np.zeros((4, 3)), np.zeros(3), 0.0
    for path in product(range(3), repeat=4):
        for drawn in product([True, False], repeat=3):  # each step draws a speaker anew, or stays
            drawn = (True, *drawn)
            if any(not new and path[t] != path[t - 1] for t, new in enumerate(drawn)):
                continue
            weight = np.exp(sum(evidence[t, k] for t, k in enumerate(path))) * prior[path[0]]
            weight *= np.prod(
                [(1 - loop) * prior[k] if new else loop for k, new in zip(path[1:], drawn[1:], strict=True)]
            )
            total += weight
            for t, (k, new) in enumerate(zip(path, drawn, strict=True)):
                shares[t, k] += weight
                draws[k] += weight * new
    found = _chain(evidence, prior, loop)
    assert found[0] == pytest.approx(shares / total)
    assert found[1] == pytest.approx(draws / draws.sum())
    assert found[2] == pytest.approx(np.log(total))
