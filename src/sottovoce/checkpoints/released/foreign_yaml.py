"""Configs of other programs in YAML. The values of their tags (``!new:``, ``!ref``) are read as plain data, never built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sottovoce.encoder.loading.model_files import is_file
from sottovoce.errors import CheckpointError
from sottovoce.text.yaml_text import Loader, read_text, yaml_value

CONFIG = "config.yaml"


class _Untagged(Loader):
    """Takes a tagged value for what it is without the tag."""


def _plain(loader: _Untagged, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.MappingNode):
        return loader.construct_mapping(node, deep=True)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.ScalarNode)
    return loader.construct_scalar(node)


_Untagged.add_multi_constructor("", _plain)


def tagged_yaml(path: Path) -> dict[str, object]:
    """The content of a config of another program.

    Raises:
        CheckpointError: it cannot be read, or is not a mapping.
    """
    try:
        content = yaml_value(read_text(path, CheckpointError), _Untagged)
    except ValueError as error:
        raise CheckpointError(f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds a {type(content).__name__}, not settings by name")
    return content


def tagged_yaml_or_nothing(path: Path) -> dict[str, object]:
    """The content of a config; nothing if it cannot be read, which whoever it belongs to says."""
    try:
        return tagged_yaml(path)
    except CheckpointError:
        return {}


def config_of(path: Path, suffixes: tuple[str, ...]) -> Path | None:
    """The ``config.yaml`` of a folder, or of weights in it or in a folder of it such as ``models``; ``None`` if there is none.

    Args:
        path: the folder or the weights.
        suffixes: how the names of weights end.
    """
    places: tuple[Path, ...] = (path,) if path.is_dir() else ()
    if path.suffix in suffixes and is_file(path):
        places = path.parent, path.parent.parent
    return next((place / CONFIG for place in places if is_file(place / CONFIG)), None)
