"""sottovoce: speech encoders made small. This is the table of contents.

    from sottovoce import Budget, SpeechEncoder, magnitude, plan, slim

load what there is
    `SpeechEncoder`, `EncoderConfig`   one encoder for every family, and its config
    `TaskModel`                        an encoder with the head of a task

make it small
    `cost`, `inspect`                  parameters and multiply-accumulates; the same layer by layer
    `magnitude`, `activation`, `taylor`  how important each element of a network seems
    `Budget`, `Plan`, `plan`           what the result may cost; what stays; choose what stays
    `slim`                             carry out a plan, and prove the smaller network equal
    `prune`                            score, plan and slim in one call
    `Gates`, `Pruner`                  learn what can go; the same with a budget, for a training loop of your own
    `compress`                         a whole recipe: fine-tune, prune, distill, slim

Each name is imported when it is first used, so that ``import sottovoce`` costs nothing. The auto classes of Transformers
know our models once `SpeechEncoder` or `TaskModel` has been imported.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

from .encoder.loading.foreign_formats import FOREIGN_FORMATS, ForeignFormats
from .encoder.loading.model_names import RECIPE_NAMES
from .version import __version__

if TYPE_CHECKING:
    from .encoder.config import EncoderConfig
    from .encoder.model import SpeechEncoder
    from .models.task_model import TaskModel
    from .pruning import Budget, Gates, Plan, Pruner, activation, cost, magnitude, plan, prune, slim, taylor
    from .report.inspection import inspect
    from .runs.compression import compress

__all__ = [
    "Budget",
    "EncoderConfig",
    "Gates",
    "Plan",
    "Pruner",
    "SpeechEncoder",
    "TaskModel",
    "__version__",
    "activation",
    "compress",
    "cost",
    "inspect",
    "magnitude",
    "plan",
    "prune",
    "slim",
    "taylor",
]


def _foreign_formats() -> ForeignFormats:
    from . import checkpoints

    return checkpoints


def _recipe_names() -> Container[str]:
    from .recipe.packaged import known_recipes

    return known_recipes()


# What loading needs of rooms that it must not import; they are imported when a model of that kind is first loaded.
FOREIGN_FORMATS.register(_foreign_formats)
RECIPE_NAMES.register(_recipe_names)


def __getattr__(name: str) -> object:
    """Import a public name on its first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'sottovoce' has no attribute {name!r}")
    value = globals()[name] = _imported(name)
    return value


def _imported(name: str) -> object:
    if name == "SpeechEncoder":
        from .encoder.model import SpeechEncoder

        return SpeechEncoder
    if name == "EncoderConfig":
        from .encoder.config import EncoderConfig

        return EncoderConfig
    if name == "TaskModel":
        from .models.task_model import TaskModel

        return TaskModel
    if name == "compress":
        from .runs.compression import compress

        return compress
    if name == "inspect":
        from .report.inspection import inspect

        return inspect
    from . import pruning

    return getattr(pruning, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
