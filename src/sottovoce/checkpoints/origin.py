"""Where weights come from: the name of a checkpoint and its license, which stay with every model made of it."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import ModelCard

from sottovoce.encoder.loading.model_files import Files
from sottovoce.encoder.loading.model_names import HUB_ID

Origin = dict[str, str | None]
"""``name``: a hub id, or the last part of a path; ``license``: as the checkpoint's card says it, if it has one."""


def origin(files: Files) -> Origin:
    """Name and license of a checkpoint."""
    return {"name": name_of(files.name), "license": license(files)}


def name_of(source: str) -> str:
    """A name that says nothing of the machine: a hub id as it is, of any other path the last part."""
    return source if HUB_ID.fullmatch(source) and ".." not in source else Path(source).resolve().name


def license(files: Files) -> str | None:
    """What the checkpoint's card (``README.md``) says of its license; ``None`` where it says nothing."""
    if (path := files.find("README.md")) is None:
        return None
    try:
        found = ModelCard(path.read_text(encoding="utf-8"), ignore_metadata_errors=True).data.to_dict()
    except Exception:  # a card that nobody can read is one that says nothing: YAML raises what it likes
        return None
    name = found.get("license_name") or found.get("license")
    return str(name) if name else None
