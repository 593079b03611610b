"""Layouts of corpora on disk: each reads one form in which corpora are published, and returns a row for every utterance.

A layout is one function in one file, and one line in `LAYOUTS` or, in another package, one entry point:

    [project.entry-points."sottovoce.layouts"]
    my_layout = "my_package.my_layout:my_layout"

Public names:
    LAYOUTS: the registry of layouts, by the name that commands and recipes use.
    LAYOUTS_OF_CUTS: the layouts whose corpora are Lhotse cuts already.
    Layout: the type of a layout's function.
    CorpusRow, Segment: what a layout returns.
"""

from ....plugins import Registry
from .asvspoof import asvspoof_layout
from .folder import folder_layout
from .huggingface import huggingface_layout
from .kaldi import kaldi_layout
from .lhotse import lhotse_layout
from .nemo import nemo_layout
from .rows import CorpusRow, Layout, Segment
from .rttm import rttm_layout
from .slurp import slurp_layout
from .table import table_layout
from .voxceleb import voxceleb_layout

_OWN: dict[str, Layout] = {
    "asvspoof": asvspoof_layout,
    "folder": folder_layout,
    "huggingface": huggingface_layout,
    "kaldi": kaldi_layout,
    "lhotse": lhotse_layout,
    "nemo": nemo_layout,
    "rttm": rttm_layout,
    "slurp": slurp_layout,
    "table": table_layout,
    "voxceleb": voxceleb_layout,
}

LAYOUTS: Registry[Layout] = Registry("layout", "sottovoce.layouts", _OWN)
"""Layouts by the name that ``import_corpus(layout=...)``, recipes and ``sottovoce data import`` use."""

LAYOUTS_OF_CUTS = {"lhotse"}
"""Layouts of finished cuts, whose channels are fixed, so that none can be chosen at import."""

__all__ = ["LAYOUTS_OF_CUTS", "LAYOUTS", "Layout", "CorpusRow", "Segment"]
