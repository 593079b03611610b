"""What a stage has to work with: models of earlier stages, data, the loop, and where its results go."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor
from torch.utils.data import Dataset

from ..data.batches.batches import StepBatches
from ..distillation.features import FeatureDistillation
from ..distillation.logits import LogitsDistillation
from ..encoder.model import SpeechEncoder
from ..errors import CheckpointError, RecipeError
from ..files import whole_directory, write_tensors
from ..models.load import load_encoder
from ..models.model_card import History, scores_of, write_card
from ..models.task_model import TaskModel
from ..pruning.budget import Budget
from ..pruning.costs import cost
from ..pruning.planning.plans import Plan
from ..pruning.slimming import slim_and_verify
from ..recipe.augmentation import effects, masks
from ..recipe.data_section import Corpora
from ..recipe.shrinking_options import SlimmingOptions
from ..recipe.training_stage_options import (
    CheckpointSelectionOptions,
    DistillationOptions,
    LogitsOptions,
    StageOptions,
    TrainingStageOptions,
)
from ..tasks.task import Objective, Task
from ..text import plain_json
from ..training.loop import Compute, TrainingSetup, fit
from ..training.masking import masked
from ..training.progress import ProgressBar
from ..training.random_chunks import RandomChunks
from ..training.randomness import seed_of
from ..training.schedules import schedule
from ..training.selection import CheckpointSelection
from ..training.terms import Batch, DistillationTerm, TaskTerm, Term
from .metrics_log import MetricsLog
from .provenance import data_line, stage_lines
from .run_directory import RunDirectory
from .teachers import check_teacher, load_teacher

if TYPE_CHECKING:
    from lhotse.cut import Cut


@dataclass
class StageResult:
    """What a stage made.

    Args:
        model: the network.
        objective: the task's loss with its own weights, for later stages; ``None`` where no labels have been seen.
        results: what is worth telling, as plain data.
    """

    model: TaskModel
    objective: Objective | None = None
    results: dict[str, Any] = field(default_factory=dict)


@dataclass
class StageContext:
    """One stage of one run.

    Args:
        name: of the stage.
        seed: of the run.
        previous: the stage before.
        run, task, corpora, compute, console: of the run.
        default_budget: the recipe's budget.
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
        """Length of the utterance that multiplications are counted for."""
        return self.default_budget.seconds if self.default_budget is not None else 1.0

    def tell(self, line: str) -> None:
        """A line for a person."""
        self.console.print(f"{self.name}: {line}", highlight=False, markup=False)

    # --- models of earlier stages ---

    def start_model(self, options: StageOptions) -> TaskModel:
        """The model that the stage starts from."""
        return TaskModel.from_pretrained(str(self.run.model(options.start or self.previous))).train()

    def start_objective(self, options: StageOptions, model: TaskModel) -> Objective | None:
        """The loss of the stage that this one starts from, with its weights; ``None`` where it has none."""
        path = self.run.objective(options.start or self.previous)
        if not path.exists():
            return None
        labels, weights = load_objective(path)
        objective = self.task.objective(model, labels)
        objective.load_state_dict(weights)
        return objective

    def teacher(self, name: str) -> SpeechEncoder:
        """The encoder of an earlier stage, or of a checkpoint."""
        return load_encoder(self.run.model(name) if self.run.model(name).exists() else name)

    def budget(self, options: SlimmingOptions) -> Budget:
        """The stage's budget, or the recipe's."""
        budget = options.budget.build() if options.budget is not None else self.default_budget
        if budget is None:
            raise RecipeError(f"stage {self.name}: no budget; give one here or for the whole recipe")
        return budget

    # --- terms of the loss ---

    def task_term(self, options: TrainingStageOptions, model: TaskModel, weight: float = 1.0) -> TaskTerm:
        """The task's loss over the labels of the training data.

        It goes on from the weights of the stage before, as far as that had the same labels; what starts anew is told.
        """
        labels = self.task.labels(self.train_cuts(options))
        # Where outputs are classes, what they stand for was settled when the head was made.
        labels = model.config.labels or labels
        objective = self.task.with_loss(options.loss).objective(model, labels)
        before = self.run.objective(options.start or self.previous)
        if before.exists() and (taken := objective.load_matching(*load_objective(before))) < len(labels):
            self.tell(
                f"{len(labels)} labels, {taken} of them known to the stage before: the classifier of others is new"
            )
        return TaskTerm(objective, weight=weight, lr=options.lr.head, weight_decay=options.weight_decay)

    def distillation_term(
        self, options: TrainingStageOptions, model: TaskModel, distillation: DistillationOptions
    ) -> DistillationTerm:
        """Distillation from the teacher that is named."""
        logits = features = None
        if distillation.logits is not None:
            logits = self._logits(distillation.teacher, model, distillation.logits, options.loss)
        if layers := distillation.chosen(model.config.encoder.num_hidden_layers):
            features = FeatureDistillation(
                logits.teacher.encoder if logits is not None else self.teacher(distillation.teacher),
                model.encoder,
                layers,
                projections=distillation.projections,
                l1=distillation.l1,
                cosine=distillation.cosine,
            )
        return DistillationTerm(features, logits, weight=distillation.weight, lr=options.lr.encoder)

    def _logits(
        self, name: str, model: TaskModel, options: LogitsOptions, loss: Mapping[str, Any]
    ) -> LogitsDistillation:
        """Distillation of outputs, from an earlier stage or a checkpoint."""
        teacher = load_teacher(self.run.model(name) if self.run.model(name).exists() else name)
        check_teacher(teacher, model)
        distillation_loss = self.task.with_loss(loss).distillation_loss(model, teacher, options.temperature)
        return LogitsDistillation(teacher, distillation_loss, weight=options.weight)

    # --- data ---

    def train_cuts(self, options: TrainingStageOptions | None = None) -> list[Cut]:
        """The training data of the stage."""
        own = options.train if options is not None else None
        return self.corpora.train_cuts(*(own or ()))

    def batches(
        self, options: TrainingStageOptions | None, labels: Sequence[str]
    ) -> Callable[[int, int], Dataset[Batch]]:
        """(rank, world) -> training batches by step; without labels where ``labels`` is empty."""
        data = self.corpora.options
        cuts = self.train_cuts(options)

        def made(rank: int, world: int) -> StepBatches:
            return StepBatches(
                cuts,
                batch_size=(options.batch if options else None) or data.batch,
                seed=seed_of(self.seed, self.name, "batches"),
                crop=(options.crop if options else None) or data.crop,
                effects=effects(self._augmentation(options)),
                targets=self.task.targets(cuts, labels) if labels else None,
                balanced=data.balanced and bool(labels),
                cache=data.cache,
                rank=rank,
                world=world,
            )

        return made

    def _augmentation(self, options: TrainingStageOptions | None) -> list[Any]:
        """The stage's own augmentation, or that of the data section."""
        own = options.augment if options is not None else None
        return self.corpora.options.augment if own is None else own

    def sample_batches(self, count: int, objective: Objective | None) -> Iterator[Batch]:
        """A few training batches."""
        batches = self.batches(None, objective.labels if objective is not None else ())(0, 1)
        return (batches[step] for step in range(count))

    # --- training ---

    def train(self, options: TrainingStageOptions, model: TaskModel, terms: Sequence[Term]) -> dict[str, Any]:
        """Train ``model`` in place on the terms, and choose its weights; what is worth telling of it."""
        labels: Sequence[str] = next((term.labels for term in terms if term.labels), ())
        directory = self.run.checkpoints(self.name)
        log = MetricsLog(self.run, self.name, options.log_every)
        selection = (
            self._selection(options, directory, log) if isinstance(options, CheckpointSelectionOptions) else None
        )
        phase = TrainingSetup(
            name=self.name,
            seed=self.seed,
            steps=options.steps,
            batches=self.batches(options, labels),
            terms=terms,
            encoder_lr=options.lr.encoder,
            head_lr=options.lr.head,
            weight_decay=options.weight_decay,
            rate=schedule(options.steps, warmup=options.warmup, decay=options.decay, final=options.final),
            encoder_gradient=options.encoder_gradient,
            accumulate=options.accumulate,
            clip=options.clipping(),
            checkpoint_every=options.checkpoint_every,
            recompute=options.recompute,
            callbacks=[
                *self._random_chunks(model, terms),
                log,
                *([selection] if selection else []),
                ProgressBar(self.console, self.name, options.steps),
            ],
        )
        with masked(model.encoder, masks(self._augmentation(options))):
            fit(model, phase, self.compute, directory)
        model.cpu()
        if selection is None:
            return {}
        assert isinstance(options, CheckpointSelectionOptions)
        steps = selection.finish(model, options.keep, options.average)
        return {"weights_of_steps": steps, "evaluated": dict(selection.evaluated)}

    def _random_chunks(self, model: TaskModel, terms: Sequence[Term]) -> list[RandomChunks]:
        """For an encoder that learns to stream; teachers that do see what it sees."""
        if model.config.encoder.chunk_frames is None:
            return []
        teachers = [term.teacher for term in terms if isinstance(term, DistillationTerm)]
        streaming = [each for each in teachers if each.config.chunk_frames is not None]
        return [RandomChunks(model.encoder, *streaming, seed=self.seed, stage=self.name)]

    def _selection(
        self, options: CheckpointSelectionOptions, directory: Path, log: MetricsLog
    ) -> CheckpointSelection | None:
        if not options.evaluate_every:
            return None
        test = self.corpora.dev_set()
        if test is None:
            raise RecipeError(f"stage {self.name}: evaluate_every: there is no data.dev to evaluate on")
        train = self.train_cuts()

        def evaluate(model: TaskModel) -> dict[str, Any]:
            self.task.calibrate(model, train)
            return self.task.evaluate(model, test)

        return CheckpointSelection(
            evaluate,
            self.task.metric,
            lower=self.task.better == "lower",
            every=options.evaluate_every,
            last=options.steps,
            directory=directory,
            write_metrics=log.write,
        )

    # --- making smaller ---

    def slimmed(
        self, model: TaskModel, scope: SpeechEncoder | TaskModel, plan: Plan
    ) -> tuple[TaskModel, dict[str, Any]]:
        """Carry out a plan for the `scope` of ``model``; the smaller model, and proof and plan as results."""
        whole = plan if scope is model else plan.below("encoder")
        small, equality = slim_and_verify(model, whole)
        self.run.plan(self.name).parent.mkdir(parents=True, exist_ok=True)
        plan.save(self.run.plan(self.name))
        self.console.print(plan.table(), highlight=False, markup=False, soft_wrap=True)
        for loss in plan.lost():
            self.tell(loss.line())
        self.tell(f"slim network equals the gated one: largest relative difference {equality.worst:.1e} in float64")
        assert plan.reference is not None
        return small, {
            "equality": equality.worst,
            "budget_reference": {"params": plan.reference.params, "macs": plan.reference.macs},
        }

    # --- the end of a stage ---

    def finish(self, product: StageResult, *, evaluate: bool, began: float) -> dict[str, Any]:
        """Evaluate the stage's model, write it, and mark the stage as finished."""
        model = product.model.eval()
        data = self.corpora.options
        results = dict(product.results)
        self.task.calibrate(model, self.train_cuts())
        if evaluate and (dev := self.corpora.dev_set()) is not None:
            results["dev"] = self.task.evaluate(model, dev)
            self.task.set_threshold(model, results["dev"])
        if evaluate and data.test:
            results["test"] = {
                name: self.task.evaluate(model, self.corpora.test_set(each)) for name, each in data.test.items()
            }
            for name, numbers in results["test"].items():
                self.tell(f"{name}: {self.task.summary(numbers)}")
        results["cost"] = cost(model.encoder, self.seconds).to_dict()
        results["params_with_head"] = sum(p.numel() for p in model.parameters())
        with whole_directory(self.run.model(self.name)) as partial:
            model.save_pretrained(partial)
            write_card(partial, model, self._history(results))
        if product.objective is not None:
            labels = {"labels": plain_json.dumps(product.objective.labels)}
            write_tensors(self.run.objective(self.name), product.objective.state_dict(), labels)
        results["seconds"] = round(time.perf_counter() - began, 1)
        self.run.finish(self.name, results)
        self.run.clear(self.name)
        return results

    def _history(self, results: Mapping[str, Any]) -> History:
        """What the model's card tells of this stage."""
        recipe = self.run.recorded_recipe()
        lines = stage_lines(recipe, self.name)
        if "equality" in results:
            lines.append(f"slim network equals the gated one: largest relative difference {results['equality']:.1e}")
        measured = {"dev": results["dev"]} if "dev" in results else {}
        scores = [
            score
            for name, numbers in (measured | results.get("test", {})).items()
            for score in scores_of(name, numbers, self.task.metric)
        ]
        data = (
            [data_line(name, self.corpora.train_cuts(name)) for name in self.corpora.options.train]
            if len(lines) > 1
            else []
        )
        return History(f"{recipe['name']}-{self.name}", lines, data, scores, self.seconds)


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
