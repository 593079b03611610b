"""The origin of weights: name and license of their checkpoint, which every model made from it keeps."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import ModelCard

from sottovoce.encoder.loading.model_files import Files
from sottovoce.encoder.loading.model_names import HUB_ID

Origin = dict[str, str | None]
"""``name``: a hub id, or the last part of a path; ``license``: as in the card of the checkpoint, or ``None``."""


def origin(files: Files) -> Origin:
    """Name and license of a checkpoint."""
    return {"name": name_of(files.name), "license": license(files)}


def name_of(source: str) -> str:
    """A name without folders of this machine: a hub id, or the last part of a path."""
    return source if HUB_ID.fullmatch(source) and ".." not in source else Path(source).resolve().name


MIT = "Permission is hereby granted, free of charge, to any person obtaining a copy"
"""The sentence with which the MIT license begins."""


def license(files: Files) -> str | None:
    """The license in the card (``README.md``) of a checkpoint, or ``mit`` if the license beside it (``LICENSE``) is that;
    ``None`` where neither says one."""
    return _of_card(files) or _of_text(files)


def _of_text(files: Files) -> str | None:
    if (path := files.find("LICENSE")) is None:
        return None
    return "mit" if MIT in path.read_text(encoding="utf-8", errors="replace") else None


def _of_card(files: Files) -> str | None:
    if (path := files.find("README.md")) is None:
        return None
    try:
        found = ModelCard(path.read_text(encoding="utf-8"), ignore_metadata_errors=True).data.to_dict()
    except Exception:  # a card that cannot be read has no license; YAML may raise any exception
        return None
    name = found.get("license_name") or found.get("license")
    return str(name) if name else None
