"""Tensors out of files: safetensors and torch's own format, whole or in shards. Nothing is ever executed."""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sottovoce.encoder.errors import CheckpointError
from sottovoce.encoder.model_files import Files, read_json

WEIGHTS = ("model.safetensors", "pytorch_model.bin")
"""Names that weights have in a directory, the better one first; or, in shards, with ``.index.json`` behind."""


def read_weights(files: Files) -> dict[str, Tensor]:
    """All tensors of a directory or hub repository.

    Raises:
        CheckpointError: no weights, a missing shard, or a damaged or unsafe file.
    """
    for name in WEIGHTS:
        if (path := files.find(name)) is not None:
            return read_tensors(path)
        if (index := read_json(files, f"{name}.index.json")) is not None:
            return _read_shards(files, f"{name}.index.json", index)
    expected = ", ".join(f"{name} or {name}.index.json" for name in WEIGHTS)
    raise CheckpointError(f"{files.name}: no weights: none of {expected} is there")


def _read_shards(files: Files, index_name: str, index: dict[str, Any]) -> dict[str, Tensor]:
    placed = index.get("weight_map")
    if not isinstance(placed, dict):
        raise CheckpointError(f"{files.name}/{index_name}: has no weight_map")
    tensors: dict[str, Tensor] = {}
    for shard in sorted(set(placed.values())):
        if (path := files.find(shard)) is None:
            raise CheckpointError(f"{files.name}: the shard {shard} that {index_name} names is missing")
        tensors |= read_tensors(path)
    if missing := sorted(placed.keys() - tensors.keys()):
        raise CheckpointError(
            f"{files.name}: {missing[0]} is not in the shard {placed[missing[0]]} that should hold it"
        )
    return tensors


POINTER = b"version https://git-lfs"


def check_content(path: Path) -> None:
    """Raises: CheckpointError: the file is empty, or stands for another one that was not downloaded."""
    with path.open("rb") as file:
        start = file.read(len(POINTER))
    if not start:
        raise CheckpointError(f"{path}: is empty; copy it again from its source")
    if start == POINTER:
        raise CheckpointError(f"{path}: is a Git LFS pointer, not the weights; run `git lfs pull` where it came from")


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of one file.

    Raises:
        CheckpointError: damaged, unsafe, or something else than named tensors.
    """
    content = read_safetensors(path) if path.suffix == ".safetensors" else read_torch(path)
    return only_tensors(content, str(path))


def only_tensors(content: Any, name: str) -> dict[str, Tensor]:
    """``content``, if it is a dictionary of tensors.

    Raises:
        CheckpointError: it is not.
    """
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{name}: holds a {type(content).__name__}, not named tensors")
    if wrong := [f"{key} ({type(value).__name__})" for key, value in content.items() if not isinstance(value, Tensor)]:
        raise CheckpointError(f"{name}: holds something else than tensors: {', '.join(wrong[:5])}")
    return dict(content)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """Raises: CheckpointError: a damaged file."""
    check_content(path)
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path}: damaged ({error}); copy it again from its source") from None


def read_torch(path: Path) -> Any:
    """The content of a file that ``torch.save`` wrote: tensors, containers, strings and numbers.

    Raises:
        CheckpointError: damaged, or holding pickled objects: unpickling those would run whatever code they name.
    """
    check_content(path)
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if found := re.search(r"GLOBAL ([\w.]+)", str(error)):
            raise CheckpointError(
                f"{path}: holds pickled objects ({found[1]}), which could run code: refused. Save plain tensors instead"
            ) from None
        raise CheckpointError(f"{path}: damaged, or no torch file; copy it again from its source") from None
    except (RuntimeError, OSError, EOFError, ValueError, KeyError, AttributeError, IndexError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CheckpointError(f"{path}: damaged ({reason}); copy it again from its source") from None
