"""Scores in, numbers out: EER, detection cost, Cllr, their intervals by speaker, and the trials they are made from."""

from .bootstrap import Interval, bootstrap, bootstrap_difference
from .cllr import cllr, min_cllr
from .dcf import min_dcf
from .eer import eer, rocch_eer
from .roc import OperatingPoints, convex_hull, operating_points
from .trials import Trials, read_trials

__all__ = [
    "Interval",
    "OperatingPoints",
    "Trials",
    "bootstrap",
    "bootstrap_difference",
    "cllr",
    "convex_hull",
    "eer",
    "min_cllr",
    "min_dcf",
    "operating_points",
    "read_trials",
    "rocch_eer",
]
