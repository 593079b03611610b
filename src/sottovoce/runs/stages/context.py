"""The inputs of a stage: models of earlier stages, data, the budget, and the directory of the run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import Dataset

from ...data.batches.batches import Batch, StepBatches
from ...encoder.model import SpeechEncoder
from ...errors import CheckpointError, RecipeError
from ...models.loading import load_pretrained
from ...models.task_model import TaskModel
from ...pruning.budget import Budget
from ...recipe.data_section import Corpora
from ...recipe.shrinking_options import SlimmingOptions
from ...recipe.stage_options import StageOptions
from ...recipe.training.augmentation import Augmentation, effects
from ...recipe.training.training_stage_options import TrainingStageOptions
from ...tasks.task import Objective, Task
from ...training.loop import Compute
from ...training.randomness import seed_of
from ..run_directory import RunDirectory

if TYPE_CHECKING:
    from lhotse.cut import Cut


@dataclass
class StageResult:
    """The result of a stage.

    Args:
        model: the network.
        objective: the task's loss with its own weights, for later stages; ``None`` if no labels were used.
        results: the recorded results of the stage, as plain data.
    """

    model: TaskModel
    objective: Objective | None = None
    results: dict[str, object] = field(default_factory=dict)


class StageRun(Protocol):
    """What a stage has besides its options."""

    def run(self, at: StageContext) -> StageResult:
        """Carry out the stage."""


@dataclass
class StageContext:
    """The inputs of one stage of a run.

    Args:
        name: name of the stage.
        seed: seed of the run.
        previous: name of the stage before.
        run: directory of the run.
        task: task of the recipe.
        corpora: corpora of the recipe.
        compute: hardware and precision of the stage.
        console: where progress is shown.
        default_budget: budget of the recipe, for stages without one of their own.
    """

    name: str
    seed: int
    previous: str
    run: RunDirectory
    task: Task
    corpora: Corpora
    compute: Compute
    console: Console
    default_budget: Budget | None = None

    @property
    def seconds(self) -> float:
        """Length of the utterance for which multiplications are counted."""
        return self.default_budget.seconds if self.default_budget is not None else 1.0

    def report(self, line: str) -> None:
        """Show a line under the stage's name."""
        self.console.print(f"{self.name}: {line}", highlight=False, markup=False)

    # --- earlier stages ---

    def start_model(self, options: StageOptions) -> TaskModel:
        """The model that the stage starts from."""
        return TaskModel.from_pretrained(str(self.run.model(options.start or self.previous))).train()

    def saved_objective(self, options: StageOptions) -> tuple[list[str], dict[str, Tensor]] | None:
        """Labels and weights of the loss of the stage that this one starts from; ``None`` if it has none."""
        path = self.run.objective(options.start or self.previous)
        return load_objective(path) if path.exists() else None

    def start_objective(self, options: StageOptions, model: TaskModel) -> Objective | None:
        """The loss of the stage that this one starts from, with its weights; ``None`` if it has none."""
        saved = self.saved_objective(options)
        if saved is None:
            return None
        labels, weights = saved
        objective = self.task.objective(model, labels)
        objective.load_state_dict(weights)
        return objective

    def source(self, name: str) -> Path | str:
        """The source of a model that a recipe names: the directory of an earlier stage, or the name itself."""
        path = self.run.model(name)
        return path if path.exists() else name

    def encoder(self, name: str) -> SpeechEncoder:
        """The encoder of an earlier stage or of a checkpoint."""
        return load_pretrained(self.source(name), encoder_only=True)

    def budget(self, options: SlimmingOptions) -> Budget:
        """The stage's budget, or that of the recipe.

        Raises:
            RecipeError: there is neither.
        """
        budget = options.budget.build() if options.budget is not None else self.default_budget
        if budget is None:
            raise RecipeError(f"stage {self.name}: no budget; give one here or for the whole recipe")
        return budget

    # --- data ---

    def train_cuts(self, options: TrainingStageOptions | None = None) -> list[Cut]:
        """The training data of the stage: its own, or those of the data section."""
        own = options.train if options is not None else None
        return self.corpora.train_cuts(*(own or ()))

    def augmentation(self, options: TrainingStageOptions | None) -> list[Augmentation]:
        """The stage's own augmentation, or that of the data section."""
        own = options.augment if options is not None else None
        return self.corpora.options.augment if own is None else own

    def batches(
        self, options: TrainingStageOptions | None, labels: Sequence[str]
    ) -> Callable[[int, int], Dataset[Batch]]:
        """(rank, world) -> training batches by step.

        Args:
            options: of the stage; ``None`` for those of the data section alone.
            labels: names of the classes; where they are empty, batches carry no labels.
        """
        data = self.corpora.options
        cuts = self.train_cuts(options)

        def batches_of_rank(rank: int, world: int) -> StepBatches:
            return StepBatches(
                cuts,
                batch_size=(options.batch if options else None) or data.batch,
                seed=seed_of(self.seed, self.name, "batches"),
                crop=(options.crop if options else None) or data.crop,
                effects=effects(self.augmentation(options)),
                targets=self.task.targets(cuts, labels) if labels else None,
                balanced=data.balanced and bool(labels),
                cache=data.cache,
                rank=rank,
                world=world,
            )

        return batches_of_rank

    def sample_batches(self, count: int, objective: Objective | None) -> Iterator[Batch]:
        """A few training batches, with labels for the objective if there is one."""
        batches = self.batches(None, objective.labels if objective is not None else ())(0, 1)
        return (batches[step] for step in range(count))


def load_objective(path: Path) -> tuple[list[str], dict[str, Tensor]]:
    """The labels that a saved objective was trained on, and its weights.

    Raises:
        CheckpointError: the file is damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            labels = json.loads(file.metadata()["labels"])
        return labels, load_file(path)
    except (SafetensorError, ValueError, TypeError, KeyError):  # metadata of any shape, or none
        again = path.parent.parent / "stages" / f"{path.stem}.json"
        raise CheckpointError(f"{path}: damaged; remove it and {again}, and the stage runs again") from None
