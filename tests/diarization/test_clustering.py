"""Agglomerative clustering, its bounds and its memory; constrained assignment; PLDA."""

import tracemalloc

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster
from scipy.cluster.hierarchy import linkage as scipy_linkage

from sottovoce.diarization.ahc import (
    AHCOptions,
    cluster_ahc,
    cut_dendrogram,
    dendrogram,
    relabel_by_appearance,
    unit_vectors,
)
from sottovoce.diarization.assignment import assign
from sottovoce.diarization.plda import PLDA
from sottovoce.diarization.speaker_count import SpeakerCount
from sottovoce.diarization.vbx import cluster_vbx, initial_responsibilities
from sottovoce.errors import DataError


def voices(speakers, each, *, noise=0.03, size=24, seed=0):
    """Embeddings ``[speakers * each, size]`` in random order, and whose they are."""
    generator = np.random.default_rng(seed)
    centers = np.linalg.qr(generator.normal(size=(size, size)))[0][:speakers]
    who = generator.permutation(np.repeat(np.arange(speakers), each))
    return centers[who] + noise * generator.normal(size=(len(who), size)), who


def same(a, b):
    return np.array_equal(relabel_by_appearance(a), relabel_by_appearance(b))


@pytest.mark.parametrize("speakers", [1, 2, 5, 8])
def test_the_number_of_speakers_is_found(speakers):
    embeddings, who = voices(speakers, 30)
    assert same(cluster_ahc(embeddings), who)


@pytest.mark.parametrize("wanted", [1, 2, 3, 4, 6])
def test_a_known_number_is_kept(wanted):
    embeddings, _ = voices(4, 20)
    assert cluster_ahc(embeddings, count=SpeakerCount.from_bounds(wanted)).max() + 1 == wanted


def test_bounds():
    embeddings, who = voices(4, 20)
    assert cluster_ahc(embeddings, count=SpeakerCount.from_bounds(maximum=3)).max() + 1 == 3
    assert cluster_ahc(embeddings, count=SpeakerCount.from_bounds(minimum=5)).max() + 1 == 5
    assert same(cluster_ahc(embeddings, count=SpeakerCount.from_bounds(minimum=2, maximum=6)), who)
    for wrong in ({"known": 2, "maximum": 3}, {"minimum": 3, "maximum": 2}, {"known": 0}):
        with pytest.raises(DataError, match="speakers: "):
            SpeakerCount.from_bounds(**wrong)


def test_more_speakers_than_embeddings():
    embeddings, _ = voices(3, 1)
    assert cluster_ahc(embeddings, count=SpeakerCount.from_bounds(7)).tolist() == [0, 1, 2]
    assert cluster_ahc(embeddings[:1]).tolist() == [0]
    assert cluster_ahc(embeddings[:1], count=SpeakerCount.from_bounds(2)).tolist() == [0]


def test_crumbs_join_the_nearest_speaker():
    embeddings, who = voices(3, 40)
    odd = unit_vectors(embeddings[who == 1].mean(0)[None]) + 1.5 * np.eye(24)[-1]
    labels = cluster_ahc(np.concatenate([embeddings, odd]), AHCOptions(threshold=0.3))
    assert same(labels[:-1], who)
    assert labels[-1] == labels[np.flatnonzero(who == 1)[0]]
    assert cluster_ahc(np.concatenate([embeddings, odd]), AHCOptions(threshold=0.3, smallest=1)).max() == 3


def test_a_cut_is_scipys():
    embeddings, _ = voices(5, 12, noise=0.3)
    tree = dendrogram(unit_vectors(embeddings))
    for merges in (0, 1, 20, 55, len(tree)):
        assert same(cut_dendrogram(tree, merges), fcluster(tree, len(tree) + 1 - merges, "maxclust"))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("linkage", ["average", "centroid"])
def test_a_threshold_is_scipys(linkage, seed):
    """Of centroids too, which merges can bring nearer to one another than any were before."""
    embeddings, _ = voices(5, 12, noise=0.3, seed=seed)
    unit = unit_vectors(embeddings)
    tree = scipy_linkage(unit, linkage, "cosine" if linkage == "average" else "euclidean")
    if linkage == "centroid":
        assert (np.diff(tree[:, 2]) < 0).any()
    for threshold in np.linspace(0.2, 1.2, 21):
        found = cluster_ahc(embeddings, AHCOptions(threshold, linkage, smallest=1))
        assert same(found, fcluster(tree, threshold, "distance"))


