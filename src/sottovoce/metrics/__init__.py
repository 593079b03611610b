"""Metrics of scores, texts and diarizations. They need only NumPy and SciPy.

Modules:
    detection/: EER, detection cost, Cllr, calibration, score normalization, anti-spoofing, trials. The common metrics
        can be imported from this package: ``from sottovoce.metrics import eer``.
    recognition, edits: word and character error rates, and their alignment.
    diarization, speaker_time, unscored_zones: diarization and Jaccard error rates.
    semantics, slots: accuracy of intents, slot F1, SLU-F1.
    intervals, ratio_intervals: bootstrap confidence intervals.
"""

from .detection.asnorm import CohortStatistics, as_norm, cohort_means, cohort_statistics
from .detection.back_ends import lda, wccn
from .detection.calibration import Calibration, fit_calibration
from .detection.detection_cost import act_dcf, min_dcf
from .detection.equal_error_rate import eer, rocch_eer
from .detection.error_tradeoff import DET, det
from .detection.log_likelihood_ratio_cost import cllr, min_cllr
from .detection.roc import OperatingPoints, convex_hull, operating_points
from .detection.trials import Trials, read_trials
from .intervals import Interval, bootstrap, bootstrap_difference

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
