"""The end of a stage: its model is evaluated and written with its card, and the stage is marked as finished."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from ...files import whole_directory, write_tensors
from ...models.model_card import History, scores_of, write_card
from ...models.task_model import TaskModel
from ...pruning.costs import cost
from ...text import plain_json
from ..provenance import data_line, stage_lines
from ..recipe import Recipe
from .context import StageContext, StageResult


def finish(at: StageContext, recipe: Recipe, product: StageResult, *, evaluate: bool, began: float) -> None:
    """Evaluate a stage's model, write all of it, and mark the stage as finished.

    Args:
        at: what the stage had to work with.
        recipe: recipe of the run.
        product: result of the stage.
        evaluate: whether to evaluate on development and test data.
        began: time at which the stage began, from `time.perf_counter`.
    """
    model = product.model.eval()
    results = dict(product.results)
    at.task.calibrate(model, at.train_cuts())
    if evaluate:
        results |= _evaluations(at, model)
    counted = model.encoder if any(p.numel() for p in model.encoder.parameters()) else model  # it may have no layers
    results["cost"] = cost(counted, at.seconds).to_dict()
    results["params_with_head"] = sum(p.numel() for p in model.parameters())
    with whole_directory(at.run.model(at.name)) as partial:
        model.save_pretrained(partial)
        write_card(partial, model, _history(at, recipe, results))
    if product.objective is not None:
        labels = {"labels": plain_json.dumps(product.objective.labels)}
        write_tensors(at.run.objective(at.name), product.objective.state_dict(), labels)
    results["seconds"] = round(time.perf_counter() - began, 1)
    at.run.finish(at.name, results)
    at.run.clear(at.name)


def _evaluations(at: StageContext, model: TaskModel) -> dict[str, Any]:
    """Results on development data, from which the threshold is taken, and on each test set."""
    found: dict[str, Any] = {}
    if (development := at.corpora.dev_set()) is not None:
        found["dev"] = at.task.evaluate(model, development)
        at.task.set_threshold(model, found["dev"])
    if tests := at.corpora.options.test:
        found["test"] = {name: at.task.evaluate(model, at.corpora.test_set(each)) for name, each in tests.items()}
        for name, numbers in found["test"].items():
            at.report(f"{name}: {at.task.summary(numbers)}")
    return found


def _history(at: StageContext, recipe: Recipe, results: Mapping[str, Any]) -> History:
    """How this model was made and its results, for the model card."""
    lines = stage_lines(recipe, at.name)
    if "equality" in results:
        lines.append(f"slim network equals the gated one: largest relative difference {results['equality']:.1e}")
    measured = {"dev": results["dev"]} if "dev" in results else {}
    scores = [
        score
        for name, numbers in (measured | results.get("test", {})).items()
        for score in scores_of(name, numbers, at.task.metric)
    ]
    trained = len(lines) > 1
    data = [data_line(name, at.corpora.train_cuts(name)) for name in at.corpora.options.train] if trained else []
    return History(f"{recipe.name}-{at.name}", lines, data, scores, at.seconds)
