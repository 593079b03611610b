"""PLDAs in files: our own, and released ones with the transform in front of them.

my.safetensors                     what `PLDA.save` writes
plda/plda.npz, xvec_transform.npz  DiariZen's hub directories and pyannote's community pipeline
plda, transform.h5                 VBx's own, in Kaldi's binary format; needs h5py
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh

from ..errors import DataError
from ..text.one_line import DAMAGE, reason
from .plda import PLDA, XVectorTransform

Floats = NDArray[np.float64]

NPZ, TRANSFORM_NPZ = "plda.npz", "xvec_transform.npz"
KALDI, TRANSFORM_H5 = "plda", "transform.h5"
KNOWN = f"a .safetensors file, or a folder with {NPZ} and {TRANSFORM_NPZ}, or with {KALDI} and {TRANSFORM_H5}"


def read_plda(path: str | Path) -> PLDA:
    """The PLDA in a file or folder of a known format.

    Args:
        path: a file that `PLDA.save` wrote; or the folder of a released PLDA, one of its files, or a folder with the folder
            ``plda`` in it.

    Raises:
        DataError: nothing there, a file of the pair is missing, a file is damaged, the parts do not fit together, or h5py is
            needed and not installed.
    """
    place = Path(path)
    if place.suffix == ".safetensors":
        return PLDA.load(place)
    folder = place if place.is_dir() else place.parent
    for each in (folder, folder / "plda"):
        for plda, transform in ((NPZ, TRANSFORM_NPZ), (KALDI, TRANSFORM_H5)):
            if not (each / plda).is_file():
                continue
            if not (each / transform).is_file():
                raise DataError(f"{each}: has {plda} and no {transform}, which belongs to it; copy both")
            return _released(each / plda, each / transform)
    raise DataError(f"{path}: no PLDA there; it can be {KNOWN}")


def _released(plda: Path, transform: Path) -> PLDA:
    """A PLDA of Kaldi's parameters ``mu, tr, psi``, with its transform, in the form in which within-speaker covariance is 1."""
    npz = plda.suffix == ".npz"
    mu, tr, psi = _arrays(plda, ("mu", "tr", "psi")) if npz else _kaldi(plda)
    mean1, mean2, lda = _arrays(transform, ("mean1", "mean2", "lda")) if npz else _h5(transform)
    E, L = mean1.size, mu.size
    shapes = {"mean1": (E,), "lda": (E, L), "mean2": (L,), "mu": (L,), "tr": (L, L), "psi": (L,)}
    found = {"mean1": mean1, "lda": lda, "mean2": mean2, "mu": mu, "tr": tr, "psi": psi}
    for name, each in found.items():
        if each.shape != shapes[name]:
            raise DataError(
                f"{plda.parent}: {name} is {each.shape}, and {shapes[name]} fits embeddings of {E} numbers and a PLDA of {L};"
                f" {plda.name} and {transform.name} must be from one model"
            )
        if not np.isfinite(each).all():
            raise DataError(f"{plda.parent}: {name} has numbers that are not finite; copy it again from its source")
    if psi.min() <= 0:
        raise DataError(f"{plda}: psi has variances that are not positive; copy it again from its source")
    try:
        within = np.linalg.inv(tr.T @ tr)
        between = np.linalg.inv((tr.T / psi) @ tr)
        phi, directions = eigh(between, within)
    except np.linalg.LinAlgError as error:
        raise DataError(f"{plda}: tr cannot be inverted ({error}); copy it again from its source") from None
    return PLDA(mu, directions.T[::-1], phi[::-1], XVectorTransform(mean1, lda, mean2, scaled=npz))


def _arrays(path: Path, names: tuple[str, ...]) -> list[Floats]:
    try:
        with np.load(path, allow_pickle=False) as content:
            return _named(content, names, path)
    except DataError:
        raise
    except (*DAMAGE, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: damaged ({reason(error)}); copy it again from its source") from None


def _h5(path: Path) -> list[Floats]:
    try:
        import h5py
    except ImportError:
        raise DataError(f"{path}: needs h5py (pip install h5py)") from None
    try:
        with h5py.File(path, "r") as content:
            return _named(content, ("mean1", "mean2", "lda"), path)
    except DataError:
        raise
    except DAMAGE as error:
        raise DataError(f"{path}: damaged ({reason(error)}); copy it again from its source") from None


def _named(content: Mapping[str, object], names: tuple[str, ...], path: Path) -> list[Floats]:
    if missing := [name for name in names if name not in content]:
        held = ", ".join(sorted(content)) or "nothing"
        raise DataError(f"{path}: has no {', '.join(missing)}; it holds {held}")
    return [np.asarray(content[name], np.float64) for name in names]


def _kaldi(path: Path) -> list[Floats]:
    """Mean, transform and variances of a Kaldi ``Plda`` in binary format."""
    try:
        with path.open("rb") as file:
            if file.read(9) != b"\0B<Plda> ":
                raise DataError(
                    f"{path}: is no binary PLDA of Kaldi's; convert it with ivector-copy-plda --binary=true"
                )
            return [_kaldi_array(file), _kaldi_array(file), _kaldi_array(file)]
    except DAMAGE as error:
        raise DataError(f"{path}: damaged ({reason(error)}); copy it again from its source") from None


def _kaldi_array(file: BinaryIO) -> Floats:
    """The next vector (``FV``, ``DV``) or matrix (``FM``, ``DM``)."""
    kind = file.read(3)
    types = {b"F": "<f4", b"D": "<f8"}
    if kind[:1] not in types or kind[1:] not in (b"V ", b"M "):
        raise ValueError(f"{kind!r} where a vector or matrix should begin")
    shape = [struct.unpack("<xi", file.read(5))[0] for _ in range(1 if kind[1:2] == b"V" else 2)]
    count, kept = int(np.prod(shape)), np.dtype(types[kind[:1]])
    if min(shape) < 0 or count > 2**27:
        raise ValueError(f"a size of {shape}")
    content = file.read(count * kept.itemsize)
    return np.frombuffer(content, kept, count).reshape(shape).astype(np.float64)
