"""``sottovoce compress``: carry out a recipe."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import cast

import torch
from rich.console import Console
from rich.progress import Progress

from ..errors import RecipeError
from ..files import write_json
from ..options import problem_list
from ..profiling.environment import describe_environment
from ..recipe.data_section import Corpora
from ..recipe.stage_names import START
from ..training.randomness import seed_of
from .preflight import evaluation_problems, preflight_problems
from .recipe import Recipe
from .recipe_file import checked_recipe, read_recipe
from .run_directory import RunDirectory
from .stages.context import StageContext, StageResult, StageRun
from .stages.stage_end import finish

StageWrapper = Callable[[str, Callable[[], StageResult]], StageResult]
"""``around(name of a stage, its work)`` does the work."""


def compress(
    recipe: str | os.PathLike[str] | Recipe,
    run: str | os.PathLike[str] | None = None,
    set: Sequence[str] = (),
    *,
    console: Console | None = None,
    around: StageWrapper | None = None,
    wait: bool = False,
) -> RunDirectory:
    """Carry out a recipe, or resume it: finished stages are skipped, and an unfinished one continues where it stopped.

    A run that was interrupted at any point and resumed ends in the same weights as an uninterrupted one (on a CPU, with the
    same number of threads).

    Args:
        recipe: a YAML file, the name of a recipe that comes with sottovoce, or a recipe that has been read or made.
        run: directory of the run; default: ``runs/<name of the recipe>``.
        set: changes to a recipe that is read, ``path=value``.
        console: where progress is shown; default: the terminal.
        around: a function that runs the work of each stage, for measurements.
        wait: whether to wait for another process that works on the same run.

    Returns:
        The run's directory, with models and results.

    Raises:
        RecipeError: the recipe is faulty, the run was begun with another one, or another process works on the run.
        SottovoceError: data or checkpoints are faulty, or the budget cannot be met.
    """
    if (ranks := os.environ.get("WORLD_SIZE", "1")) not in ("", "1"):
        raise RecipeError(f"WORLD_SIZE={ranks}: training runs in one process so far; start it once, without a launcher")
    console = console or Console()
    recipe = _checked(recipe, set)
    directory = RunDirectory(run if run is not None else os.path.join("runs", recipe.name))
    with directory.locked(wait=wait, on_wait=console.print):
        _carry_out(recipe, directory, console, around or _at_once)
    return directory


def _carry_out(recipe: Recipe, directory: RunDirectory, console: Console, around: StageWrapper) -> None:
    if recipe.compute.threads is not None:
        torch.set_num_threads(recipe.compute.threads)
    directory.record_recipe(recipe.resolved())
    _note_environment(directory, console)
    corpora = Corpora(recipe.data, directory.path / "data", recipe.stage_data())
    corpora.prepare(_corpus_progress(console))
    _hold_out(recipe, corpora, console)
    previous = START
    _start(recipe, directory, corpora, console)
    for name, entry in zip(recipe.names(), recipe.stages, strict=True):
        if directory.finished(name) is None:
            stage = _stage_run(recipe, directory, corpora, console, name, previous)
            began = time.perf_counter()
            torch.manual_seed(seed_of(recipe.seed, name, "begin"))  # for new weights, such as a classifier's
            product = around(name, partial(cast(StageRun, entry.options).run, stage))
            finish(stage, recipe, product, evaluate=entry.options.evaluate, began=began)
        else:
            console.print(f"{name}: finished before", highlight=False, markup=False)
        directory.clear(name)
        previous = name


def _checked(recipe: str | os.PathLike[str] | Recipe, changes: Sequence[str]) -> Recipe:
    """The recipe, with the same checks whether it comes from a file or from Python."""
    if not isinstance(recipe, Recipe):
        return read_recipe(recipe, changes)
    if changes:
        raise RecipeError("compress: changes are for a recipe that is read from a file; make it another one instead")
    try:
        data, name = recipe.resolved(), recipe.name
    except (
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        StopIteration,
    ) as error:  # made without pydantic's checks
        raise RecipeError(f"compress: this is no whole recipe ({' '.join(str(error).split())[:200]})") from None
    return checked_recipe(data, str(name))


def _hold_out(recipe: Recipe, corpora: Corpora, console: Console) -> None:
    """Hold out speakers for development trials where the recipe gives none and the task needs them, and report it."""
    task = recipe.task.options
    if not task.scored_on_trials or recipe.data.dev is not None or recipe.data.hold_out == 0:
        return
    found = corpora.hold_out(recipe.seed, task.min_speakers)
    none = "no development trials are given, and too few training speakers can be held out for some: no model has a threshold"
    console.print(f"{recipe.name}: {found or none}", highlight=False, markup=False)


def _at_once(name: str, work: Callable[[], StageResult]) -> StageResult:
    return work()


def _stage_run(
    recipe: Recipe, directory: RunDirectory, corpora: Corpora, console: Console, name: str, previous: str
) -> StageContext:
    return StageContext(
        name=name,
        seed=recipe.seed,
        previous=previous,
        run=directory,
        task=recipe.task.options,
        corpora=corpora,
        compute=recipe.compute.build(recipe.data.workers),
        console=console,
        default_budget=recipe.budget.build() if recipe.budget is not None else None,
    )


def _start(recipe: Recipe, directory: RunDirectory, corpora: Corpora, console: Console) -> None:
    """Make the model before all stages, and check test data and the stages against it before any of them runs."""
    stage = _stage_run(recipe, directory, corpora, console, START, START)
    if directory.finished(START) is None:
        began = time.perf_counter()
        _refuse(recipe, "data cannot be scored", evaluation_problems(recipe, corpora))
        model = recipe.encoder.build(recipe.task.options, seed_of(recipe.seed, START), stage.train_cuts())
        _refuse(recipe, "the recipe does not fit the model", preflight_problems(recipe, model))
        finish(stage, recipe, StageResult(model), evaluate=False, began=began)


def _refuse(recipe: Recipe, what: str, problems: Iterable[str]) -> None:
    if lines := list(problems):
        raise RecipeError(f"{recipe.name}: {problem_list(lines, what)}")


def _note_environment(directory: RunDirectory, console: Console) -> None:
    now = describe_environment()
    if directory.environment.exists():
        before = directory.recorded_environment()
        for fact in ("threads", "torch", "processor"):
            if before.get(fact) != now.get(fact):
                console.print(
                    f"[yellow]begun with {fact} {before.get(fact)}, now {now.get(fact)}:[/] the end will be as good, but "
                    "not bitwise the same",
                    highlight=False,
                )
        return
    write_json(directory.environment, now)


def _corpus_progress(console: Console) -> Callable[[str], Callable[[int, int], None]]:
    """Name of a corpus -> the function that shows the progress of making it."""

    def of_corpus(name: str) -> Callable[[int, int], None]:
        bar = Progress(console=console, transient=True)
        task = bar.add_task(f"speech for {name}", total=None)

        def show(done: int, total: int) -> None:
            if done == 1 and console.is_terminal:
                bar.start()
            bar.update(task, completed=done, total=total)
            if done == total:
                bar.stop()
                console.print(f"{name}: {total} utterances", highlight=False, markup=False)

        return show

    return of_corpus
