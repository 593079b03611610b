"""Speaker models of ESPnet-SPK: a ``.pth`` of the training, or the average of several, with its ``config.yaml``.

A folder may be the one of the training, or what was unpacked from the hub, whose ``meta.yaml`` names both files
(espnet2/spk/espnet_model.py, espnet2/tasks/spk.py). The file is a state dict: frontend, encoder, pooling, projector, loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sottovoce.encoder.loading.model_files import Directory, is_file
from sottovoce.encoder.loading.pretrained import blueprint
from sottovoce.errors import CheckpointError
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_network import TaskNetwork

from ..families.key_map import renamed
from ..formats.tensors import read_torch_tensors
from ..origins import license
from .espnet_heads import HEADS
from .foreign_yaml import CONFIG, tagged_yaml, tagged_yaml_or_nothing
from .s3prl_upstream import check_reading, upstream_of
from .whole_model import WholeModel

META = "meta.yaml"
PARTS = ("encoder", "pooling", "projector")
FILES = f"ESPnet-SPK (.pth with its {CONFIG})"
BEST = "valid.eer.best.pth"
FRONT = "frontend.upstream."
TRAINED_WITH = "loss."
"""The classes of the training speakers, which embeddings do not need."""


def claims(path: Path) -> bool:
    """Whether there is a ``config.yaml`` with an encoder, a pooling and a projector."""
    config = _config_of(path)
    return config is not None and all(isinstance(tagged_yaml_or_nothing(config).get(part), str) for part in PARTS)


def hint(names: Mapping[str, object]) -> str | None:
    """What a state dict lacks that is all there is."""
    if all(any(name.startswith(f"{part}.") for name in names) for part in PARTS):
        return f"tensors of an ESPnet speaker model without the {CONFIG} of its training; copy it beside the file"
    return None


def _named(folder: Path, section: str, key: str) -> Path | None:
    """A file that the ``meta.yaml`` of a folder names, if it is below the folder."""
    files = tagged_yaml_or_nothing(folder / META).get(section) if (folder / META).is_file() else None
    name = files.get(key) if isinstance(files, Mapping) else None
    place = folder / str(name)
    return place if name and place.resolve().is_relative_to(folder.resolve()) and place.is_file() else None


def _config_of(path: Path) -> Path | None:
    if path.is_dir():
        return _named(path, "yaml_files", "train_config") or _beside(path)
    return _beside(path.parent) if path.suffix == ".pth" and is_file(path) else None


def _beside(folder: Path) -> Path | None:
    return folder / CONFIG if (folder / CONFIG).is_file() else None


def _weights_of(path: Path) -> Path:
    """The file with the weights.

    Raises:
        CheckpointError: there is none, or there are several.
    """
    if is_file(path):
        return path
    if (named := _named(path, "files", "model_file")) is not None:
        return named
    if (path / BEST).is_file():
        return path / BEST
    found = sorted(path.glob("*.pth"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found[:5])
        what = f"with {names}; give the path of one of them" if found else "without weights (a .pth)"
        raise CheckpointError(f"{path}: {CONFIG} {what}")
    return found[0]


def load(path: Path) -> WholeModel:
    """The fields of our `TaskConfig`, the weights, and notes.

    Args:
        path: the weights, or a folder with them.

    Raises:
        CheckpointError: parts that cannot be read, or tensors that are missing, left over or misshapen.
    """
    config, file = _config_of(path), _weights_of(path)
    assert config is not None  # `claims` has found it
    settings, tensors, name = tagged_yaml(config), read_torch_tensors(file), str(file)
    kinds = tuple(str(settings.get(part)) for part in PARTS)
    if kinds not in HEADS:
        known = "; ".join(" ".join(each) for each in HEADS)
        raise CheckpointError(
            f"{config}: encoder, pooling, projector are {' '.join(kinds)}; those that can be read: {known}"
        )
    head = HEADS[kinds]
    if settings.get("frontend") != "s3prl":
        raise CheckpointError(
            f"{config}: the frontend is {settings.get('frontend')}; the one that can be read is s3prl"
        )
    conf = settings.get("frontend_conf")
    reading = conf if isinstance(conf, Mapping) else {}
    check_reading(reading, reading.get("frontend_conf"), reading.get("multilayer_feature") is True, config)
    front = {key.removeprefix(FRONT): tensor for key, tensor in tensors.items() if key.startswith(FRONT)}
    encoder, weights, notes = upstream_of(front, name)
    encoder.origin = {"name": file.name, "license": license(Directory(path if path.is_dir() else file.parent))}
    outside = {key: tensor for key, tensor in tensors.items() if not key.startswith((FRONT, TRAINED_WITH))}
    fields: dict[str, Any] = {
        "encoder": encoder,
        "head": head.options(outside, name)
        | {"fusion": {"kind": "sum", "normalize": _normalization(settings, config)}},
        "scoring": "cosine",
        "task": "verification",
    }
    expected = blueprint(TaskNetwork, TaskConfig(**fields))
    expected = {key: tensor for key, tensor in expected.items() if key.startswith("head.")}
    found, _ = renamed(expected, head.prepared(outside, name), head.names, name)
    return WholeModel(fields, {f"encoder.{key}": tensor for key, tensor in weights.items()} | found, notes)


def _normalization(settings: Mapping[str, object], config: Path) -> str:
    """What is normalized over the utterance between the layer sum and the encoder.

    Raises:
        CheckpointError: something else than ``utterance_mvn``.
    """
    kind, options = settings.get("normalize"), settings.get("normalize_conf")
    if kind is None:
        return "none"
    values = options if isinstance(options, Mapping) else {}
    if (
        kind != "utterance_mvn"
        or values.get("norm_means", True) is not True
        or values.get("norm_vars", False) is not False
    ):
        raise CheckpointError(
            f"{config}: normalize is {kind} {dict(values)}; the one that can be read is utterance_mvn of means"
        )
    return "mean"
