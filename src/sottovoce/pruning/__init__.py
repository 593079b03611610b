"""Make a network smaller. Modules declare their units with `sottovoce.encoder.units`; everything else is here.

`Budget`          what the result may cost
`CostModel`, `cost`, `reference_cost`, `Cost`   parameters and multiply-accumulates as a function of the widths
`magnitude`, `activation`, `taylor`   scores: how important each element of a unit seems
`Plan`, `plan`    which elements stay; choose them under a budget
`slim`            carry out a plan, and check that the result is equal
`prune`           score, plan and slim in one call
`Gates`           learned multipliers on the elements of units
`Pruner`          gates with a budget, for any training loop
`factorize`       linear maps as products of two, whose ranks are units

``planning/`` holds how a plan is chosen, ``gating/`` how gates are attached, sampled and trained.
"""

from .budget import Budget
from .costs import Cost, CostModel, cost, reference_cost
from .gating.gates import Gates
from .importance import activation, magnitude, taylor
from .low_rank import factorize
from .one_shot import prune
from .planning.plans import Plan, plan
from .pruner import Pruner
from .slimming import slim

__all__ = [
    "Budget",
    "Cost",
    "CostModel",
    "Gates",
    "Plan",
    "Pruner",
    "activation",
    "cost",
    "factorize",
    "magnitude",
    "plan",
    "prune",
    "reference_cost",
    "slim",
    "taylor",
]
