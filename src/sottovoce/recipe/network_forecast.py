"""What is known about the network between two stages before any stage is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ..models.task_model import TaskModel


class Quantity(NamedTuple):
    """Something that a budget limits.

    Args:
        scope: the part that is counted, ``encoder`` or ``model``.
        name: name of the quantity, such as ``params`` or ``layers macs``.
        seconds: length of the utterance for which MACs are counted.
    """

    scope: str
    name: str
    seconds: float


@dataclass(frozen=True)
class NetworkForecast:
    """The networks that may remain after the stages before a point of the recipe.

    Only training decides which elements of a unit are removed, so this holds all possibilities.

    Args:
        original: the model before all stages.
        variants: the possible networks. Those with factored linear maps are on the meta device.
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
    def from_model(cls, model: TaskModel) -> NetworkForecast:
        """The forecast before all stages."""
        return cls(model, (model,))

    def attributed(self, before: NetworkForecast, path: str) -> NetworkForecast:
        """This forecast with the stage at ``path`` as the source of its limits, if that stage has set any.

        Args:
            before: the forecast before the stage.
            path: path of the stage in the recipe.
        """
        return self if self.limits is before.limits else replace(self, limited_by=path)

    def may_have_shrunk(self, name: str, kind: str) -> bool:
        """Whether elements of a unit may have been removed.

        Args:
            name: name of the unit, in the encoder or in the model.
            kind: kind of the unit.
        """
        return ("model", kind) in self.shrunk or (("encoder", kind) in self.shrunk and not name.startswith("head."))
