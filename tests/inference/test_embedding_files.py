"""What is written is what numpy, kaldiio and pyarrow read back."""

import numpy as np
import pytest
import torch

from sottovoce.errors import DataError
from sottovoce.inference import embedding_files
from sottovoce.inference.embedding_files import write_embeddings

NAMES = ["speech/one.wav", "two words.wav", "drei-ä.wav"]
VECTORS = torch.randn(3, 7, generator=torch.Generator().manual_seed(0))


def test_numpy(tmp_path):
    found = np.load(write_embeddings(tmp_path / "x.npz", NAMES, list(VECTORS)))
    assert found["names"].tolist() == NAMES and np.array_equal(found["embeddings"], VECTORS.numpy())


@pytest.mark.parametrize("name", ["x.ark", "x.scp"])
def test_kaldi(tmp_path, name):
    kaldiio = pytest.importorskip("kaldiio", reason="kaldiio is not installed")
    write_embeddings(tmp_path / name, NAMES, list(VECTORS.double()))
    expected = dict(zip(["speech/one.wav", "two_words.wav", "drei-ä.wav"], VECTORS.numpy(), strict=True))
    with open(tmp_path / "x.scp", encoding="utf-8") as lines:
        indexed = kaldiio.load_scp(str(tmp_path / "x.scp"))
        assert [line.split()[0] for line in lines] == list(expected)
    for found in (dict(kaldiio.load_ark(str(tmp_path / "x.ark"))), indexed):
        assert set(found) == set(expected)
        for key, vector in expected.items():
            assert found[key].dtype == np.float32 and np.array_equal(found[key], vector)


def test_parquet(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed")
    table = parquet.read_table(write_embeddings(tmp_path / "x.parquet", NAMES, list(VECTORS)))
    assert table.column_names == ["name", "embedding"] and table["name"].to_pylist() == NAMES
    assert np.array_equal(np.array(table["embedding"].to_pylist(), np.float32), VECTORS.numpy())


def test_names_that_kaldi_cannot_tell_apart(tmp_path):
    pytest.importorskip("kaldiio", reason="kaldiio is not installed")
    with pytest.raises(DataError, match="2 recordings would be called 'a_b.wav'"):
        write_embeddings(tmp_path / "x.ark", ["a b.wav", "a_b.wav"], list(VECTORS[:2]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name, package", [("x.ark", "kaldiio"), ("x.scp", "kaldiio"), ("x.parquet", "pyarrow")])
def test_a_missing_package_is_one_line(tmp_path, monkeypatch, name, package):
    monkeypatch.setattr(embedding_files.importlib.util, "find_spec", lambda asked: None)
    with pytest.raises(
        DataError, match=f"written with {package}, which is not installed; run: pip install {package}"
    ) as e:
        write_embeddings(tmp_path / name, NAMES, list(VECTORS))
    assert len(str(e.value).splitlines()) == 1 and not list(tmp_path.iterdir())
