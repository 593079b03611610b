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


NON_COMMERCIAL = "Attribution-NonCommercial 4.0"
"""A part of the name of CC BY-NC 4.0."""

NOT_FOR_PROFIT = "nc"
"""The part of the name of a Creative Commons license that forbids commercial use."""


def license(files: Files) -> str | None:
    """The license in the card (``README.md``) of a checkpoint, or the one whose text is beside it (``MODEL_LICENSE`` or
    ``LICENSE``), if that is MIT or CC BY-NC 4.0; ``None`` where nothing says one."""
    return _of_card(files) or _of_text(files)


def license_notes(origin: Origin | None) -> list[str]:
    """What the user should read about the license of a checkpoint; nothing where it allows any use or is not known."""
    license = (origin or {}).get("license")
    if license is None or NOT_FOR_PROFIT not in license.lower().split("-"):
        return []
    return [
        f"{(origin or {}).get('name')}: its license is {license}, which forbids commercial use; models that are made from"
        " it inherit that"
    ]


def _of_text(files: Files) -> str | None:
    for name in ("MODEL_LICENSE", "LICENSE"):
        if (path := files.find(name)) is None:
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        if NON_COMMERCIAL in text:
            return "cc-by-nc-4.0"
        if MIT in text:
            return "mit"
    return None


def _of_card(files: Files) -> str | None:
    if (path := files.find("README.md")) is None:
        return None
    try:
        found = ModelCard(path.read_text(encoding="utf-8"), ignore_metadata_errors=True).data.to_dict()
    except Exception:  # a card that cannot be read has no license; YAML may raise any exception
        return None
    name = found.get("license_name") or found.get("license")
    return str(name) if name else None
