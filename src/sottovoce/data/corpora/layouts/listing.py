"""Functions that layouts share: they read lines, JSON lines and times, and find the audio files that a list names."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

from ....errors import DataError
from ....text.text_files import lines
from ...audio.file_search import find_files
from ...audio.suffixes import AUDIO

JsonObject: TypeAlias = dict[str, object]
"""A parsed JSON object."""


def read_texts(path: Path, faults: list[str]) -> Iterator[tuple[str, str]]:
    """Place (``file line 7``) and text of each line that is not empty; a file that cannot be read is a fault."""
    try:
        for number, line in lines(path):
            if line.strip():
                yield f"{path} line {number}", line
    except DataError as error:
        faults.append(str(error))


def read_lines(path: Path, faults: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Place and blank-separated columns of each line that is not empty."""
    for where, line in read_texts(path, faults):
        yield where, line.split()


def read_json_lines(path: Path, faults: list[str]) -> Iterator[tuple[str, JsonObject]]:
    """Place and JSON object of each line that is not empty; any other line is a fault."""
    for where, line in read_texts(path, faults):
        try:
            item = json.loads(line)
        except (ValueError, RecursionError) as error:
            faults.append(f"{where}: no JSON ({error})")
            continue
        if isinstance(item, dict):
            yield where, item
        else:
            faults.append(f"{where}: a JSON {type(item).__name__}, not an object in braces")


def parse_seconds(value: object, what: str, where: str, faults: list[str]) -> float | None:
    """``value`` as a finite number of seconds, 0 or more; otherwise ``None``, and a fault is added."""
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        number = math.nan
    if math.isfinite(number) and number >= 0:
        return number
    faults.append(f"{where}: the {what} {str(value)[:40]!r} is not a number of seconds")
    return None


def resolve_path(folder: Path, name: str) -> Path:
    """``name`` relative to ``folder``, or relative to the working directory if it exists only there."""
    return Path(name) if not path_exists(folder / name) and path_exists(Path(name)) else folder / name


def path_exists(path: Path) -> bool:
    """Whether a path exists; false for a name that no file can have (too long, or with a NUL)."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether a path is a folder; false for a name that no folder can have."""
    return path_exists(path) and path.is_dir()


class AudioIndex:
    """The audio files below a folder, by name.

    Names are found with or without folders and suffix: ``flac/LA_T_1.flac``, ``LA_T_1.flac`` and
    ``LA_T_1`` all lead to the same file. Links to folders are followed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._found: dict[str, list[Path]] | None = None

    def find(self, name: str) -> Path:
        """The file with this name.

        Raises:
            LookupError: no file has this name, or several have.
        """
        if self._found is None:
            self._found = _index(self.folder)
        files = self._found.get(name, [])
        if len(files) == 1:
            return files[0]
        if not files:
            raise LookupError(f"no audio file {name!r} below {self.folder}")
        raise LookupError(f"{len(files)} files are called {name!r}: {files[0]}, {files[1]}{', ...' * (len(files) > 2)}")


def _index(folder: Path) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for path in find_files(folder, AUDIO, links=True).files:
        relative = path.relative_to(folder)
        for key in {path.name, path.stem, relative.as_posix(), relative.with_suffix("").as_posix()}:
            found[key].append(path)
    return found
