"""Callbacks that are called once after each optimizer step."""

from __future__ import annotations

from abc import ABC, abstractmethod

from lightning.pytorch import Callback, LightningModule, Trainer


class StepCallback(Callback, ABC):
    """A callback that is called after every optimizer step with its number from 1. Lightning's are called after every batch."""

    def __init__(self) -> None:
        self._last = 0

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        self._last = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *_: object) -> None:
        if trainer.global_step > self._last:
            self._last = trainer.global_step
            self.on_step(trainer, module, self._last)

    @abstractmethod
    def on_step(self, trainer: Trainer, module: LightningModule, step: int) -> None:
        """Called after optimizer step ``step``."""
