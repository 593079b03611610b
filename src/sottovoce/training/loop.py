"""The one training loop: a Lightning module that adds up terms, and `fit`, which resumes exactly."""

from __future__ import annotations

import gc
import itertools
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.plugins import MixedPrecision
from torch import Tensor
from torch.amp import GradScaler
from torch.utils.data import DataLoader, Dataset, Sampler

from ..data.batches.batches import Batch, BatchLoader
from ..errors import TrainingError
from ..models.task_model import TaskModel
from .checkpoints import Checkpoints, StraightToDisk, newest
from .clipping import Clipping
from .loss_scaling import SkippedSteps
from .randomness import begin_step
from .terms import Term, Values, weight_groups, weighted_sum


@dataclass(frozen=True)
class Compute:
    """Where and how a stage is computed.

    Args:
        accelerator, precision: as Lightning understands them.
        workers: processes that prepare batches; 0 prepares them in the training process.
    """

    accelerator: str = "auto"
    precision: str = "32-true"
    workers: int = 0


@dataclass(frozen=True)
class TrainingSetup:
    """What the loop needs to know of one stage.

    Args:
        name, seed: what its random choices are a function of, besides step and rank.
        steps: optimizer updates.
        batches: (rank, world) -> the batches of that process, by step; with ``accumulate`` of them for each step.
        terms: summands of the loss.
        encoder_lr, head_lr, weight_decay: of the two groups of weights.
        rate: factor of the weights' learning rates at each step.
        encoder_gradient: factor of the gradients of the encoder's weights, before any clipping; not of its gates.
        accumulate: batches whose gradients make one step.
        clip: makes what limits the norm of the weights' gradient; ``None`` for no limit. Gates and multipliers are never
            clipped: what they should do does not depend on how steep the weights are.
        checkpoint_every: steps between training states on disk.
        recompute: keep no activations of layers, compute them again in the backward pass.
    """

    name: str
    seed: int
    steps: int
    batches: Callable[[int, int], Dataset[Batch]]
    terms: Sequence[Term]
    encoder_lr: float
    head_lr: float
    weight_decay: float
    rate: Callable[[int], float]
    encoder_gradient: float = 1.0
    accumulate: int = 1
    clip: Callable[[], Clipping] | None = None
    checkpoint_every: int = 100
    recompute: bool = False
    callbacks: Sequence[Callback] = field(default_factory=tuple)


class TrainingModule(LightningModule):
    """Model and terms under one optimizer, every random choice a function of (seed, stage, step, rank)."""

    def __init__(self, model: TaskModel, setup: TrainingSetup, workers: int = 0):
        super().__init__()
        self.model = model
        self.terms = torch.nn.ModuleList(setup.terms)
        self.clipping = setup.clip() if setup.clip is not None else None
        self.skipped = SkippedSteps(setup.name)
        parts: tuple[torch.nn.Module, ...] = (model.encoder, model.head)
        self._frozen_parts = [part for part in parts if not any(p.requires_grad for p in part.parameters())]
        self._setup = setup
        self._workers = workers
        self.logged: Values = {}

    @property
    def training_setup(self) -> TrainingSetup:
        """What the module is trained on."""
        return self._setup

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        setup = self._setup
        step = self.trainer.global_step
        for term in setup.terms:
            term.begin(step)
        begin_step(setup.seed, setup.name, step * setup.accumulate + batch_idx % setup.accumulate, self.global_rank)
        for part in self._frozen_parts:
            freeze_statistics(part)
        if self.scaler is not None:
            self.skipped.remember(self.model)
        output = self.model(batch["waveform"], batch["lengths"])
        loss, logged = weighted_sum(list(setup.terms), self.model, batch, output)
        if not torch.isfinite(loss):
            if self.scaler is not None:
                self.logged = logged
                return loss * torch.nan  # or gradients could be finite, and the step be made
            raise TrainingError(
                f"stage {setup.name}: the loss is {loss.item()} at step {step}; lower the learning rate or clip gradients"
            )
        self.logged = logged
        return loss

    def configure_optimizers(self) -> Any:
        setup = self._setup
        groups = weight_groups(
            self.model, encoder_lr=setup.encoder_lr, head_lr=setup.head_lr, weight_decay=setup.weight_decay
        )
        groups += [group for term in setup.terms for group in term.groups()]
        groups = [{"scheduled": True, **group} for group in groups if group["params"]]
        optimizer = torch.optim.AdamW(groups, lr=0.0)
        factors = [setup.rate if group["scheduled"] else _one for group in groups]
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factors)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @property
    def scaler(self) -> GradScaler | None:
        """What scales the loss in half precision."""
        return getattr(self.trainer.precision_plugin, "scaler", None)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        if self.scaler is None:
            super().optimizer_step(*args, **kwargs)
        else:
            self.skipped.watch(self.scaler, lambda: LightningModule.optimizer_step(self, *args, **kwargs))
            self.logged = {**self.logged, "skipped": self.skipped.count.float()}

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, *_: object, **__: object) -> None:
        # Called after unscaling in mixed precision.
        if (factor := self._setup.encoder_gradient) != 1:
            for weight in self.model.encoder.parameters():
                if weight.grad is not None:
                    weight.grad.mul_(factor)
        if self.clipping is not None:
            self.clipping([p for group in optimizer.param_groups if group["scheduled"] for p in group["params"]])

    def train_dataloader(self) -> DataLoader[Batch]:
        # Lightning asks for it after it has restored the step.
        start = self.trainer.global_step * self._setup.accumulate
        steps = _From(start, self._setup.steps * self._setup.accumulate)
        batches = self._setup.batches(self.global_rank, self.trainer.world_size)
        return BatchLoader(batches, steps, workers=self._workers)


