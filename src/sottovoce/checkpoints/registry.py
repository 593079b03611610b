"""Which kind of checkpoint a name stands for, and who reads it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from sottovoce.encoder.config import EncoderConfig
from sottovoce.encoder.errors import CheckpointError

from . import (
    data2vec_audio,
    hubert,
    original_wavlm,
    pruned,
    stock,
    unispeech_sat,
    wav2vec2,
    wav2vec2_bert,
    wav2vec2_conformer,
    wavlm,
)
from .family import Family
from .files import Directory, Files, locate, read_json
from .preprocessor import normalization
from .stock import Loaded
from .tensors import only_tensors, read_safetensors, read_torch, read_weights

FAMILIES: dict[str, Family] = {
    family.name: family
    for family in (
        wavlm.FAMILY,
        hubert.FAMILY,
        wav2vec2.FAMILY,
        data2vec_audio.FAMILY,
        unispeech_sat.FAMILY,
        wav2vec2_bert.FAMILY,
        wav2vec2_conformer.FAMILY,
    )
}
"""Every stock family, by its name in `EncoderConfig`. A new one is one file and one line here."""


def load(name: str | os.PathLike[str], **options: Any) -> Loaded:
    """Read a checkpoint of any kind.

    Args:
        name: a directory or hub id of a stock Transformers model of any head class (or of ours), its weights file, an
            original WavLM ``.pt``, or a pruned checkpoint of DPHuBERT or DiariZen.
        options: for the hub: ``revision``, ``token``, ``cache_dir``, ``local_files_only``, ``force_download``,
            ``subfolder``.

    Returns:
        Our config, our weights by name, and notes that the user should read.

    Raises:
        CheckpointError: nothing there, an unknown kind, damaged, or not fitting its own config.
    """
    path = Path(name)
    return load_file(path) if path.is_file() else load_model(locate(path, options))


def load_file(path: Path) -> Loaded:
    """Read a checkpoint that is one file (see `load`)."""
    content = read_safetensors(path) if path.suffix == ".safetensors" else read_torch(path)
    if not isinstance(content, Mapping):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, not a checkpoint")
    if {"cfg", "model"} <= content.keys():
        return original_wavlm.load(content, str(path))
    if {"state_dict", "config"} <= content.keys():
        return pruned.load(content, str(path))
    if (path.parent / "config.json").is_file():
        return load_model(Directory(path.parent), weights=only_tensors(content, str(path)))
    keys = ", ".join(map(str, list(content)[:5]))
    raise CheckpointError(
        f"{path}: an unknown kind of checkpoint (it holds {keys}, ...) and no config.json beside it. Known are stock "
        "Transformers directories, original WavLM files (cfg, model) and pruned ones (state_dict, config)"
    )


def load_model(files: Files, weights: Mapping[str, Any] | None = None) -> Loaded:
    """Read a directory or hub repository with a ``config.json`` (see `load`)."""
    fields = read_json(files, "config.json")
    if fields is None:
        raise CheckpointError(f"{files.name}: no config.json{_hint(files)}")
    model_type = fields.get("model_type")
    if model_type == EncoderConfig.model_type:
        return EncoderConfig.from_dict(fields), read_weights(files), []
    family = family_of(model_type, files.name)
    theirs = stock.stock_config(family, fields, files.name)
    normalize, notes = normalization(files, family, theirs)
    config = family.encoder_config(theirs, files.name, normalize=normalize)  # refuses before weights are downloaded
    config, loaded, more = stock.convert(family, config, weights or read_weights(files), files.name)
    return config, loaded, notes + more


def family_of(model_type: Any, name: str) -> Family:
    """Raises: CheckpointError: no stock family has this ``model_type``."""
    known = {family.model_type: family for family in FAMILIES.values()}
    if model_type not in known:
        what = (
            "its config.json has no model_type" if model_type is None else f"model_type {model_type!r} is not supported"
        )
        raise CheckpointError(f"{name}: {what}; known are {', '.join(sorted(known))}")
    return known[model_type]


def _hint(files: Files) -> str:
    """Where a directory holds single-file checkpoints, say so."""
    if isinstance(files, Directory):
        found = sorted(p.name for p in files.path.glob("*") if p.suffix in (".pt", ".pth", ".bin", ".ckpt"))
        if found:
            return f", but {', '.join(found[:3])}: give the path of the file"
    return "; a model directory has one"


def from_transformers(model: PreTrainedModel, *, normalize: bool | None = None) -> Loaded:
    """Our config and weights of a stock model in memory; see `load`.

    Args:
        normalize: whether waveforms are to be normalised; default: as is usual for the family.
    """
    family = family_of(model.config.model_type, type(model).__name__)
    return stock.from_transformers(family, model, normalize=normalize)
