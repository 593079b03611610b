"""YAML with the tags of other programs (``!new:``, ``!ref``), whose values are read as plain data and never built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from sottovoce.errors import CheckpointError
from sottovoce.text.yaml_text import Loader, read_text, yaml_value


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
