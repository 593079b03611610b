"""Rows and cells of a table: what separates them, and what quotes in them mean.

    tab                  path <tab> text          quotes are text: "yes" is said with its quotes
    comma, semicolon     path,text                quoted as RFC 4180 has it: "yes, well" is one cell

What separates is seen from the first line; where that has several, a tab, but in a ``.csv`` file what it has most of.
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
"""What may separate -> how it is called."""

_OF_ENDING = {".csv": ",;\t", ".tsv": "\t;"}
"""Ending of a file -> what may separate, the likeliest first."""

_DOUBLED = re.compile(r'"(?![\[{]).*"".*"')
"""What looks quoted as in CSV, and is no JSON."""

_log = logging.getLogger(__name__)

csv.field_size_limit(LONGEST)  # a meeting with all its words is one cell


class TableRows:
    """A table, read a row at a time.

    Args:
        path: the file.
        quotes: whether cells are quoted as in CSV; by default they are where commas or semicolons separate them.

    Attributes:
        header: names of the columns; empty where the file is.
        line: number of the header's line.
        separator: the key of `SEPARATORS`.

    Raises:
        DataError: it cannot be read.
    """

    def __init__(self, path: Path, quotes: Quotes | None = None) -> None:
        self.path = path
        numbered = lines(path)
        first = next(((number, line) for number, line in numbered if line.strip()), (1, ""))
        named = re.sub('"[^"]*"', "", first[1])  # a name that is quoted may hold any
        may = next((may for ending, may in _OF_ENDING.items() if ending in path.suffixes), "\t;,")
        common = may if may[0] == "\t" and "\t" in named else sorted(may, key=named.count, reverse=True)
        self.separator = next((each for each in common if each in named), may[0])
        self.quoted = self.separator != "\t" if quotes is None else quotes == "csv"
        rows = self._quoted if self.quoted else self._plain
        self._rows = rows(chain([first], numbered))
        self.line, self.header = next(self._rows, (1, []))

    def __iter__(self) -> Iterator[tuple[str, list[str]]]:
        """Where it is (``file line 7``) and the cells of each row that is not empty."""
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
    """Without the blanks around it; one of nothing but blanks stays, because somebody wrote them."""
    return cell.strip(" ") or cell


def unquote_json(cell: str) -> str:
    """The JSON of a cell, which is plain or quoted as in CSV: it begins with a brace or bracket, so nothing confuses."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        return cell[1:-1].replace('""', '"')
    return cell
