"""What the name of a model stands for. A name that looks like a path is never looked up on the hub."""

from __future__ import annotations

import os
import re
from collections.abc import Container
from pathlib import Path

from ...errors import CheckpointError
from ...text.suggestions import nearest
from .provider import Provider

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")

SUFFIXES = (".bin", ".ckpt", ".json", ".onnx", ".pt", ".pth", ".safetensors", ".wav", ".yaml", ".yml", ".zip")
"""Endings of files. They are listed because models on the hub may have dots in their names too (``w2v-bert-2.0``)."""

RECIPE_NAMES: Provider[Container[str]] = Provider()
"""Names of the recipes that come with sottovoce."""


def hub_id(name: str) -> str:
    """``name``, if it can only be a model on the hub: ``owner/model``.

    Args:
        name: a name that is no file or directory here.

    Raises:
        CheckpointError: the name is that of a recipe, has no owner, or is a mistyped path; the message suggests a path.
    """
    near = nearest_path(name)
    if near is None and HUB_ID.fullmatch(name) and not _like_a_path(name):
        return name
    short = name if len(name) <= 200 and name.isprintable() else f"{name[:200]!r}..."
    if near is not None:
        raise CheckpointError(f"{short}: no such file or directory; did you mean {near}?")
    if _is_recipe(name):
        raise CheckpointError(
            f"{short}: is a recipe, not a model; carry it out (sottovoce compress {short}), and give a model of its run, such "
            f"as runs/{short}/models/STAGE"
        )
    raise CheckpointError(
        f"{short}: no such file or directory; a model is a directory, a file, or on the hub with its owner "
        "(microsoft/wavlm-base-plus)"
    )


def _like_a_path(name: str) -> bool:
    return (
        name.startswith((".", "~", "/"))
        or name.lower().endswith(SUFFIXES)
        or os.path.isdir(name.split("/")[0])  # its folder exists
    )


def nearest_path(name: str) -> str | None:
    """An existing path whose parts differ from those of ``name`` only by typing errors; ``None`` where there is none."""
    if not name or "\0" in name or len(name) > 4096:
        return None
    parts = Path(os.path.expanduser(name)).parts
    if not parts:
        return None
    found = Path(parts[0]) if os.path.isabs(parts[0]) else Path()
    for part in parts[1:] if os.path.isabs(parts[0]) else parts:
        if part == ".." or os.path.lexists(found / part):
            found = found / part
            continue
        try:
            beside = os.listdir(found)
        except OSError:
            return None
        if (near := nearest(part, beside, likeness=0.75)) is None:
            return None
        found = found / near
    return str(found)


def _is_recipe(name: str) -> bool:
    """Whether a recipe of this name comes with sottovoce; none does with code that was copied into a model directory."""
    return name in (RECIPE_NAMES.get() or ())
