"""Tensors from the weight files of a model, whole or in shards. No code from a file is ever executed."""

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
    """Refuse a file without weights.

    Raises:
        CheckpointError: the file is empty, or is a Git LFS pointer to a file that was not downloaded.
    """
    with one_line_errors(str(path)), path.open("rb") as file:
        start = file.read(len(POINTER))
    if not start:
        raise CheckpointError(f"{path}: is empty; copy it again from its source")
    if start == POINTER:
        raise CheckpointError(f"{path}: is a Git LFS pointer, not the weights; run `git lfs pull` where it came from")


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name.

    They are copies, because the library returns views of the file, which change when it is written to, and whose alignment
    in memory changes the last bit of sums.

    Raises:
        CheckpointError: the file is damaged or may not be read.
    """
    check_content(path)
    with one_line_errors(str(path)):
        return {name: tensor.clone() for name, tensor in load_file(path).items()}


SAFETENSORS: dict[str, Reader] = {"model.safetensors": read_safetensors}
"""Name of a weights file -> its reader. The index of a file in shards has the same name and ``.index.json``."""


def read_weights(files: Files, readers: Mapping[str, Reader] = SAFETENSORS) -> dict[str, Tensor]:
    """All tensors of a directory or hub repository.

    Args:
        files: the files of the model.
        readers: name of a weights file -> its reader, in the order of preference.

    Raises:
        CheckpointError: no weights, a missing shard, or a damaged or unsafe file.
    """
    for name, read in readers.items():
        if (path := files.find(name)) is not None:
            return read(path)
        if (index := read_json(files, f"{name}.index.json")) is not None:
            return _read_shards(files, f"{name}.index.json", index, read)
    expected = ", ".join(f"{name} or {name}.index.json" for name in readers)
    raise CheckpointError(f"{files.name}: no weights; it must have one of {expected}")


def _read_shards(files: Files, index_name: str, index: Mapping[str, object], read: Reader) -> dict[str, Tensor]:
    shards = index.get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(shard, str) for shard in shards.values()):
        raise CheckpointError(f"{files.name}/{index_name}: has no weight_map that says which tensor is in which shard")
    tensors: dict[str, Tensor] = {}
    for shard in sorted(set(shards.values())):
        tensors |= read(find_shard(files, shard, index_name))
    if missing := sorted(shards.keys() - tensors.keys()):
        raise CheckpointError(
            f"{files.name}: {missing[0]} is not in the shard {shards[missing[0]]} that should hold it"
        )
    return tensors
