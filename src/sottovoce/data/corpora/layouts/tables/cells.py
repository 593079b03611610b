"""Rows and cells of a table, its separator and quotes.

    tab                  path <tab> text          quotes are text: "yes" keeps its quotes
    comma, semicolon     path,text                quoted as in RFC 4180: "yes, well" is one cell

The separator is taken from the first line: a tab if it has one, but in a ``.csv`` file the most frequent separator.
"""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Literal

from .....errors import DataError
from .....text.text_files import LONGEST, lines

Quotes = Literal["csv", "none"]

SEPARATORS = {"\t": "tab", ",": "comma", ";": "semicolon"}
"""Separator -> its name in messages."""

_SEPARATORS_OF_SUFFIX = {".csv": ",;\t", ".tsv": "\t;"}
"""Suffix of a file -> its possible separators, the likeliest first."""

_DOUBLED = re.compile(r'"(?![\[{]).*"".*"')
"""A cell that looks quoted as in CSV, and is not JSON."""

_log = logging.getLogger(__name__)

csv.field_size_limit(LONGEST)  # a cell may hold all words of a meeting


class TableRows:
    """A table, read row by row.

    Args:
        path: the file.
        quotes: ``csv`` if cells are quoted as in CSV, ``none`` if quotes are text; default: ``csv`` where commas or
            semicolons separate the cells.

    Attributes:
        header: names of the columns; empty for an empty file.
        line: line number of the header.
        separator: a key of `SEPARATORS`.
        quoted: whether cells are quoted as in CSV.

    Raises:
        DataError: the file cannot be read.
    """

    def __init__(self, path: Path, quotes: Quotes | None = None) -> None:
        self.path = path
        numbered = lines(path)
        first = next(((number, line) for number, line in numbered if line.strip()), (1, ""))
        named = re.sub('"[^"]*"', "", first[1])  # a quoted name may hold any separator
        possible = next((each for suffix, each in _SEPARATORS_OF_SUFFIX.items() if suffix in path.suffixes), "\t;,")
        ranked = possible if possible[0] == "\t" and "\t" in named else sorted(possible, key=named.count, reverse=True)
        self.separator = next((each for each in ranked if each in named), possible[0])
        self.quoted = self.separator != "\t" if quotes is None else quotes == "csv"
        rows = self._quoted if self.quoted else self._plain
        self._rows = rows(chain([first], numbered))
        self.line, self.header = next(self._rows, (1, []))

    def __iter__(self) -> Iterator[tuple[str, list[str]]]:
        """Place (``file line 7``) and cells of each row that is not empty."""
        for number, cells in self._rows:
            yield f"{self.path} line {number}", cells

    def _plain(self, numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
        doubled = 0
        for number, line in numbered:
            if line.strip():
                cells = [_trimmed(cell) for cell in line.rstrip(" ").split(self.separator)]
                doubled += sum(_DOUBLED.fullmatch(cell) is not None for cell in cells)
                yield number, cells
        if doubled:
            _log.warning("%s: %d cells look quoted as in CSV; their quotes are kept (quotes csv takes them off)",
                         self.path, doubled)  # fmt: skip

    def _quoted(self, numbered: Iterator[tuple[int, str]]) -> Iterator[tuple[int, list[str]]]:
        start = ended = 0

        def each() -> Iterator[str]:
            nonlocal start, ended
            for ended, line in numbered:
                start = start or ended
                yield line.rstrip(" ") + "\n"  # a cell may hold a line break

        try:
            for cells in csv.reader(each(), delimiter=self.separator, strict=True):
                if any(cell.strip() for cell in cells):
                    yield start, [_trimmed(cell) for cell in cells]
                start = 0
        except csv.Error as error:
            raise DataError(f"{self.path} line {ended}: {error}") from None


def _trimmed(cell: str) -> str:
    """A cell without the blanks around it; a cell that consists of blanks is left unchanged."""
    return cell.strip(" ") or cell


def unquote_json(cell: str) -> str:
    """The JSON in a cell that may be quoted as in CSV. JSON begins with a brace or bracket, so the two cannot be confused."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell
