"""Scores in, numbers out: EER, detection cost, Cllr, their intervals by speaker, and the trials they are made from."""

from .asnorm import CohortStatistics, as_norm, cohort_means, cohort_statistics
from .back_ends import lda, wccn
from .bootstrap import Interval, bootstrap, bootstrap_difference
from .calibration import Calibration, fit_calibration
from .cllr import cllr, min_cllr
from .dcf import act_dcf, min_dcf
from .det import DET, det
from .eer import eer, rocch_eer
from .roc import OperatingPoints, convex_hull, operating_points
from .trials import Trials, read_trials

__all__ = [
    "DET",
    "Calibration",
    "CohortStatistics",
    "Interval",
    "OperatingPoints",
    "Trials",
    "act_dcf",
    "as_norm",
    "bootstrap",
    "bootstrap_difference",
    "cllr",
    "cohort_means",
    "cohort_statistics",
    "convex_hull",
    "det",
    "eer",
    "fit_calibration",
    "lda",
    "min_cllr",
    "min_dcf",
    "operating_points",
    "read_trials",
    "rocch_eer",
    "wccn",
]