def freeze_statistics(part: torch.nn.Module) -> None:
    """Let the batch norms of an encoder or head without trainable weights use and keep the statistics that they have."""
    for module in part.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()


def _one(step: int) -> float:
    return 1.0


class _From(Sampler[int]):
    """``start, start + 1, ...``: without a length, so that Lightning takes the whole stage for one epoch."""

    def __init__(self, start: int, stop: int):
        self.start, self.stop = start, stop

    def __iter__(self) -> Iterator[int]:
        yield from itertools.islice(itertools.count(self.start), self.stop - self.start)


def fit(model: TaskModel, setup: TrainingSetup, compute: Compute, directory: Path) -> None:
    """Train ``model`` in place, from the newest training state in ``directory`` if there is one.

    The state holds weights, optimizer, gates, multipliers, ramp and step. Data and random choices are functions of the
    step, so training that was killed at any point ends in the same weights as training that was not (on a CPU, with the same
    number of threads).

    Args:
        model: the network; hooks of gates are on it already.
        setup: what to train it on.
        compute: on what.
        directory: for training states.
    """
    if setup.recompute:
        model.gradient_checkpointing_enable()
    model.train()
    module = TrainingModule(model, setup, compute.workers)
    with _quiet():
        trainer = Trainer(
            accelerator=compute.accelerator,
            devices=1,
            precision=compute.precision,  # type: ignore[arg-type]
            max_steps=setup.steps,
            max_epochs=-1,
            accumulate_grad_batches=setup.accumulate,
            use_distributed_sampler=False,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            plugins=StraightToDisk(),
            num_sanity_val_steps=0,
            callbacks=[*setup.callbacks, Checkpoints(directory, setup.checkpoint_every, setup.steps)],
        )
        if compute.precision == "16-mixed" and trainer.strategy.root_device.type == "cpu":
            # Lightning takes bfloat16 instead there, and says so in a warning.
            trainer.strategy.precision_plugin = MixedPrecision("16-mixed", "cpu")
        try:
            trainer.fit(module, ckpt_path=newest(directory), weights_only=True)
        except SystemExit:
            if trainer.interrupted:
                raise KeyboardInterrupt from None
            raise
        finally:
            if setup.recompute:
                model.gradient_checkpointing_disable()
            model.zero_grad()
            model.eval()
    if (warning := module.skipped.final_warning(setup.steps)) is not None:
        warnings.warn(warning, stacklevel=2)
    # What comes next (slimming with its proof, say) needs the memory of gradients, optimizer and, once the caller lets go of
    # its terms, teachers.
    for callback in setup.callbacks:
        for name in ("log", "log_dict"):  # Lightning's, methods of the module
            vars(callback).pop(name, None)
    del trainer, module
    gc.collect()


class _quiet(warnings.catch_warnings):
    """Without Lightning's remarks on loaders, loggers and devices, which do not hold for this loop."""

    def __enter__(self) -> None:
        super().__enter__()
        self._levels = {name: logging.getLogger(name).level for name in ("lightning.pytorch", "lightning.fabric")}
        for name in self._levels:
            logging.getLogger(name).setLevel(logging.ERROR)
        warnings.filterwarnings("ignore", module=r"lightning\..*")
        warnings.filterwarnings("ignore", message=r".*(num_workers|does not have many workers|not resumable).*")

    def __exit__(self, *exception: Any) -> None:
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)
        super().__exit__(*exception)
