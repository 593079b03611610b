"""The files of a model: those of a directory or of a repository on the hub."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Protocol

from ...errors import CheckpointError
from ...text.one_line import reason, unreadable
from .hub import download
from .model_names import hub_id

LARGEST_JSON = 2**26
"""Largest size of a JSON file in bytes; the largest vocabularies take a tenth of it."""


class Files(Protocol):
    """The files of a model."""

    @property
    def name(self) -> str:
        """The name of the model in messages."""

    def find(self, filename: str) -> Path | None:
        """The local path of a file; ``None`` where there is no such file.

        Raises:
            CheckpointError: it is not a regular file, or may not be read.
        """


@dataclass(frozen=True)
class Directory:
    """The files of a local directory.

    Args:
        path: the directory.
    """

    path: Path

    @property
    def name(self) -> str:
        return str(self.path)

    def find(self, filename: str) -> Path | None:
        return existing(self.path / filename)


def is_file(path: Path) -> bool:
    """Whether a path is a file.

    Raises:
        CheckpointError: its folder may not be read.
    """
    try:
        return path.is_file()
    except PermissionError:
        raise unreadable(path) from None
    except (OSError, ValueError):  # a name that no file can have
        return False


def existing(path: Path) -> Path | None:
    """``path``, if it is a file; ``None`` if it does not exist.

    Raises:
        CheckpointError: it is not a regular file, or its folder may not be read.
    """
    try:
        mode = path.stat().st_mode
    except PermissionError:
        raise unreadable(path) from None
    except (OSError, ValueError):  # no such file, a broken link, a name that no file can have
        return None
    if not stat.S_ISREG(mode):
        what = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise CheckpointError(f"{path}: is {what}; a model has a file there")
    return path


@dataclass(frozen=True)
class Hub:
    """The files of a repository on the hub, which are downloaded into its cache when they are needed.

    Args:
        name: ``organization/model``.
        options: ``revision``, ``token``, ``cache_dir``, ``local_files_only``, ``force_download``, ``subfolder``.
    """

    name: str
    options: dict[str, object] = field(default_factory=dict)

    def find(self, filename: str) -> Path | None:
        return download(self.name, filename, self.options)


def locate(name: str | Path, options: Mapping[str, object] | None = None) -> Files:
    """The files of a directory or hub id.

    Raises:
        CheckpointError: there is no such directory, and the name is no hub id, see `hub_id`.
    """
    path, options = Path(name), dict(options or {})
    try:
        mode = path.stat().st_mode
    except PermissionError:
        raise unreadable(path) from None
    except (OSError, ValueError):
        mode = 0
    if stat.S_ISDIR(mode):
        return Directory(path / str(options.get("subfolder") or ""))
    if mode:
        raise CheckpointError(f"{name}: is a file, not a directory of a model")
    return Hub(hub_id(str(name)), options)


def read_json(files: Files, filename: str) -> dict[str, object] | None:
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


def model_type(fields: Mapping[str, object] | None) -> str | None:
    """The ``model_type`` in the content of a ``config.json``; ``None`` where it has none."""
    found = (fields or {}).get("model_type")
    return found if isinstance(found, str) else None


def find_shard(files: Files, shard: str, index: str) -> Path:
    """The file of a shard that an index names, which must be beside the index or below it.

    Args:
        files: the files of the model.
        shard: name of the shard in the index.
        index: name of the index, for messages.

    Raises:
        CheckpointError: the name or a link leads out of the directory, or the shard is missing.
    """
    pure = PurePosixPath(shard)
    if pure.is_absolute() or PureWindowsPath(shard).drive or ".." in pure.parts or "\\" in shard:
        raise CheckpointError(
            f"{files.name}: {index} names the shard {shard[:60]!r}, which is no file of the directory; copy the index again"
        )
    if (path := files.find(shard)) is None:
        raise CheckpointError(f"{files.name}: the shard {shard[:60]} that {index} names is missing; copy it there")
    if isinstance(files, Directory) and not _inside(path, files.path):
        raise CheckpointError(
            f"{files.name}: the shard {shard[:60]} is a link out of the directory; copy the file itself there"
        )
    return path


def _inside(path: Path, directory: Path) -> bool:
    """Whether a file is in a directory, or in the blobs of the hub's cache, to which a snapshot links."""
    real = path.resolve()
    if real.is_relative_to(directory.resolve()):
        return True
    here = Path(os.path.abspath(directory))
    caches = [each.parent for each in (here, *here.parents) if each.name == "snapshots"]
    return any(real.is_relative_to((cache / "blobs").resolve()) for cache in caches)
