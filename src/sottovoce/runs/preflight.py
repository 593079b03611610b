"""What can be known to go wrong in a later stage before the first one is trained."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from ..distillation.features import FeatureDistillation
from ..encoder.units import collect
from ..errors import RecipeError, SottovoceError
from ..models.load import load_encoder
from ..models.task_model import TaskModel
from ..pruning.costs import CostModel, human, reference_cost
from ..pruning.low_rank import factored_shape
from ..pruning.planning.candidates import resolve_rules
from ..pruning.planning.plans import choose
from ..pruning.planning.scores import Scores
from ..recipe.data_section import Corpora, TestSet
from ..recipe.shrinking_options import SlimmingOptions
from ..recipe.training_stage_options import StageOptions
from .provenance import START
from .recipe import Recipe
from .stages.factorize import Factorize
from .teachers import logits_problems


def preflight_problems(recipe: Recipe, model: TaskModel) -> Iterator[str]:
    """What does not fit the network that a stage starts from, budgets that cannot be met or remove nothing, and teachers that
    do not fit; ``model``: before all stages."""
    found = list(_stage_problems(recipe, model))
    yield from found
    if not found:
        yield from _teacher_problems(recipe, model)


def evaluation_problems(recipe: Recipe, corpora: Corpora) -> Iterator[str]:
    """Development and test data that cannot be scored, as far as that shows without hearing it."""
    stages = [entry.options for entry in recipe.stages]
    sets: dict[str, TestSet] = {}
    evaluated = any(stage.evaluate for stage in stages)
    if recipe.data.dev is not None and (evaluated or any(getattr(stage, "evaluate_every", 0) for stage in stages)):
        sets["data.dev"] = recipe.data.dev
    if evaluated:
        sets |= {f"data.test.{name}": each for name, each in recipe.data.test.items()}
    for where, each in sets.items():
        try:
            recipe.task.options.check(corpora.test_set(each))
        except SottovoceError as error:
            yield f"{where}: {error}"


@dataclass(frozen=True)
class _Left:
    """What the stages up to one may have left: networks that it may be (those in factors without memory for weights), kinds
    of unit that have shrunk, limits that hold, and whose they are."""

    networks: tuple[TaskModel, ...]
    units: frozenset[tuple[str, str]] = frozenset()
    limits: Mapping[tuple[str, str, float], float] = field(default_factory=dict)
    by: str = ""

    @property
    def model(self) -> TaskModel:
        return self.networks[0]

    def faults(self, options: StageOptions) -> list[str]:
        """What is wrong with a stage for every network that it may be."""
        found = [list(options.check(network)) for network in self.networks]
        return found[0] if all(found) else []

    def in_factors(self, options: Factorize) -> tuple[TaskModel, ...]:
        """The networks that a stage makes of those that it fits."""
        fitting = [network for network in self.networks if not list(options.check(network))]
        with torch.device("meta"):
            return tuple(n.shrunk(factored_shape(n, options.paths(n), options.ranks)) for n in fitting)


def _stage_problems(recipe: Recipe, model: TaskModel) -> Iterator[str]:
    after, previous = {START: _Left((model,))}, START
    for k, (name, entry) in enumerate(zip(recipe.names(), recipe.stages, strict=True)):
        options, where = entry.options, f"stages[{k}].{entry.kind}"
        before = after[options.start or previous]
        after[name], previous = before, name
        if faults := before.faults(options):
            yield from (f"{where}.{fault}" for fault in faults)
            continue
        if isinstance(options, Factorize):
            after[name] = replace(before, networks=before.in_factors(options))
        chosen = getattr(options, "budget", None) or recipe.budget
        if not isinstance(options, SlimmingOptions) or chosen is None:
            continue
        budget, scope = chosen.build(), options.of(before.model)
        # The start of a later stage is smaller than what there is now: what may have gone by then counts as gone, whatever
        # this stage itself protects.
        units = before.units | {(options.scope, kind) for kind in options.kinds}
        # Factors that do not pay are multiplied back.
        networks = tuple(dict.fromkeys([*before.networks, model]))
        after[name] = left = replace(before, units=units, networks=networks)
        declared = collect(scope)
        sizes = {n: unit.size for n, unit in declared.units.items() if _may_go(n, unit.kind, units)}
        rounding: dict[str, Any] = {"round_to": 1} if before.units else options.rounding()
        try:
            resolve_rules(declared, **options.rounding())
            choose(scope, budget, Scores({n: torch.zeros(size) for n, size in sizes.items()}), **rounding)
            costs = CostModel(scope, budget.seconds)
            limits = budget.constraints(costs, reference_cost(scope, budget.seconds, budget.reference))
        except SottovoceError as error:
            yield f"{where}.{error}"
            continue
        have = [float(limit.measure(costs.sizes)) for limit in limits]
        if not before.units and all(amount <= limit.target for amount, limit in zip(have, limits, strict=True)):
            yield (
                f"{where}.budget: {limits[0].name} may be {limits[0].show(limits[0].target)}, but there are only "
                f"{limits[0].show(have[0])}, so nothing would go; lower it"
            )
            continue
        if budget.reference != "original":
            continue  # a fraction of what the stage before leaves
        now: dict[tuple[str, str, float], float] = {
            (options.scope, limit.name, budget.seconds): limit.target for limit in limits
        }
        if all(before.limits.get(key, math.inf) <= target for key, target in now.items()):
            (_, quantity, seconds), target = next(iter(now.items()))
            quantity += f" at {seconds:g} s" if quantity.endswith("macs") else ""
            held = human(before.limits[next(iter(now))])
            yield (
                f"{where}.budget: {quantity} may be {human(target)}, but {before.by} leaves {held}, so nothing would go; "
                "lower the one or raise the other"
            )
        after[name] = replace(left, limits={**before.limits, **now}, by=where)


def _may_go(name: str, kind: str, units: frozenset[tuple[str, str]]) -> bool:
    """Whether a unit of the encoder or of the model is among those that have shrunk."""
    return ("model", kind) in units or (("encoder", kind) in units and not name.startswith("head."))


def _teacher_problems(recipe: Recipe, model: TaskModel) -> Iterator[str]:
    for k, entry in enumerate(recipe.stages):
        distillation = getattr(entry.options, "distillation", None)
        if distillation is None:
            continue
        where = f"stages[{k}].{entry.kind}.distillation"
        yield from (f"{where}.{problem}" for problem in logits_problems(recipe, distillation, model))
        layers = distillation.chosen(model.config.encoder.num_hidden_layers)
        if distillation.teacher in (START, *recipe.names()) or not layers:
            continue
        try:
            FeatureDistillation(load_encoder(distillation.teacher), model.encoder, layers)
        except RecipeError as error:
            yield f"{where}.teacher: {distillation.teacher}: {error}"
        except SottovoceError as error:
            yield str(error)
