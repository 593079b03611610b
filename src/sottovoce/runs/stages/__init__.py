"""The stages of a recipe, one file each, and what they share.

A stage is a class of options with a method ``run``, and one line in `STAGES` below. Another package registers its own as an
entry point:

    [project.entry-points."sottovoce.stages"]
    my_stage = "my_package.my_stage:MyStage"

Stages:
    fine_tune, adapt, distill      train the network and keep its structure.
    factorize, prune, slim         change its structure.

What they share:
    context           the inputs of a stage: earlier models, data, the budget.
    terms             the terms of the loss.
    training          the training loop with the stage's options.
    checkpoint_selection   evaluations while a stage trains, by which its weights are chosen.
    plan_execution    a plan carried out, proved and written.
    stage_end         the end of a stage: evaluation, the model and its card on disk.
"""

from ...plugins import Registry
from ...recipe.stage_options import StageOptions
from .adapt import Adapt
from .distill import Distill
from .factorize import Factorize
from .fine_tune import FineTune
from .prune import Prune
from .slim import Slim

STAGES: Registry[type[StageOptions]] = Registry(
    "stage",
    "sottovoce.stages",
    {
        "fine_tune": FineTune,
        "adapt": Adapt,
        "factorize": Factorize,
        "prune": Prune,
        "slim": Slim,
        "distill": Distill,
    },
)
"""The kinds of stages that recipes can have."""
