"""Metrics of training steps as JSON lines and for TensorBoard."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lightning.pytorch import LightningModule, Trainer

from ..training.steps import StepCallback
from .run_directory import RunDirectory

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class MetricsLog(StepCallback):
    """Logs the terms of the loss, learning rates, and milliseconds for each step.

    Args:
        run: the run to whose directory the metrics are written.
        stage: name of the stage.
        every: steps between two lines.
    """

    def __init__(self, run: RunDirectory, stage: str, every: int):
        super().__init__()
        self.run, self.stage, self.every = run, stage, every
        self._writer: SummaryWriter | None = None

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        super().on_train_start(trainer, module)
        if not trainer.is_global_zero:
            return
        from torch.utils.tensorboard import SummaryWriter

        self.run.drop_metrics(self.stage, after=trainer.global_step)
        self._writer = SummaryWriter(self.run.tensorboard(self.stage), purge_step=trainer.global_step + 1)
        self._mark = (time.perf_counter(), trainer.global_step)

    def on_step(self, trainer: Trainer, module: LightningModule, step: int) -> None:
        if self._writer is None or (step % self.every and step != 1):
            return
        now = time.perf_counter()
        before, since = self._mark
        self._mark = (now, step)
        rates = {f"lr/{group['name']}": group["lr"] for group in trainer.optimizers[0].param_groups}
        values = {name: float(value) for name, value in module.logged.items()}  # type: ignore[union-attr, operator]
        self.write(step, values | rates | {"ms_per_step": 1000 * (now - before) / max(step - since, 1)})

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Record the values of one step."""
        if self._writer is None:
            return
        self.run.log(self.stage, step, {name: round(value, 7) for name, value in values.items()})
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def on_fit_end(self, trainer: Trainer, module: LightningModule) -> None:
        if self._writer is not None:
            self._writer.close()
