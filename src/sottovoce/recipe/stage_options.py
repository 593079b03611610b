"""Options that all stages of a recipe share, and methods that describe a stage before it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from ..models.task_model import TaskModel
from ..options import Options
from ..pruning.budget import Budget
from .amounts import FileName
from .budget_options import BudgetOptions
from .data_section import DataOptions
from .distillation_options import DistillationOptions
from .network_forecast import NetworkForecast


@dataclass(frozen=True)
class StageWork:
    """What a stage computes.

    Args:
        steps: optimizer updates; 0 for a stage that trains nothing.
        batch: utterances of one update, gradient accumulation included.
        crop: shortest and longest length of an utterance in seconds; ``None`` for whole utterances.
        passes: cost of one utterance in forward passes of the encoder. A backward pass counts as two.
        teacher: whose encoder makes one forward pass more for each utterance; ``None`` for no teacher.
    """

    steps: int
    batch: int
    crop: tuple[float, float] | None
    passes: float = 0.0
    teacher: str | None = None


class StageOptions(Options):
    """Options that all stages share.

    A stage is a subclass with a method ``run(at: StageContext) -> StageResult``, registered in `sottovoce.runs.stages`. It
    overrides those of the methods below whose defaults do not apply to it.

    Args:
        name: how other stages, files and ``--set`` refer to it; default: its kind.
        start: stage whose model it starts from; default: the one before. ``start`` is the model before all stages.
        evaluate: evaluate the stage's model on all test sets.
    """

    on_card: ClassVar[tuple[str, ...]] = ()
    """Names of the options that the model card lists, in this order."""

    name: FileName | None = Field(None, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    start: str | None = None
    evaluate: bool = True

    @property
    def trains_head(self) -> bool:
        """Whether the weights of the head are trained."""
        return False

    @property
    def changes_encoder(self) -> bool:
        """Whether the stage changes the structure or the weights of the encoder."""
        return True

    @property
    def evaluates_during_training(self) -> bool:
        """Whether the stage evaluates on development data while it trains."""
        return False

    @property
    def imitates(self) -> DistillationOptions | None:
        """The distillation options of the stage; ``None`` if it imitates no teacher."""
        return None

    # --- what is wrong with it ---

    def problems(self, before: list[str], has_budget: bool) -> Iterator[str]:
        """What is wrong with the stage in its recipe.

        Args:
            before: names of the stages before it.
            has_budget: whether the recipe has a budget for all stages.
        """
        return iter(())

    def check(self, model: TaskModel) -> Iterator[str]:
        """What is wrong with the stage for a model of this structure. The weights are not those that it will start from."""
        return iter(())

    # --- what it does to the network ---

    def misfits(self, before: NetworkForecast, budget: Budget | None) -> Iterator[str]:
        """What is wrong with the stage for every network that it may start from.

        Args:
            before: the forecast of the network that the stage starts from.
            budget: budget of the recipe, for a stage without one of its own.
        """
        found = [list(self.check(variant)) for variant in before.variants]
        if all(found):
            yield from found[0]

    def after(self, before: NetworkForecast, budget: Budget | None) -> NetworkForecast:
        """The forecast of the network after the stage. The default is for stages that keep its structure.

        Args:
            before, budget: as in `misfits`.
        """
        return before

    # --- what it computes ---

    def work(self, data: DataOptions) -> StageWork:
        """The amount of work that the stage computes.

        Args:
            data: the data section of the recipe.
        """
        return StageWork(0, data.batch, data.crop)

    # --- what the model card says of it ---

    def card_options(self, budget: BudgetOptions | None) -> dict[str, object]:
        """The options for the model card as plain data, without those that are empty.

        Args:
            budget: budget of the recipe.
        """
        options = self.model_dump(mode="json", by_alias=True, include=set(self.on_card))
        return {name: options[name] for name in self.on_card if options[name] not in (None, {}, [], False)}

    def card_facts(self, budget: BudgetOptions | None) -> list[str]:
        """What the model card says of the stage, such as ``steps 100``.

        Args:
            budget: budget of the recipe.
        """
        facts = [f"{name} {_in_words(value)}" for name, value in self.card_options(budget).items()]
        return facts if self.imitates is None else [*facts, self.imitates.card_fact()]


def _in_words(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key} {_in_words(each)}" for key, each in value.items() if each is not None)
    return f"{value:g}" if isinstance(value, float) else str(value)
