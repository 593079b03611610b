"""Probes: the quality of a frozen encoder on every task, as in SUPERB (Yang et al. 2021, 2105.01051).

    frozen encoder ─ hidden states ─▶ learned sum ─▶ small head ─▶ the task's metric

A probe is a recipe whose stages train nothing but a head. Probing two encoders with the same recipes shows what compression
has cost across tasks.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from ..checkpoints.origins import name_of
from ..encoder.config import EncoderConfig
from ..errors import RecipeError
from ..models.loading import load_pretrained
from ..models.model_card import Score, scores_of
from ..pruning.costs import Cost, cost
from ..quantities import SAMPLE_RATE
from ..tasks.registry import TASKS
from ..text.plain_data import PlainData, table_in
from . import scaled_down
from .compression import compress
from .recipe import Recipe
from .recipe_file import read_recipe

PROBES = {task: f"probe-{task}" for task in TASKS}
"""Task -> the recipe of its probe that comes with sottovoce."""

FRAME = 0.02
"""Length of a frame in seconds, for which diarization data are labeled."""


@dataclass(frozen=True)
class ProbeResult:
    """Results of the probes of one model.

    Args:
        model: name of the model, as it was given.
        cost: cost of its encoder, for one second of audio.
        scores: (name of the probe, name of its test set) -> the task's main score.
    """

    model: str
    cost: Cost
    scores: Mapping[tuple[str, str], Score]

    def to_dict(self) -> dict[str, object]:
        """Plain data."""
        found = [
            {"probe": probe, "test": test, "metric": score.metric, "value": score.value}
            | ({} if score.low is None else {"low": score.low, "high": score.high, "level": score.level})
            | {"protocol": score.protocol}
            for (probe, test), score in self.scores.items()
        ]
        return {"model": self.model, "params": self.cost.params, "macs": self.cost.macs, "scores": found}


def probe(
    models: Sequence[str | os.PathLike[str]],
    folder: str | os.PathLike[str],
    recipes: Sequence[str | os.PathLike[str]] = tuple(PROBES.values()),
    *,
    steps: int | None = None,
    seed: int | None = None,
    changes: Sequence[str] = (),
    smoke_test: bool = False,
    console: Console | None = None,
) -> list[ProbeResult]:
    """Probe the encoders of some models, one after another, with the same recipes.

    The same call resumes where it stopped, and finished probes are not repeated. Results are kept, trained heads are not.

    Args:
        models: directories or hub ids of anything `SpeechEncoder.from_pretrained` loads, or of task models, whose heads are
            left out.
        folder: folder for the runs, one for each model and recipe.
        recipes: YAML files, or names of recipes; all of their stages are ``fine_tune`` with ``freeze: true``. Their encoder
            section is replaced.
        steps, seed: replace those of the recipes.
        changes: changes to the recipes, ``path=value``.
        smoke_test: whether to use little data and few steps, to test that the probes run.
        console: where progress is shown; default: the terminal.

    Returns:
        One result for each model, in order.

    Raises:
        RecipeError: a recipe that is not a probe, or that cannot be read.
        CheckpointError: a model that cannot be loaded.
        SottovoceError: data are faulty.
    """
    folder = Path(folder)

    def read(recipe: str | os.PathLike[str], model: str) -> Recipe:
        def scale(data: dict[str, Any]) -> dict[str, Any]:
            return _of(scaled_down.smoke_test(data, folder / "stand-ins") if smoke_test else data, model, steps, seed)

        return read_recipe(recipe, changes, scale)

    work = []
    for model in map(str, models):
        encoder = load_pretrained(model, encoder_only=True)
        read_all = [read(each, model) for each in recipes]
        for recipe in read_all:
            _check(recipe, model, encoder.config)
        work.append((model, cost(encoder, 1.0), read_all))
    if len(names := [recipe.name for recipe in work[0][2]]) > len(set(names)):
        raise RecipeError(f"probe: two of the recipes have the same name ({', '.join(sorted(names))}); rename one")
    found = []
    for number, (model, price, recipes_of_it) in enumerate(work, 1):
        place = folder / f"{number}-{re.sub(r'[^A-Za-z0-9_.]+', '-', name_of(model))}"
        scores: dict[tuple[str, str], Score] = {}
        for recipe in recipes_of_it:
            numbers = _carried_out(recipe, place / recipe.name, console)
            for test in numbers:
                scores[recipe.name, test] = scores_of(test, table_in(numbers, test), recipe.task.options.metric)[0]
        found.append(ProbeResult(model, price, scores))
    return found


def _of(data: dict[str, Any], model: str, steps: int | None, seed: int | None) -> dict[str, Any]:
    """A recipe, as plain data, as the probe of a model."""
    data = {**data, "encoder": {"from": model, "head": "new", "dropout": 0.0}}
    if seed is not None:
        data["seed"] = seed
    if steps is not None:
        data["stages"] = [
            {kind: {**(options or {}), "steps": steps} for kind, options in entry.items()}
            if isinstance(entry, Mapping)
            else entry
            for entry in data.get("stages", ())
        ]
    return data


def _check(recipe: Recipe, model: str, encoder: EncoderConfig) -> None:
    """Raises: RecipeError: more than a head is trained, nothing is tested, or the encoder's frames do not fit."""
    for name, entry in zip(recipe.names(), recipe.stages, strict=True):
        if entry.options.changes_encoder:
            raise RecipeError(
                f"probe: the stage {name} of {recipe.name} trains the encoder; take fine_tune: {{freeze: true}}"
            )
    if not recipe.data.test or not recipe.stages[-1].options.evaluate:
        raise RecipeError(f"probe: {recipe.name} tests nothing; give data.test, and evaluate its last stage")
    frame = encoder.samples_per_frame / SAMPLE_RATE
    if recipe.task.kind == "diarization" and frame != FRAME:
        raise RecipeError(
            f"probe: {model} has frames of {1000 * frame:g} ms, and diarization is labeled every {1000 * FRAME:g} ms;"
            " name the other tasks"
        )


def _carried_out(recipe: Recipe, place: Path, console: Console | None) -> PlainData:
    """The results of a probe's tests."""
    run = compress(recipe, place, console=console)
    # Each saved model has another copy of the encoder.
    shutil.rmtree(run.path / "models", ignore_errors=True)
    results = run.finished(recipe.names()[-1])
    assert results is not None
    return table_in(results, "test")
