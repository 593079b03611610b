"""Files of embeddings for other programs: numpy, Kaldi and Parquet.

x.npz           arrays ``names`` [N] and ``embeddings`` [N, E]
x.ark, x.scp    a Kaldi table of float vectors and its index; both are written (needs kaldiio)
x.parquet       columns ``name`` and ``embedding``, a list of E numbers (needs pyarrow)
"""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import DataError
from ..files import check_writable, whole_file

Floats = NDArray[np.float32]

NEEDS = {".ark": "kaldiio", ".scp": "kaldiio", ".parquet": "pyarrow"}
"""Ending of a file -> the package that writes it."""


def embedding_file(path: Path) -> Path:
    """The file for embeddings that a name means; ``.npz`` is added to a name without a known ending.

    Raises:
        DataError: the package that writes such files is not installed, or a file of the pair cannot be written.
    """
    if path.suffix not in WRITERS:
        return path.with_name(path.name + ".npz")
    package = NEEDS.get(path.suffix)
    if package is not None and importlib.util.find_spec(package) is None:
        raise DataError(
            f"{path}: {path.suffix} files are written with {package}, which is not installed; run: pip install {package}, or"
            " write a .npz file"
        )
    for each in _pair(path) if package == "kaldiio" else (path,):
        check_writable(each)
    return path


def write_embeddings(path: str | Path, names: Sequence[str], embeddings: Sequence[Tensor]) -> Path:
    """Write embeddings in the format that the ending of a file names.

    Args:
        path: the file; see the top of this module for the endings. ``.npz`` is added to any other.
        names: ``N`` names. Kaldi has no blanks in them, so each run of blanks becomes ``_`` there.
        embeddings: ``N`` embeddings ``[E]``; they are written in float32.

    Returns:
        The file that was written.

    Raises:
        DataError: the package that writes such files is not installed, or two names are the same in a Kaldi table.
    """
    path = embedding_file(Path(path))
    vectors = torch.stack(list(embeddings)).detach().float().cpu().numpy()
    WRITERS[path.suffix](path, names, vectors)
    return path


def _write_npz(path: Path, names: Sequence[str], vectors: Floats) -> None:
    with whole_file(path) as written, written.open("wb") as file:
        np.savez(file, names=np.array(names), embeddings=vectors)


def _write_kaldi(path: Path, names: Sequence[str], vectors: Floats) -> None:
    import kaldiio

    keys = ["_".join(name.split()) for name in names]
    for key, count in Counter(keys).items():
        if count > 1 or not key:
            raise DataError(
                f"{path}: {count} recordings would be called {key!r} in it; rename them, or write a .npz file"
            )
    ark, scp = _pair(path)
    lines = []
    with whole_file(scp) as index, whole_file(ark) as table:
        with table.open("wb") as file:
            for key, vector in zip(keys, vectors, strict=True):
                lines.append(f"{key} {ark}:{file.tell() + len(key.encode()) + 1}\n")
                kaldiio.save_ark(file, {key: vector})
        index.write_text("".join(lines), encoding="utf-8")


def _pair(path: Path) -> tuple[Path, Path]:
    """The archive and the index of a Kaldi table."""
    return path.with_suffix(".ark"), path.with_suffix(".scp")


def _write_parquet(path: Path, names: Sequence[str], vectors: Floats) -> None:
    import pyarrow
    import pyarrow.parquet

    columns = pyarrow.FixedSizeListArray.from_arrays(pyarrow.array(vectors.ravel()), vectors.shape[1])
    table = pyarrow.table({"name": pyarrow.array(list(names), pyarrow.string()), "embedding": columns})
    with whole_file(path) as written:
        pyarrow.parquet.write_table(table, written)


WRITERS: dict[str, Callable[[Path, Sequence[str], Floats], None]] = {
    ".npz": _write_npz,
    ".ark": _write_kaldi,
    ".scp": _write_kaldi,
    ".parquet": _write_parquet,
}
"""Ending of a file -> the function that writes it."""
