"""Where a checkpoint's files are: a directory, or a repository of the hub."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from .errors import CheckpointError

HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


class Files(Protocol):
    """A named set of files."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def find(self, filename: str) -> Path | None:
        """The local path of a file; ``None`` where there is no such file."""


@dataclass(frozen=True)
class Directory:
    """The files of a local directory."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def find(self, filename: str) -> Path | None:
        path = self.path / filename
        return path if path.is_file() else None


@dataclass(frozen=True)
class Hub:
    """The files of a repository on the hub, downloaded into its cache when they are asked for.

    Args:
        name: ``organisation/model``.
        options: ``revision``, ``token``, ``cache_dir``, ``local_files_only``, ``force_download``, ``subfolder``.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def find(self, filename: str) -> Path | None:
        from huggingface_hub import hf_hub_download
        from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

        try:
            return Path(hf_hub_download(self.name, filename, **self.options))
        except LocalEntryNotFoundError as error:
            # Without a connection nobody knows whether the file exists; but without a config nothing can be loaded.
            if filename != "config.json":
                return None
            raise CheckpointError(
                f"{self.name}: no such directory here, not in the hub's cache, and the hub cannot be reached"
            ) from error
        except EntryNotFoundError:
            return None
        except Exception as error:  # whatever the HTTP library of the day raises
            reason = " ".join(str(error).split())
            reason = reason if len(reason) <= 160 else reason[:160].rsplit(" ", 1)[0] + " ..."
            raise CheckpointError(
                f"{self.name}: no such directory here, and the hub says {type(error).__name__}: {reason}"
            ) from None


def locate(name: str | Path, options: dict[str, Any] | None = None) -> Files:
    """The files of a directory or hub id.

    Raises:
        CheckpointError: there is no such directory, and the name cannot be a hub id.
    """
    path, options = Path(name), dict(options or {})
    if path.is_dir():
        return Directory(path / (options.get("subfolder") or ""))
    if path.exists() or not HUB_ID.fullmatch(str(name)):
        raise CheckpointError(f"{name}: no such file or directory")
    return Hub(str(name), options)


def read_json(files: Files, filename: str) -> dict[str, Any] | None:
    """The content of a JSON file; ``None`` where there is no such file.

    Raises:
        CheckpointError: it is not a JSON object.
    """
    if (path := files.find(filename)) is None:
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # no JSON, no text, a number of 5,000 digits, 5,000 brackets
        raise CheckpointError(f"{path}: not valid JSON ({error})") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds a JSON {type(content).__name__}, not an object")
    return content
