"""What can be known of the network between two stages before any of them has been trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..models.task_model import TaskModel


class Quantity(NamedTuple):
    """Something that a budget limits.

    Args:
        scope: ``encoder`` or ``model``.
        name: such as ``params`` or ``layers macs``.
        seconds: of the utterance for which multiplications are counted.
    """

    scope: str
    name: str
    seconds: float


@dataclass(frozen=True)
class NetworkForecast:
    """What the stages before a point of the recipe may leave of the network.

    Which elements of a unit go is only decided by training, so this holds what may have happened.

    Args:
        original: the model before all stages.
        variants: the networks that it may be. Those with factored linear maps are on the meta device.
        shrunk: (scope, kind) of the units that may have lost elements.
        limits: the largest value of each quantity that a budget has limited.
        limited_by: the path of the stage that set the limits, for messages.
    """

    original: TaskModel
    variants: tuple[TaskModel, ...]
    shrunk: frozenset[tuple[str, str]] = frozenset()
    limits: Mapping[Quantity, float] = field(default_factory=dict)
    limited_by: str = ""

    @classmethod
    def of(cls, model: TaskModel) -> NetworkForecast:
        """The forecast before all stages."""
        return cls(model, (model,))

    def attributed(self, before: NetworkForecast, path: str) -> NetworkForecast:
        """The forecast with the stage that set its limits, if that has set any.

        Args:
            before: the forecast before the stage.
            path: of the stage in the recipe.
        """
        return self if self.limits is before.limits else replace(self, limited_by=path)

    def may_have_shrunk(self, name: str, kind: str) -> bool:
        """Whether elements of a unit may have been removed.

        Args:
            name: of the unit, in the encoder or in the model.
            kind: of the unit.
        """
        return ("model", kind) in self.shrunk or (("encoder", kind) in self.shrunk and not name.startswith("head."))
