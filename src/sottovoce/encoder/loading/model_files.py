"""Where a checkpoint's files are: a directory, or a repository of the hub."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, Protocol

from ...errors import CheckpointError
from ...text.one_line import reason, unreadable
from .hub import download
from .model_names import hub_id

LARGEST_JSON = 2**26
"""Bytes; the largest vocabularies have a tenth of it."""


class Files(Protocol):
    """A named set of files."""

    @property
    def name(self) -> str:
        """What messages call it."""

    def find(self, filename: str) -> Path | None:
        """The local path of a file; ``None`` where there is no such file.

        Raises:
            CheckpointError: it is there, but no file, or nobody may look at it.
        """


@dataclass(frozen=True)
class Directory:
    """The files of a local directory."""

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def find(self, filename: str) -> Path | None:
        return existing(self.path / filename)


def is_file(path: Path) -> bool:
    """Whether a path is a file.

    Raises:
        CheckpointError: nobody may look.
    """
    try:
        return path.is_file()
    except PermissionError:
        raise unreadable(path) from None
    except (OSError, ValueError):  # a name that no file can have
        return False


def existing(path: Path) -> Path | None:
    """``path``, if it is a file; ``None`` where nothing is.

    Raises:
        CheckpointError: something else than a file is there, or nobody may look.
    """
    try:
        mode = path.stat().st_mode
    except PermissionError:
        raise unreadable(path) from None
    except (OSError, ValueError):  # nothing there, a link to nothing, a name that no file can have
        return None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise CheckpointError(f"{path}: is {what}; a model has a file there")
    return path


@dataclass(frozen=True)
class Hub:
    """The files of a repository on the hub, downloaded into its cache when they are asked for.

    Args:
        name: ``organization/model``.
        options: ``revision``, ``token``, ``cache_dir``, ``local_files_only``, ``force_download``, ``subfolder``.
    """

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def find(self, filename: str) -> Path | None:
        return download(self.name, filename, self.options)


def locate(name: str | Path, options: dict[str, Any] | None = None) -> Files:
    """The files of a directory or hub id.

    Raises:
        CheckpointError: there is no such directory, and the name cannot be a hub id, see `hub_id`.
    """
    path, options = Path(name), dict(options or {})
    try:
        mode = path.stat().st_mode
    except PermissionError:
        raise unreadable(path) from None
    except (OSError, ValueError):
        mode = 0
    if stat.S_ISDIR(mode):
        return Directory(path / (options.get("subfolder") or ""))
    if mode:
        raise CheckpointError(f"{name}: is a file, not a directory of a model")
    return Hub(hub_id(str(name)), options)


def read_json(files: Files, filename: str) -> dict[str, Any] | None:
    """The content of a JSON file; ``None`` where there is no such file.

    Raises:
        CheckpointError: it is not a JSON object, or cannot be read.
    """
    if (path := files.find(filename)) is None:
        return None
    try:
        if (size := path.stat().st_size) > LARGEST_JSON:
            raise CheckpointError(f"{path}: has {size} bytes; no file of this kind has more than {LARGEST_JSON}")
        content = json.loads(path.read_text(encoding="utf-8"))
    except PermissionError:
        raise unreadable(path) from None
    except CheckpointError:
        raise
    except (OSError, ValueError, RecursionError) as error:  # no JSON, no text, a number of 5,000 digits, 5,000 brackets
        raise CheckpointError(f"{path}: not valid JSON ({reason(error)})") from None
    if not isinstance(content, dict):
        raise CheckpointError(f"{path}: holds a JSON {type(content).__name__}, not an object")
    return content


def model_type(fields: Mapping[str, Any] | None) -> str | None:
    """What the content of a ``config.json`` says that the model is; ``None`` where it says nothing."""
    found = (fields or {}).get("model_type")
    return found if isinstance(found, str) else None


def find_shard(files: Files, shard: Any, index: str) -> Path:
    """The file of a shard that an index names: one beside it or below it, wherever the name tries to lead.

    Raises:
        CheckpointError: a name that leads out of the directory, itself or through a link, or a shard that is missing.
    """
    pure = PurePosixPath(shard) if isinstance(shard, str) else None
    if pure is None or pure.is_absolute() or PureWindowsPath(shard).drive or ".." in pure.parts or "\\" in shard:
        raise CheckpointError(
            f"{files.name}: {index} names the shard {str(shard)[:60]!r}, which is no file of the directory"
        )
    if (path := files.find(shard)) is None:
        raise CheckpointError(f"{files.name}: the shard {shard[:60]} that {index} names is missing")
    if isinstance(files, Directory) and not _inside(path, files.path):
        raise CheckpointError(
            f"{files.name}: the shard {shard[:60]} is a link out of the directory; copy the file itself there"
        )
    return path


def _inside(path: Path, directory: Path) -> bool:
    """Whether a file lies in a directory, or where the hub's cache keeps the files that a snapshot links to."""
    real = path.resolve()
    if real.is_relative_to(directory.resolve()):
        return True
    here = Path(os.path.abspath(directory))
    caches = [each.parent for each in (here, *here.parents) if each.name == "snapshots"]
    return any(real.is_relative_to((cache / "blobs").resolve()) for cache in caches)
