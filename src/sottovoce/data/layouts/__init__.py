"""Layouts of corpora on disk. A layout is one file here and one line in `LAYOUTS`."""

from .folder import speaker_folders
from .rows import Layout, Row
from .table import table

LAYOUTS: dict[str, Layout] = {
    "folder": speaker_folders,
    "table": table,
}
"""What ``import_corpus(layout=...)`` knows."""

__all__ = ["LAYOUTS", "Layout", "Row"]
