"""Checks that find faults of later stages before the first stage is trained."""

from __future__ import annotations

from collections.abc import Iterator

from ..distillation.features import FeatureDistillation
from ..errors import DistillationError, RecipeError, SottovoceError
from ..models.loading import is_task_model, load_pretrained
from ..models.task_model import TaskModel
from ..recipe.data_section import Corpora, TestSet
from ..recipe.distillation_options import DistillationOptions
from ..recipe.network_forecast import NetworkForecast
from ..recipe.stage_names import START, starting_points
from .recipe import Recipe
from .teachers import check_teacher, load_teacher


def preflight_problems(recipe: Recipe, model: TaskModel) -> Iterator[str]:
    """What is wrong with the stages for the networks that they will start from: parts that are not there, budgets that
    cannot be met or remove nothing, and teachers that do not fit.

    Args:
        recipe: recipe of the run.
        model: the model before all stages.
    """
    found = list(_stage_problems(recipe, model))
    yield from found
    if not found:
        yield from _teacher_problems(recipe, model)


def evaluation_problems(recipe: Recipe, corpora: Corpora) -> Iterator[str]:
    """What is wrong with development and test data, as far as it can be found without reading audio.

    Args:
        recipe: recipe of the run.
        corpora: corpora of the recipe.
    """
    stages = [entry.options for entry in recipe.stages]
    sets: dict[str, TestSet] = {}
    evaluated = any(stage.evaluate for stage in stages)
    if recipe.data.dev is not None and (evaluated or any(stage.evaluates_during_training for stage in stages)):
        sets["data.dev"] = recipe.data.dev
    if evaluated:
        sets |= {f"data.test.{name}": each for name, each in recipe.data.test.items()}
    for where, each in sets.items():
        try:
            recipe.task.options.check(corpora.test_set(each))
        except SottovoceError as error:
            yield f"{where}: {error}"


def _stage_problems(recipe: Recipe, model: TaskModel) -> Iterator[str]:
    """What the stages find wrong with the forecasts of the networks that they start from."""
    budget = recipe.budget.build() if recipe.budget is not None else None
    forecasts, points = {START: NetworkForecast.from_model(model)}, starting_points(recipe.resolved())
    for k, (name, entry) in enumerate(zip(recipe.names(), recipe.stages, strict=True)):
        options, path = entry.options, f"stages[{k}].{entry.kind}"
        before = forecasts[points[name]]
        yield from (f"{path}.{misfit}" for misfit in options.misfits(before, budget))
        forecasts[name] = options.after(before, budget).attributed(before, path)


def _teacher_problems(recipe: Recipe, model: TaskModel) -> Iterator[str]:
    for k, entry in enumerate(recipe.stages):
        distillation = entry.options.imitates
        if distillation is None:
            continue
        path = f"stages[{k}].{entry.kind}.distillation"
        yield from (f"{path}.{problem}" for problem in _logits_problems(recipe, distillation, model))
        layers = distillation.chosen(model.config.encoder.num_hidden_layers)
        if distillation.teacher in (START, *recipe.names()) or not layers:
            continue
        try:
            FeatureDistillation(load_pretrained(distillation.teacher, encoder_only=True), model.encoder, layers)
        except DistillationError as error:
            yield f"{path}.teacher: {distillation.teacher}: {error}"
        except SottovoceError as error:
            yield str(error)


def _logits_problems(recipe: Recipe, distillation: DistillationOptions, model: TaskModel) -> Iterator[str]:
    """What is wrong with a teacher whose logits are imitated."""
    if distillation.logits is None:
        return
    name = distillation.teacher
    try:
        if name in (START, *recipe.names()):
            if not _head_is_trained(recipe, name):
                yield f"teacher: the head of {name} has not been trained, so its logits are random; fine-tune it first"
            teacher = model
        else:
            teacher = load_teacher(name)
            check_teacher(teacher, model)
        recipe.task.options.distillation_loss(model, teacher, distillation.logits.temperature)
    except (RecipeError, DistillationError) as error:
        yield f"logits: teacher {name}: {error}"


def _head_is_trained(recipe: Recipe, name: str) -> bool:
    """Whether the head of a stage's model has been trained: by this stage, by an earlier one, or in the checkpoint."""
    points = starting_points(recipe.resolved())
    stages = dict(zip(recipe.names(), (entry.options for entry in recipe.stages), strict=True))
    while name in points:
        if stages[name].trains_head:
            return True
        name = points[name]
    source = recipe.encoder.source
    return source is not None and recipe.encoder.head != "new" and is_task_model(source)
