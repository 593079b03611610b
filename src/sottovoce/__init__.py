"""sottovoce: speech encoders made small.

    from sottovoce import Budget, SpeechEncoder, plan, slim

The names at the top are loaded when they are first used, so that ``import sottovoce`` costs nothing. The stock auto
classes know our models once ``SpeechEncoder`` or ``TaskModel`` has been imported (no import hooks here: they would be in
everyone's way).
"""

from __future__ import annotations

from collections.abc import Container
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .encoder.loading.foreign_formats import FOREIGN_FORMATS, ForeignFormats
from .encoder.loading.model_names import RECIPE_NAMES

__version__ = "0.1.0"

if TYPE_CHECKING:
    from sottovoce.encoder.config import EncoderConfig
    from sottovoce.encoder.model import SpeechEncoder
    from sottovoce.models.task_model import TaskModel
    from sottovoce.pruning.budget import Budget
    from sottovoce.pruning.costs import cost
    from sottovoce.pruning.gating.gates import Gates
    from sottovoce.pruning.planning.plans import plan
    from sottovoce.pruning.slimming import slim

_HOMES = {
    "Budget": "sottovoce.pruning.budget",
    "EncoderConfig": "sottovoce.encoder.config",
    "Gates": "sottovoce.pruning.gating.gates",
    "SpeechEncoder": "sottovoce.encoder.model",
    "TaskModel": "sottovoce.models.task_model",
    "cost": "sottovoce.pruning.costs",
    "plan": "sottovoce.pruning.planning.plans",
    "slim": "sottovoce.pruning.slimming",
}

__all__ = ["Budget", "EncoderConfig", "Gates", "SpeechEncoder", "TaskModel", "cost", "plan", "slim"]


def _foreign_formats() -> ForeignFormats:
    from . import checkpoints

    return checkpoints


def _recipe_names() -> Container[str]:
    from .recipe.packaged import known_recipes

    return known_recipes()


# What loading needs of rooms that it must not import; they are imported when a model of that kind is first loaded.
FOREIGN_FORMATS.register(_foreign_formats)
RECIPE_NAMES.register(_recipe_names)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sottovoce' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(globals().keys() | _HOMES.keys())
