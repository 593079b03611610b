"""The recipe: everything a run needs, checked as a whole before anything runs."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import torch
from pydantic import BeforeValidator, Field, ValidationError

from ..errors import RecipeError
from ..options import OneOf, Options, one_of, problem_list, problems_of, short_repr
from ..options.bounds import SEEDS
from ..recipe.amounts import MOST_AUDIO, FileName
from ..recipe.budget_options import BudgetOptions
from ..recipe.data_section import DataOptions
from ..recipe.encoder_options import EncoderOptions
from ..recipe.packaged import known_recipes
from ..recipe.stage_names import START
from ..recipe.stage_options import StageOptions
from ..recipe.training.training_stage_options import TrainingStageOptions
from ..tasks.registry import TASKS
from ..tasks.task import Task
from ..text.suggestions import did_you_mean
from ..training.loop import Compute
from .stages import STAGES

PRECISIONS = {"float32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}


def _one_device(devices: Any) -> Any:
    if devices != 1 or isinstance(devices, bool):
        raise ValueError(
            f"{short_repr(devices)}: training runs on one device so far; take 1, and a run for each device"
        )
    return 1


class ComputeOptions(Options):
    """Hardware and precision of a run.

    Args:
        accelerator: kind of device; ``auto`` takes a GPU if there is one.
        devices: number of devices; only one is supported.
        precision: precision of activations; weights remain float32.
        threads: number of CPU threads; default: as torch chooses. Results are only equal for equal numbers of threads.
    """

    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps"] = "auto"
    devices: Annotated[Literal[1], BeforeValidator(_one_device)] = 1
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    threads: int | None = Field(None, ge=1, le=1_024)

    def build(self, workers: int) -> Compute:
        return Compute(self.accelerator, PRECISIONS[self.precision], workers)

    def problems(self) -> Iterator[str]:
        """Report a device that this machine does not have."""
        there = {"gpu": torch.cuda.is_available() or torch.backends.mps.is_available()}
        there |= {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        if not there.get(self.accelerator, True):
            yield f"accelerator: {self.accelerator}, and torch finds none on this machine; take auto or cpu"


class About(Options):
    """The source of a recipe that reproduces a published system.

    Args:
        system: the authors' name of the system.
        paper: arXiv numbers.
        code: public repositories, ``owner/name@commit``, and the files in them that constants are from.
        published: the authors' result, and the data that it was measured on.
        prepare: commands that make the corpora that the recipe needs.
        differs: constants on which the published code and the paper disagree, with the choice that was made, and constants
            without a public source.
    """

    system: str
    paper: list[str] = Field(min_length=1)
    code: list[str] = []
    published: str
    prepare: list[str] = []
    differs: list[str] = []


def _section(entry: object) -> type[Options]:
    """The entry of a registry as a section of recipes.

    Raises:
        TypeError: it is no class of options.
    """
    if isinstance(entry, type) and issubclass(entry, Options):
        return entry
    raise TypeError("it is no subclass of sottovoce.options.Options")


@one_of(*TASKS.made_of(_section))
class TaskChoice(OneOf[Task]):
    """The task of a recipe."""


@one_of(*STAGES.made_of(_section))
class StageChoice(OneOf[StageOptions]):
    """One stage of a recipe."""


class Recipe(Options):
    """The recipe of a whole run.

    A recipe that is made in Python, from sections or from plain data, has the same checks as one from a file.

    Args:
        name: name of the run.
        seed: seed of the run; every random choice is a function of seed, stage, step and rank.
        about: source of the recipe, if it reproduces a published system.
        encoder, task, data, budget, compute, stages: the sections of the recipe, see their classes.

    Raises:
        RecipeError: the recipe is faulty. Every fault that can be found before anything is made has a line of its own.
    """

    name: FileName
    about: About | None = None
    seed: int = Field(0, ge=0, le=SEEDS)
    encoder: EncoderOptions
    task: TaskChoice
    data: DataOptions
    budget: BudgetOptions | None = None
    compute: ComputeOptions = ComputeOptions()
    stages: list[StageChoice] = Field(min_length=1)

    def __init__(self, **sections: object) -> None:
        if problems := recipe_problems(sections):
            raise RecipeError(f"recipe: {problem_list(problems, f'{len(problems)} problems')}")
        super().__init__(**sections)

    # Tells pydantic to treat ``__init__`` as its own, so that `model_validate` collects faults without calling it.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    def names(self) -> list[str]:
        """The names of the stages, in order."""
        return [entry.options.name or entry.kind for entry in self.stages]

    def stage_data(self) -> list[str]:
        """The ``corpus/split`` references of stages that have training data of their own."""
        stages = [entry.options for entry in self.stages]
        return [each for stage in stages if isinstance(stage, TrainingStageOptions) for each in stage.train or ()]

    def resolved(self) -> dict[str, object]:
        """Plain data with every default filled in, that reads back as this recipe."""
        return self.model_dump(mode="json", by_alias=True)

    def problems(self) -> Iterator[str]:
        """What is wrong between the sections."""
        made_by = self.name if self.about is not None and self.about.prepare and self.name in known_recipes() else None
        yield from self.data.problems(self.stage_data(), made_by)
        yield from (f"compute.{problem}" for problem in self.compute.problems())
        yield from self._trials_problems()
        if self.data.hold_out and not self.task.options.scored_on_trials:
            yield f"data.hold_out: {self.task.kind} is not scored on trials; leave it out"
        if self.task.options.whole_utterances and self.data.crop is not None:
            yield f"data.crop: {self.task.kind} learns from whole utterances; take crop: null"
        yield from self._batch_problems("data", self.data.batch, self.data.crop)
        names = self.names()
        for k, entry in enumerate(self.stages):
            path, before = f"stages[{k}].{entry.kind}", [START, *names[:k]]
            for problem in self._stage_problems(entry.options, before):
                yield f"{path}.{problem}"
            if names[k] in before:
                yield f"{path}.name: {names[k]!r} is taken by an earlier stage; give this one another name"

    def _trials_problems(self) -> Iterator[str]:
        """Report test data with trials for a task without trials, or without trials for a task that needs them."""
        sets = {f"data.test.{name}": each for name, each in self.data.test.items()}
        for path, each in (({"data.dev": self.data.dev} if self.data.dev else {}) | sets).items():
            if self.task.options.scored_on_trials and each.trials is None:
                yield f"{path}.trials: {self.task.kind} is scored on trials; give a trials file"
            elif not self.task.options.scored_on_trials and each.trials is not None:
                yield f"{path}.trials: {self.task.kind} is not scored on trials; leave them out"

    def _batch_problems(self, path: str, batch: int, crop: tuple[float, float] | None) -> Iterator[str]:
        """Report more audio in a batch than any machine can train on."""
        if crop is not None and batch * crop[1] > MOST_AUDIO:
            seconds = f"{batch:,} utterances of {crop[1]:g} s are {batch * crop[1]:,.0f} s"
            yield f"{path}.batch: {seconds} of audio at once; at most {MOST_AUDIO:,.0f}; take fewer or shorter ones"

    def _stage_problems(self, stage: StageOptions, before: list[str]) -> Iterator[str]:
        if stage.start is not None and stage.start not in before:
            yield f"start: no earlier stage is called {stage.start!r}; {did_you_mean(stage.start, before)}"
        if isinstance(stage, TrainingStageOptions):
            for k, reference in enumerate(stage.train or ()):
                yield from self.data.reference_problems(reference, f"train[{k}]")
            if stage.batch or stage.crop:
                batch, crop = stage.batch or self.data.batch, stage.crop or self.data.crop
                yield from (problem.removeprefix(".") for problem in self._batch_problems("", batch, crop))
            if self.task.options.whole_utterances and stage.crop is not None:
                yield f"crop: {self.task.kind} learns from whole utterances; leave it out"
            try:
                self.task.options.with_loss(stage.loss)
            except ValidationError as error:
                loss = type(self.task.options.loss)
                yield from (f"loss.{line}" for line in problems_of(error, loss))
            except ValueError as error:
                yield f"loss: {error}"
        held_out = self.task.options.scored_on_trials and self.data.hold_out != 0
        if stage.evaluates_during_training and self.data.dev is None and not held_out:
            yield "evaluate_every: there is no data.dev to evaluate on"
        yield from stage.problems(before=before, has_budget=self.budget is not None)


def recipe_problems(data: Mapping[str, object]) -> list[str]:
    """All faults of a recipe that can be found before anything is made, one line for each.

    Args:
        data: the recipe as plain data from a file, or as sections made in Python.
    """
    try:
        return list(Recipe.model_validate(data).problems())
    except ValidationError as error:
        problems = problems_of(error, Recipe)
        faulty = error
    try:  # faults between sections, too, if the recipe is valid without the faulty entries
        return [*problems, *Recipe.model_validate(_without(data, faulty)).problems()]
    except ValidationError:
        return problems


def _without(data: Mapping[str, Any], error: ValidationError) -> dict[str, Any]:
    """The data without the entries that pydantic finds faulty."""
    others = copy.deepcopy(dict(data))
    for each in error.errors():
        holder: Any = others
        for step in each["loc"][:-1]:
            try:
                holder = holder[step]
            except (KeyError, IndexError, TypeError):  # pydantic names steps that are not in the data
                break
        if isinstance(holder, dict):
            holder.pop(each["loc"][-1], None)
    return others
