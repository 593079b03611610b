"""Released PLDAs against the arithmetic of their authors, and the published start of VBx."""

from __future__ import annotations

import struct

import numpy as np
import pytest
import torch
from scipy.linalg import eigh
from scipy.special import softmax

from sottovoce.diarization.plda import PLDA
from sottovoce.diarization.plda_files import read_plda
from sottovoce.diarization.pooling import resampled_masks
from sottovoce.diarization.vbx import VBxOptions, initial_responsibilities
from sottovoce.errors import DataError

E, L = 9, 4


def parts(seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    shapes = {"mean1": E, "mean2": L, "lda": (E, L), "mu": L, "tr": (L, L)}
    return {name: random.normal(size=shape) for name, shape in shapes.items()} | {"psi": np.array([5.0, 3.0, 1.5, 0.4])}


def published(p: dict[str, np.ndarray], x: np.ndarray, *, scaled: bool) -> tuple[np.ndarray, np.ndarray]:
    """``vbx_setup`` of DiariZen (and of VBx itself, unscaled), written down vector by vector."""
    found = []
    for each in x:
        y = each - p["mean1"]
        y = y / np.linalg.norm(y) * (E**0.5 if scaled else 1)
        y = p["lda"].T @ y - p["mean2"]
        found.append(y / np.linalg.norm(y) * (L**0.5 if scaled else 1))
    within = np.linalg.inv(p["tr"].T @ p["tr"])
    between = np.linalg.inv(p["tr"].T @ np.diag(1 / p["psi"]) @ p["tr"])
    values, vectors = eigh(between, within)
    return (np.array(found) - p["mu"]) @ vectors[:, ::-1], values[::-1]


def write(folder, p: dict[str, np.ndarray], kind: str):
    folder.mkdir(exist_ok=True)
    if kind == "npz":
        np.savez(folder / "plda.npz", mu=p["mu"], tr=p["tr"], psi=p["psi"])
        np.savez(folder / "xvec_transform.npz", mean1=p["mean1"], mean2=p["mean2"], lda=p["lda"])
        return
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "transform.h5", "w") as file:
        for name in ("mean1", "mean2", "lda"):
            file[name] = p[name]
    write_kaldi(folder / "plda", p)


def write_kaldi(path, p: dict[str, np.ndarray]) -> None:
    def vector(x: np.ndarray) -> bytes:
        return b"DV " + struct.pack("<bi", 4, len(x)) + x.astype("<f8").tobytes()

    matrix = b"DM " + struct.pack("<bibi", 4, L, 4, L) + p["tr"].astype("<f8").tobytes()
    path.write_bytes(b"\0B<Plda> " + vector(p["mu"]) + matrix + vector(p["psi"]) + b"</Plda> ")


@pytest.mark.parametrize("kind", ["npz", "kaldi"])
def test_projections_are_the_published_ones(tmp_path, kind):
    p, x = parts(), np.random.default_rng(1).normal(size=(20, E))
    write(tmp_path / "plda", p, kind)
    expected, phi = published(p, x, scaled=kind == "npz")
    for place in (tmp_path, tmp_path / "plda"):
        found = read_plda(place)
        assert np.abs(found.phi - phi).max() < 1e-9
        assert np.abs(np.abs(found.project(x)) - np.abs(expected)).max() < 1e-9  # the sign of a direction is free
        assert found.first(2).project(x).shape == (20, 2)
        found.check(E)
        with pytest.raises(DataError, match="the PLDA is of embeddings of 9 numbers"):
            found.check(8)


def test_our_own_is_read_too(tmp_path):
    PLDA(np.zeros(3), np.eye(3), np.ones(3)).save(tmp_path / "own.safetensors")
    assert read_plda(tmp_path / "own.safetensors").inputs == 3


def test_bad_files_are_one_line(tmp_path):
    with pytest.raises(DataError, match="no PLDA there; it can be a .safetensors file"):
        read_plda(tmp_path)
    p = parts()
    write(tmp_path / "plda", p | {"psi": -p["psi"]}, "npz")
    with pytest.raises(DataError, match="variances that are not positive"):
        read_plda(tmp_path)
    write(tmp_path / "plda", p | {"tr": np.zeros_like(p["tr"])}, "npz")
    with pytest.raises(DataError, match="tr cannot be inverted"):
        read_plda(tmp_path)
    write(tmp_path / "plda", p | {"mean1": np.float64(0)}, "npz")
    with pytest.raises(DataError, match="mean1 is \\(\\)"):
        read_plda(tmp_path)
    (tmp_path / "plda" / "plda.npz").write_bytes(b"PK\3\4")
    with pytest.raises(DataError, match="plda.npz: damaged"):
        read_plda(tmp_path)
    np.savez(tmp_path / "plda" / "plda.npz", mu=p["mu"])
    with pytest.raises(DataError, match="has no tr, psi; it holds mu"):
        read_plda(tmp_path)


def test_a_text_plda_of_kaldi_is_refused(tmp_path):
    (tmp_path / "plda").write_text("<Plda> [ 1 2 ]")
    (tmp_path / "transform.h5").write_bytes(b"")
    with pytest.raises(DataError, match="h5py|no binary PLDA"):
        read_plda(tmp_path)


def test_the_start_of_vbx_is_the_published_one():
    options = VBxOptions()
    assert (options.smoothing, options.rounds, options.tolerance) == (7.0, 20, 1e-4)
    expected = softmax(7.0 * np.array([[1.0, 0, 0], [0, 0, 1.0]]), axis=1)
    assert np.allclose(initial_responsibilities(np.array([0, 2]), options.smoothing), expected)


def test_masks_are_resampled_as_pyannote_does():
    masks = torch.rand(5, 40, generator=torch.Generator().manual_seed(0)) < 0.3
    for frames in (7, 11, 40, 93):
        expected = torch.nn.functional.interpolate(masks[None].float(), size=frames, mode="nearest")[0] > 0
        assert torch.equal(resampled_masks(masks, frames), expected)
    short = torch.zeros(1, 40, dtype=torch.bool)
    short[0, 21] = True
    assert resampled_masks(short, 5).nonzero().tolist() == [[0, 2]]
