"""Spoofing-aware speaker verification: a-DCF of one score, and t-DCF of a countermeasure in front of a recognizer.

Trials are of three kinds: ``target`` (bona fide, the claimed speaker), ``nontarget`` (bona fide, another speaker), ``spoof``.
Priors and costs are those of ASVspoof 2019, 2021 and 5: P_tar 0.9405, P_non 0.0095, P_spoof 0.05; a miss costs 1, a
false alarm of either kind 10.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import DataError
from .roc import Floats, operating_points
from .spoofing import nearest_point

KINDS = ("target", "nontarget", "spoof")

TDCFForm: TypeAlias = Literal["2019", "2021"]
"""Formulation of the t-DCF: ``2019`` is the legacy one (LA and PA of ASVspoof 2019), ``2021`` the revised one."""


@dataclass(frozen=True)
class Costs:
    """Priors and costs of a tandem system; the defaults are those of the challenges."""

    p_target: float = 0.9405
    p_nontarget: float = 0.0095
    p_spoof: float = 0.05
    c_miss: float = 1.0
    c_nontarget: float = 10.0
    c_spoof: float = 10.0

    def __post_init__(self) -> None:
        priors = (self.p_target, self.p_nontarget, self.p_spoof)
        if min(priors) <= 0 or abs(sum(priors) - 1) > 1e-9:
            raise DataError(f"tandem costs: priors must be positive and sum to 1, got {priors}")
        if min(self.c_miss, self.c_nontarget, self.c_spoof) <= 0:
            raise DataError("tandem costs: costs must be positive")


def a_dcf(scores: ArrayLike, kinds: Sequence[str], costs: Costs | None = None) -> float:
    """Smallest normalized architecture-agnostic detection cost (ASVspoof 5 track 2; Shim et al., Odyssey 2024).

        a-DCF(t) = c_miss p_target P_miss(t) + c_nontarget p_nontarget P_fa,non(t) + c_spoof p_spoof P_fa,spoof(t)

    divided by the cost of accepting all or rejecting all, whichever is lower (0.595 by default).

    Args:
        scores: ``[N]``, higher means more likely bona fide speech of the claimed speaker.
        kinds: ``[N]`` kind of each trial: ``target``, ``nontarget`` or ``spoof``.
        costs: priors and costs.

    Returns:
        A number between 0 and 1.

    Raises:
        DataError: scores are not finite, sizes differ, or a kind is unknown or absent.
    """
    costs = costs or Costs()
    miss, nontarget, spoof = _curves(*_check(scores, kinds))
    weights = np.array([costs.c_miss * costs.p_target, costs.c_nontarget * costs.p_nontarget])
    of_spoof = costs.c_spoof * costs.p_spoof
    cost = weights[0] * miss + weights[1] * nontarget + of_spoof * spoof
    return float(cost.min() / min(weights[0], weights[1] + of_spoof))


@dataclass(frozen=True)
class AsvErrors:
    """Operating point of the speaker recognizer behind a countermeasure.

    Attributes:
        miss: fraction of targets that it rejects.
        false_alarm: fraction of non-targets that it accepts.
        spoof_accepted: fraction of spoofed trials that it accepts.
    """

    miss: float
    false_alarm: float
    spoof_accepted: float

    def __post_init__(self) -> None:
        if not all(0 <= rate <= 1 for rate in (self.miss, self.false_alarm, self.spoof_accepted)):
            raise DataError(f"tandem: error rates of the recognizer are fractions from 0 to 1, got {self}")


def asv_errors(scores: ArrayLike, kinds: Sequence[str]) -> AsvErrors:
    """Errors of a recognizer at its own equal-error threshold, by the definition of the challenges.

    The threshold is the highest rejected score at the operating point where miss and false-alarm rates (of targets and
    non-targets) are closest. Scores at or above the threshold count as accepted, and so does this score itself: the errors
    are one score off the equal-error point. The scripts of the challenges do this, and so published t-DCFs.

    Args:
        scores: ``[N]`` scores of the recognizer.
        kinds: ``[N]`` kind of each trial: ``target``, ``nontarget`` or ``spoof``.

    Raises:
        DataError: as `a_dcf`.
    """
    values, codes = _check(scores, kinds)
    bonafide = codes < 2
    points = operating_points(values[bonafide], codes[bonafide] == 0)
    place = nearest_point(points)
    threshold = points.thresholds[place - 1] if place else -np.inf
    accepted = [float(np.mean(values[codes == kind] >= threshold)) for kind in range(3)]
    return AsvErrors(1 - accepted[0], accepted[1], accepted[2])


def min_t_dcf(
    scores: ArrayLike, bonafide: ArrayLike, asv: AsvErrors, *, form: TDCFForm, costs: Costs | None = None
) -> float:
    """Smallest normalized tandem detection cost of a countermeasure in front of a fixed recognizer.

    With ``P_miss`` and ``P_fa`` of the countermeasure at a threshold, and

        C0 = p_target c_miss asv.miss + p_nontarget c_nontarget asv.false_alarm
        C1 = p_target c_miss - C0
        C2 = p_spoof c_spoof asv.spoof_accepted

    the legacy form of 2019 is ``(C1 P_miss + C2 P_fa) / min(C1, C2)``, which is 0 for a perfect countermeasure. The
    revised form of 2021 (Kinnunen et al., TASLP 2020) is ``(C0 + C1 P_miss + C2 P_fa) / (C0 + min(C1, C2))``, which
    includes the errors of the recognizer. The two forms cannot be compared, so there is no default.

    Args:
        scores: ``[N]`` scores of the countermeasure, higher means more likely bona fide.
        bonafide: ``[N]``, true or 1 for bona fide recordings.
        asv: errors of the recognizer, see `asv_errors`.
        form: ``2019`` or ``2021``.
        costs: priors and costs.

    Returns:
        A number between 0 and 1.

    Raises:
        DataError: the scores are unusable, the form is unknown, or the recognizer is so poor or accepts so few spoofed
            trials that the countermeasure has no influence.
    """
    if form not in ("2019", "2021"):
        raise DataError(f"t-DCF: form must be '2019' (legacy) or '2021' (revised), got {form!r}")
    costs = costs or Costs()
    alone = costs.p_target * costs.c_miss * asv.miss + costs.p_nontarget * costs.c_nontarget * asv.false_alarm
    of_miss = costs.p_target * costs.c_miss - alone
    of_false_alarm = costs.p_spoof * costs.c_spoof * asv.spoof_accepted
    if of_miss <= 0 or of_false_alarm <= 0:
        raise DataError(f"t-DCF: a countermeasure has no weight before this recognizer ({asv}); check its scores")
    points = operating_points(scores, bonafide)
    cost = of_miss * points.miss + of_false_alarm * points.false_alarm
    floor = alone if form == "2021" else 0.0
    return float((floor + cost.min()) / (floor + min(of_miss, of_false_alarm)))


def _check(scores: ArrayLike, kinds: Sequence[str]) -> tuple[Floats, NDArray[np.intp]]:
    """The scores as an array, and the kind of each as 0, 1 or 2."""
    values, names = np.asarray(scores, np.float64), np.asarray(kinds, str)
    if values.ndim != 1 or values.shape != names.shape:
        raise DataError(f"tandem: one score and one kind a trial, but their shapes are {values.shape}, {names.shape}")
    if unknown := sorted(set(names.tolist()) - set(KINDS)):
        raise DataError(f"tandem: kinds of trials are {', '.join(KINDS)}; got {', '.join(unknown[:5])}")
    if not np.isfinite(values).all():
        raise DataError(f"tandem: {int((~np.isfinite(values)).sum())} of {len(values)} scores are NaN or infinite")
    if absent := [kind for kind in KINDS if not (names == kind).any()]:
        raise DataError(f"tandem: no {' and no '.join(absent)} trials among {len(values)}")
    return values, np.array([KINDS.index(name) for name in names.tolist()], np.intp)


def _curves(values: Floats, codes: NDArray[np.intp]) -> tuple[Floats, Floats, Floats]:
    """The miss rate, and the false-alarm rates of non-targets and of spoofed trials, at every threshold."""
    distinct, where = np.unique(values, return_inverse=True)
    rejected = []
    for kind in range(3):
        counts = np.bincount(where[codes == kind], minlength=len(distinct))
        rejected.append(np.concatenate([[0.0], np.cumsum(counts)]) / counts.sum())
    return rejected[0], 1 - rejected[1], 1 - rejected[2]
