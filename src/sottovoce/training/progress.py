"""The progress display of a training stage."""

from __future__ import annotations

import time

from lightning.pytorch import LightningModule, Trainer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from ..quantities import Milliseconds
from .steps import StepCallback


class ProgressBar(StepCallback):
    """A progress bar with loss, task metric, sparsity and its target, and milliseconds for each step.

    Outside a terminal, a line is printed at every tenth of the stage instead.

    Args:
        console: the console to print to.
        stage: name of the stage.
        steps: number of optimizer steps of the stage.
    """

    def __init__(self, console: Console, stage: str, steps: int):
        super().__init__()
        self.console, self.stage, self.steps = console, stage, steps
        self._bar: Progress | None = None
        self._milliseconds: Milliseconds | None = None

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        super().on_train_start(trainer, module)
        self._mark = time.perf_counter()
        if not trainer.is_global_zero or not self.console.is_terminal:
            return
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[summary]}"),
            TimeRemainingColumn(),
            console=self.console,
        )
        self._task = self._bar.add_task(self.stage, total=self.steps, completed=trainer.global_step, summary="")
        self._bar.start()

    def on_step(self, trainer: Trainer, module: LightningModule, step: int) -> None:
        now = time.perf_counter()
        latest, self._mark = 1000 * (now - self._mark), now
        self._milliseconds = latest if self._milliseconds is None else 0.9 * self._milliseconds + 0.1 * latest
        values = {name: float(value) for name, value in module.logged.items()}  # type: ignore[union-attr, operator]
        text = step_summary(values, self._milliseconds)
        if self._bar is not None:
            self._bar.update(self._task, completed=step, summary=text)
        elif trainer.is_global_zero and (step == self.steps or step % max(self.steps // 10, 1) == 0):
            self.console.print(f"{self.stage} {step}/{self.steps}  {text}", highlight=False, markup=False)

    def on_fit_end(self, trainer: Trainer, module: LightningModule) -> None:
        self.close()

    def on_exception(self, trainer: Trainer, module: LightningModule, exception: BaseException) -> None:
        self.close()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


def step_summary(values: dict[str, float], milliseconds: Milliseconds) -> str:
    """The most important values in one line."""
    parts = [f"loss {values['loss']:.3f}"]
    if "task/accuracy" in values:
        parts.append(f"accuracy {100 * values['task/accuracy']:.0f} %")
    for name, value in values.items():
        if name.startswith("dev/"):
            parts.append(f"{name} {value:.3f}")
        elif name.startswith("sparsity/"):
            what = name.removeprefix("sparsity/")
            parts.append(f"{what} {sparsity_text(value, values[f'target/{what}'])}")
    return "  ".join([*parts, f"{milliseconds:.0f} ms/step"])


def sparsity_text(now: float, target: float) -> str:
    """How much is removed and how much is to be. A network of factors can be larger than the dense one at first.

    >>> sparsity_text(0.123, 0.8), sparsity_text(-0.409, 0.5)
    ('12.3 % removed, target 80.0 %', '40.9 % above the dense size, target 50.0 % below it')
    """
    if now > -0.0005 and target > -0.0005:
        return f"{100 * abs(now):.1f} % removed, target {100 * abs(target):.1f} %"
    above, wanted = (f"{100 * abs(each):.1f} % {'above' if each < 0 else 'below'}" for each in (now, target))
    return f"{above} the dense size, target {wanted} it"
