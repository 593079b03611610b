"""The detection cost that a task reports: its priors and costs, and how results name them."""

from __future__ import annotations

from functools import partial

from pydantic import Field

from ...metrics.detection.detection_cost import act_dcf, min_dcf
from ...metrics.intervals import Metric
from ...options import Options
from ...text.plain_data import PlainData, number_in


class DetectionCost(Options):
    """Priors and costs of minDCF and actDCF. Papers on VoxCeleb usually take a target prior of 0.01; VoxSRC, ESPnet-SPK and
    clovaai/voxceleb_trainer 0.05; NIST SRE 0.01 and 0.005.

    Args:
        p_target: prior probability of a target trial.
        c_miss: cost of rejecting a target.
        c_fa: cost of accepting a non-target.
    """

    p_target: float = Field(0.01, gt=0, lt=1)
    c_miss: float = Field(1.0, gt=0, le=1e6)
    c_fa: float = Field(1.0, gt=0, le=1e6)

    def metrics(self, calibrated: bool) -> dict[str, Metric]:
        """minDCF, and for calibrated scores actDCF, by their keys in results."""
        names: dict[str, Metric] = {"min_dcf": partial(min_dcf, **self.model_dump())}
        return names | ({"act_dcf": partial(act_dcf, **self.model_dump())} if calibrated else {})


NAMES = {"min_dcf": "minDCF", "act_dcf": "actDCF"}
"""How the metrics are printed, by their keys in results."""


def named_cost(metric: str, numbers: PlainData) -> str:
    """The name of a detection cost with the priors and costs that stand in the results of an evaluation.

    >>> named_cost("min_dcf", {"detection_cost": {"p_target": 0.05, "c_miss": 1.0, "c_fa": 1.0}})
    'minDCF(p=0.05)'
    >>> named_cost("min_dcf", {"detection_cost": {"p_target": 0.01, "c_miss": 10.0, "c_fa": 1.0}})
    'minDCF(p=0.01, C_miss 10, C_fa 1)'
    """
    if "detection_cost" not in numbers:
        return NAMES[metric]
    p, miss, false_alarm = (number_in(numbers, "detection_cost", name) for name in ("p_target", "c_miss", "c_fa"))
    costs = "" if miss == false_alarm == 1 else f", C_miss {miss:g}, C_fa {false_alarm:g}"
    return f"{NAMES[metric]}(p={p:g}{costs})"


def cost_text(metric: str, numbers: PlainData) -> str:
    """A detection cost among the results of an evaluation with its name: ``minDCF(p=0.05) 0.123``."""
    return f"{named_cost(metric, numbers)} {number_in(numbers, metric):.3f}"
