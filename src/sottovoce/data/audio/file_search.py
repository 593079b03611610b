"""The files below a folder, without hidden files, which include those of macOS (``._*``)."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from ...errors import AudioError
from .sources import is_stream, name_of
from .suffixes import AUDIO

_log = logging.getLogger(__name__)


@dataclass
class FoundFiles:
    """The files below a folder.

    Attributes:
        files: the files with one of the suffixes, sorted; all files where no suffixes are given.
        hidden: number of files skipped because they, or their folder, are hidden.
        others: suffix -> number of the other files.
    """

    files: list[Path] = field(default_factory=list)
    hidden: int = 0
    others: Counter[str] = field(default_factory=Counter)


def find_files(folder: Path, suffixes: Collection[str] | None = None, *, links: bool = False) -> FoundFiles:
    """Find files below a folder; a warning counts the hidden ones that are skipped.

    Args:
        folder: the folder to search.
        suffixes: suffixes of the files, in lower case; ``None`` for all files.
        links: whether symbolic links to folders are followed.
    """
    found, seen = FoundFiles(), set[str]()
    for place, folders, names in os.walk(folder, followlinks=links):
        if links:
            if (real := os.path.realpath(place)) in seen:  # a link to a folder above itself
                folders.clear()
                continue
            seen.add(real)
        inside = os.path.relpath(place, folder)
        hides = inside != "." and any(part.startswith(".") for part in Path(inside).parts)
        for name in names:
            path, suffix = Path(place) / name, os.path.splitext(name)[1].lower()
            if hides or name.startswith("."):
                found.hidden += suffixes is None or suffix in suffixes
            elif suffixes is None or suffix in suffixes:
                if path.is_file():
                    found.files.append(path)
            else:
                found.others[suffix or name] += 1
    found.files.sort()
    if found.hidden:
        _log.warning("%s: skipped %d hidden files (named .*)", folder, found.hidden)
    return found


def audio_files(path: str | Path) -> list[Path]:
    """All audio files below a folder, sorted. For a file, standard input or a named pipe, a list of it alone.

    Raises:
        AudioError: the path does not exist, or the folder has no audio files.
    """
    path = Path(path)
    if is_stream(path) or path.is_file():
        return [path]
    files = find_files(path, AUDIO).files
    if not files:
        what = "no audio file in it" if path.is_dir() else "no such file or folder"
        raise AudioError(f"{name_of(path)}: {what}; give a file or a folder of speech")
    return files
