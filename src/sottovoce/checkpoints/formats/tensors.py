"""Tensors from files in torch's own format. No code from a file is ever executed."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from sottovoce.encoder.loading.weight_files import SAFETENSORS, check_content
from sottovoce.errors import CheckpointError
from sottovoce.text.one_line import one_line_errors

from .pickle_stand_ins import inert_classes


def only_tensors(content: object, name: str) -> dict[str, Tensor]:
    """``content``, if it is a dictionary of tensors.

    Args:
        content: what a file holds.
        name: name of the file, for messages.

    Raises:
        CheckpointError: it is not a dictionary, or holds other values than plain tensors.
    """
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{name}: holds a {type(content).__name__}, not named tensors")
    if wrong := [f"{key} ({_what(value)})" for key, value in content.items() if not _is_plain(key, value)]:
        raise CheckpointError(f"{name}: holds other values than tensors: {', '.join(wrong[:5])}")
    return dict(content)


def _is_plain(key: object, value: object) -> bool:
    plain = isinstance(value, Tensor) and value.layout is torch.strided and not value.is_quantized and not value.is_meta
    return plain and isinstance(key, str)


def _what(value: object) -> str:
    return f"{value.layout} {value.dtype}" if isinstance(value, Tensor) else type(value).__name__


def read_torch(path: Path) -> object:
    """The content of a file that ``torch.save`` wrote: tensors, containers, strings and numbers.

    Raises:
        CheckpointError: the file is damaged, or holds pickled objects, which could run any code.
    """
    check_content(path)
    with one_line_errors(str(path)):
        _check_inflation(path)
        try:
            with inert_classes():
                return torch.load(path, map_location="cpu", weights_only=True)
        except pickle.UnpicklingError as error:
            if found := re.search(r"GLOBAL ([\w.]+)", str(error)):
                raise CheckpointError(
                    f"{path}: holds pickled objects ({found[1]}), which could run code: refused. Save plain tensors instead"
                ) from None
            raise CheckpointError(f"{path}: damaged, or not a torch file; copy it again from its source") from None


def peeked(path: Path, suffixes: Sequence[str]) -> object:
    """The content of a torch file by its names, whose tensors are not read yet; ``None`` for any other file.

    Args:
        path: a file or folder.
        suffixes: endings of the names of files that are looked into.
    """
    if path.suffix not in suffixes or not path.is_file() or not zipfile.is_zipfile(path):
        return None
    try:
        with inert_classes():
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except Exception:  # whoever reads the file says what is wrong with it; the unpickler may raise any exception
        return None


def _check_inflation(path: Path) -> None:
    """Refuse an archive that takes more memory than its own size; torch does not compress files.

    Raises:
        CheckpointError: the archive is compressed.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        inside = sum(entry.file_size for entry in archive.infolist())
    if inside > 2 * path.stat().st_size:
        raise CheckpointError(
            f"{path}: {path.stat().st_size} bytes that unpack to {inside}; torch files are not compressed"
        )


def read_torch_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of a file that ``torch.save`` wrote (see `read_torch`)."""
    return only_tensors(read_torch(path), str(path))


READERS = {**SAFETENSORS, "pytorch_model.bin": read_torch_tensors}
"""Name of a weights file of a stock model -> its reader, in the order of preference."""
