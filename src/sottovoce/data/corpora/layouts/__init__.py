"""Layouts of corpora on disk. A layout is one file here and one line in `LAYOUTS`."""

from .asvspoof import asvspoof
from .folder import speaker_folders
from .huggingface import huggingface
from .kaldi import kaldi
from .lhotse import lhotse
from .nemo import nemo
from .rttm import rttm
from .slurp import slurp
from .table import table
from .tables.rows import CorpusRow, Layout, Segment
from .voxceleb import voxceleb

LAYOUTS: dict[str, Layout] = {
    "asvspoof": asvspoof,
    "folder": speaker_folders,
    "huggingface": huggingface,
    "kaldi": kaldi,
    "lhotse": lhotse,
    "nemo": nemo,
    "rttm": rttm,
    "slurp": slurp,
    "table": table,
    "voxceleb": voxceleb,
}
"""What ``import_corpus(layout=...)`` knows."""

FINISHED = {"lhotse"}
"""Layouts of cuts, which say themselves which channel they are of."""

__all__ = ["FINISHED", "LAYOUTS", "Layout", "CorpusRow", "Segment"]
