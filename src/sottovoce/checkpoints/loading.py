"""Loading a checkpoint of any format: finds out the format and calls its reader."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor
from transformers import PreTrainedConfig

from sottovoce.encoder.config import EncoderConfig
from sottovoce.encoder.loading.model_files import Directory, Files, is_file, locate, model_type, read_json
from sottovoce.encoder.loading.weight_files import read_safetensors, read_weights
from sottovoce.errors import CheckpointError
from sottovoce.text.one_line import one_line_errors

from .families.family import Family
from .families.known import family_of, find_family
from .formats import dphubert_diarizen, original_wavlm, stock, task_heads
from .formats.preprocessor import normalization
from .formats.stock import Loaded
from .formats.tensors import READERS, only_tensors, read_torch
from .origins import license_notes, origin
from .released.known import released_files, released_format, released_hint

if TYPE_CHECKING:
    from transformers import PreTrainedModel


class FileFormat(Protocol):
    """A module that reads files in which a config and the weights are stored together."""

    KEYS: frozenset[str]
    """The keys at the top level of such a file."""

    def load(self, content: Mapping[str, object], name: str) -> Loaded:
        """Our config and weights of a file's content, and notes.

        Raises:
            CheckpointError: a config that is not supported, or tensors that do not fit it.
        """


FILE_FORMATS: tuple[FileFormat, ...] = (original_wavlm, dphubert_diarizen)


def load(name: str | os.PathLike[str], files: Files | None = None, **options: object) -> Loaded:
    """Read a checkpoint of any format.

    Args:
        name: a directory or hub id of a stock Transformers model of any head class (or of sottovoce), its weights file, an
            original WavLM ``.pt``, a pruned checkpoint of DPHuBERT or DiariZen, or a released model, see `released`.
        files: the files of a directory or hub id, if they are known already.
        options: for the hub: ``revision``, ``token``, ``cache_dir``, ``local_files_only``, ``force_download``,
            ``subfolder``.

    Returns:
        Our config, our weights by name, and notes that the user should read.

    Raises:
        CheckpointError: there is no checkpoint, its format is unknown, it is damaged, or its weights do not fit the config.
    """
    path = Path(name)
    with one_line_errors(str(name)):
        if (released := released_format(path)) is not None:
            whole = released.load(path)
            weights = {k.removeprefix("encoder."): v for k, v in whole.weights.items() if k.startswith("encoder.")}
            return whole.encoder, weights, whole.notes + license_notes(whole.encoder.origin)
        return load_file(path) if is_file(path) else load_model(files or locate(path, options))


def load_file(path: Path) -> Loaded:
    """Read a checkpoint that is one file (see `load`)."""
    content = _content(path)
    if (file_format := _file_format(content)) is not None:
        config, weights, notes = file_format.load(content, str(path))
        config.origin = {"name": path.name, "license": None}
        return config, weights, notes
    return load_model(_directory_of(path, content), weights=only_tensors(content, str(path)))


def _content(path: Path) -> Mapping[str, Any]:
    content = read_safetensors(path) if path.suffix == ".safetensors" else read_torch(path)
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, not a checkpoint")
    return content


def _file_format(content: Mapping[str, Any]) -> FileFormat | None:
    """The format of a file that holds its own config; ``None`` where it holds none."""
    return next((each for each in FILE_FORMATS if content.keys() >= each.KEYS), None)


def _directory_of(path: Path, content: Mapping[str, Any]) -> Directory:
    """The directory of a weights file, if it has a config.

    Raises:
        CheckpointError: it has none.
    """
    files = Directory(path.parent)
    if files.find("config.json") is not None:
        return files
    if (hint := released_hint(content)) is not None:
        raise CheckpointError(f"{path}: {hint}")
    held = ", ".join(map(str, list(content)[:5])) + ", ..." * (len(content) > 5) or "nothing"
    raise CheckpointError(
        f"{path}: an unknown format (it holds {held}) and no config.json beside it. Known are stock "
        "Transformers directories, original WavLM files (cfg, model), pruned ones (state_dict, config), and released models:"
        f" {released_files()}"
    )


def load_model(files: Files, weights: Mapping[str, Tensor] | None = None) -> Loaded:
    """Read a directory or hub repository with a ``config.json`` (see `load`)."""
    fields = _config(files)
    if model_type(fields) == EncoderConfig.model_type:
        return EncoderConfig.from_file(fields, files.name), dict(weights or read_weights(files)), []
    found = _stock(files, fields)
    config, loaded, more = stock.convert(
        found.family, found.config, weights or read_weights(files, READERS), files.name
    )
    return config, loaded, found.notes + more


def load_task(
    name: str | os.PathLike[str], files: Files | None = None, **options: object
) -> tuple[dict[str, object], dict[str, Tensor], list[str]]:
    """Read a checkpoint in another format with its head.

    Args:
        name: a directory or hub id of a stock class whose head is known, see `task_heads.HEADS`, or its weights file; or a
            released model, see `released`.
        files: see `load`.
        options: see `load`.

    Returns:
        The fields of our `TaskConfig`, our weights by name, and notes that the user should read.

    Raises:
        CheckpointError: as `load`; or the head is unknown, or its tokenizer is missing or does not fit.
    """
    path, weights = Path(name), None
    with one_line_errors(str(name)):
        if (released := released_format(path)) is not None:
            whole = released.load(path)
            return whole._replace(notes=whole.notes + license_notes(whole.encoder.origin))
        if is_file(path):
            content = _content(path)
            if _file_format(content) is not None:
                raise CheckpointError(f"{path}: an encoder without a head; SpeechEncoder.from_pretrained takes it")
            files, weights = _directory_of(path, content), only_tensors(content, str(path))
        return _load_task(files or locate(path, options), weights)


def _load_task(
    files: Files, weights: Mapping[str, Tensor] | None
) -> tuple[dict[str, Any], dict[str, Tensor], list[str]]:
    fields = _config(files)
    found = _stock(files, fields)
    kind = task_heads.head_class(found.family, fields)
    if kind is None:
        raise task_heads.refusal(files.name, fields)
    tensors = weights or read_weights(files, READERS)
    outside = stock.head_tensors(tensors, found.family, files.name)
    head = task_heads.convert_head(kind, found.theirs, outside, files)
    rest = {name: tensor for name, tensor in tensors.items() if name not in head.used}
    config, loaded, more = stock.convert(found.family, found.config, rest, files.name)
    ours = {f"encoder.{k}": v for k, v in loaded.items()} | {f"head.{k}": v for k, v in head.weights.items()}
    return {"encoder": config, **head.fields}, ours, found.notes + more


def has_task(name: str | os.PathLike[str], fields: Mapping[str, object]) -> bool:
    """Whether `load_task` can read a model with its head: a released one, or a stock class with a head that is known.

    Args:
        name: a directory, file or hub id.
        fields: content of its ``config.json``; empty where there is none.
    """
    if released_format(Path(name)) is not None:
        return True
    family = find_family(model_type(fields))
    return family is not None and task_heads.head_class(family, fields) is not None


@dataclass(frozen=True)
class _Stock:
    """A stock checkpoint before its weights are read."""

    family: Family
    theirs: PreTrainedConfig
    config: EncoderConfig
    notes: list[str]


def _config(files: Files) -> dict[str, Any]:
    fields = read_json(files, "config.json")
    if fields is None:
        raise CheckpointError(f"{files.name}: no config.json{_hint(files)}")
    return fields


def _stock(files: Files, fields: dict[str, Any]) -> _Stock:
    family = family_of(model_type(fields), files.name)
    theirs = stock.stock_config(family, fields, files.name)
    normalize, notes = normalization(files, family, theirs)
    # What is not supported is refused before weights are downloaded.
    config = family.encoder_config(theirs, files.name, normalize=normalize)
    config.origin = origin(files)
    return _Stock(family, theirs, config, notes)


def _hint(files: Files) -> str:
    """A remedy for a missing config: the path of a file in the directory that may be a checkpoint by itself."""
    if isinstance(files, Directory):
        if (files.path / "adapter_config.json").is_file():
            return ", only LoRA weights (adapter_config.json): merge them into their model with peft, and give that"
        found = sorted(p.name for p in files.path.glob("*") if p.suffix in (".pt", ".pth", ".bin", ".ckpt"))
        if found:
            return f", but {', '.join(found[:3])}: give the path of the file"
    return "; a model directory has one"


def from_transformers(model: PreTrainedModel, *, normalize: bool | None = None) -> Loaded:
    """Our config, weights and notes of a stock model in memory, as `load` returns them.

    Args:
        model: a stock model of a known family.
        normalize: whether waveforms are normalized first; default: as usual for the family.

    Raises:
        CheckpointError: a model of no known family, or with parts that are not supported.
    """
    family = family_of(model.config.model_type, type(model).__name__)
    return stock.from_transformers(family, model, normalize=normalize)