def test_three_hours_do_not_need_gigabytes():
    embeddings, who = voices(6, 4500)
    tracemalloc.start()
    labels = cluster_ahc(embeddings, AHCOptions(cap=1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert same(labels, who)
    assert len(who) ** 2 / 2 * 8 > 2.9e9  # all distances
    assert peak < 100e6


def test_local_speakers_go_to_different_clusters():
    centers = np.eye(3)
    embeddings = np.array([[[1.0, 0.1, 0], [0.9, 0.4, 0]], [[1.0, 0, 0], [0, 0, 1.0]]])
    active = np.array([[True, True], [True, False]])
    assert assign(embeddings, active, centers).tolist() == [[0, 1], [0, -1]]
    # With one cluster both share it.
    assert assign(embeddings, active, centers[:1]).tolist() == [[0, 0], [0, -1]]


def test_plda_finds_the_space_of_speakers():
    generator = np.random.default_rng(0)
    mixing = generator.normal(size=(6, 6))
    voice = generator.normal(size=(400, 6)) * np.sqrt([9.0, 4, 1, 0, 0, 0])
    who = np.repeat(np.arange(400), 10)
    embeddings = (voice[who] + generator.normal(size=(4000, 6))) @ mixing.T + 5
    plda = PLDA.fit(embeddings, who, ridge=0.0)
    assert plda.phi[:3] == pytest.approx([9, 4, 1], rel=0.2)
    assert plda.phi[3:].max(initial=0) < 0.1
    inner = plda.project(embeddings) - np.stack([plda.project(embeddings[who == k]).mean(0) for k in range(400)])[who]
    assert inner.T @ inner / 3600 == pytest.approx(np.eye(len(plda.phi)), abs=1e-6)
    with pytest.raises(DataError, match="2 speakers"):
        PLDA.fit(embeddings[:3], np.arange(3))
    with pytest.raises(DataError, match="2 speakers differ no more than the embeddings of one"):
        PLDA.fit(np.array([[1.0, 0], [-1, 0], [1, 0], [-1, 0]]), np.array([0, 0, 1, 1]))


def test_plda_is_written_and_read(tmp_path):
    embeddings, who = voices(5, 20, noise=0.2)
    plda = PLDA.fit(embeddings, who)
    again = PLDA.load(plda.save(tmp_path / "plda.safetensors"))
    assert np.array_equal(plda.project(embeddings), again.project(embeddings))
    (tmp_path / "other").write_bytes(b"nothing of the kind")
    for name in ("other", "absent"):
        with pytest.raises(DataError, match="no PLDA can be read"):
            PLDA.load(tmp_path / name)

    E, R = len(plda.mean), len(plda.phi)
    for wrong, message in (
        (PLDA(plda.mean[1:], plda.transform, plda.phi), rf"a mean \({E - 1},\), a transform \({R}, {E}\) and phi"),
        (PLDA(plda.mean, plda.transform[1:], plda.phi), "do not fit together"),
        (PLDA(plda.mean, plda.transform.T, plda.phi), "do not fit together"),
        (plda.first(0), "do not fit together"),
        (PLDA(plda.mean, plda.transform, -plda.phi), "variances below 0"),
        (PLDA(plda.mean * np.nan, plda.transform, plda.phi), "not finite"),
    ):
        with pytest.raises(DataError, match=message):
            PLDA.load(wrong.save(tmp_path / "wrong"))


def test_vbx_drops_speakers_that_are_none():
    embeddings, who = voices(3, 60, noise=0.1)
    plda = PLDA.fit(*voices(24, 60, noise=0.1, seed=0))
    crumbs = cluster_ahc(embeddings, AHCOptions(threshold=0.1, smallest=1))
    assert crumbs.max() + 1 > 3
    found = cluster_vbx(plda.project(embeddings), plda.phi, initial_responsibilities(crumbs))
    assert same(found.responsibilities.argmax(1), who)
    assert (found.prior > 1e-3).sum() == 3
