"""Metrics of detection tasks: speaker verification and anti-spoofing.

Modules:
    roc: operating points and their convex hull.
    equal_error_rate, detection_cost, log_likelihood_ratio_cost, error_tradeoff: EER, DCF, Cllr, DET.
    calibration: calibration of scores to log-likelihood ratios.
    asnorm, back_ends: score normalization with a cohort; WCCN and LDA.
    spoofing, tandem: the metrics of ASVspoof; a-DCF and t-DCF.
    trials, trial_formats: lists of trials.
"""
