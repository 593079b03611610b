"""Tensors out of the weight files of a directory, whole or in shards. Nothing is ever executed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from ...errors import CheckpointError
from ...text.one_line import one_line_errors
from .model_files import Files, find_shard, read_json

Reader = Callable[[Path], dict[str, Tensor]]

POINTER = b"version https://git-lfs"


def check_content(path: Path) -> None:
    """Raises: CheckpointError: the file is empty, or stands for another one that was not downloaded."""
    with one_line_errors(str(path)), path.open("rb") as file:
        start = file.read(len(POINTER))
    if not start:
        raise CheckpointError(f"{path}: is empty; copy it again from its source")
    if start == POINTER:
        raise CheckpointError(f"{path}: is a Git LFS pointer, not the weights; run `git lfs pull` where it came from")


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The named tensors of a file.

    They are copied: the library gives views of the file itself, which change when it is written to, and whose places in
    memory are such that sums come out otherwise in the last bit.

    Raises:
        CheckpointError: a damaged file, or one that may not be read.
    """
    check_content(path)
    with one_line_errors(str(path)):
        return {name: tensor.clone() for name, tensor in load_file(path).items()}


SAFETENSORS: dict[str, Reader] = {"model.safetensors": read_safetensors}
"""Name of a weights file -> what reads it; or, in shards, with ``.index.json`` behind."""


def read_weights(files: Files, readers: Mapping[str, Reader] = SAFETENSORS) -> dict[str, Tensor]:
    """All tensors of a directory or hub repository.

    Args:
        files: of the model.
        readers: of the weight files there may be, the better ones first.

    Raises:
        CheckpointError: no weights, a missing shard, or a damaged or unsafe file.
    """
    for name, read in readers.items():
        if (path := files.find(name)) is not None:
            return read(path)
        if (index := read_json(files, f"{name}.index.json")) is not None:
            return _read_shards(files, f"{name}.index.json", index, read)
    expected = ", ".join(f"{name} or {name}.index.json" for name in readers)
    raise CheckpointError(f"{files.name}: no weights: none of {expected} is there")


def _read_shards(files: Files, index_name: str, index: Mapping[str, object], read: Reader) -> dict[str, Tensor]:
    placed = index.get("weight_map")
    if not isinstance(placed, dict) or not all(isinstance(shard, str) for shard in placed.values()):
        raise CheckpointError(f"{files.name}/{index_name}: has no weight_map that says which tensor is in which shard")
    tensors: dict[str, Tensor] = {}
    for shard in sorted(set(placed.values())):
        tensors |= read(find_shard(files, shard, index_name))
    if missing := sorted(placed.keys() - tensors.keys()):
        raise CheckpointError(
            f"{files.name}: {missing[0]} is not in the shard {placed[missing[0]]} that should hold it"
        )
    return tensors
