"""The training loop: a Lightning module that sums the terms of a loss, and `fit`, which resumes exactly."""

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
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.amp import GradScaler
from torch.utils.data import DataLoader, Dataset, Sampler

from ..data.batches.batches import Batch, BatchLoader
from ..errors import TrainingError
from ..models.task_model import TaskModel
from .checkpoints import Checkpoints, StraightToDisk, newest
from .optimization.clipping import ClippedBy, Clipping
from .optimization.front_end_gradient import front_end_weights
from .optimization.loss_scaling import SkippedSteps
from .optimization.optimizers import OPTIMIZERS, OptimizerName
from .optimization.schedules import Rate
from .randomness import begin_step
from .terms import Decayed, Term, Values, weight_groups, weighted_sum


@dataclass(frozen=True)
class Compute:
    """Hardware and precision of a stage.

    Args:
        accelerator, precision: arguments of Lightning's trainer.
        workers: number of processes that prepare batches; 0 prepares them in the training process.
    """

    accelerator: str = "auto"
    precision: str = "32-true"
    workers: int = 0


@dataclass(frozen=True)
class TrainingSetup:
    """Settings of the training loop for one stage.

    Args:
        name, seed: name of the stage and seed of the run, which determine all random choices with step and rank.
        steps: number of optimizer updates.
        batches: (rank, world size) -> the batches of that process in order, ``accumulate`` of them for each step.
        terms: terms of the loss.
        encoder_lr, head_lr, weight_decay: peak learning rates of encoder and head, and the weight decay of both.
        decays: whether only matrices have weight decay, or vectors (norms, biases) as well.
        optimizer: name of the optimizer.
        rate: step -> factor of these learning rates.
        encoder_gradient: factor of the gradients of the encoder's weights, not of its gates, before any clipping.
        front_end_gradient: another factor for the convolutions of the front end.
        accumulate: number of batches whose gradients are accumulated for one step.
        clip: makes the gradient clipping of the weights; ``None`` for no clipping. Gates and multipliers are never
            clipped, because their updates should not depend on the gradients of the weights.
        clip_by: whether all weights are clipped together, or those of the model, of the task's loss and of the
            projections each by themselves.
        checkpoint_every: steps between training states on disk.
        recompute: whether activations of layers are recomputed in the backward pass to save memory.
    """

    name: str
    seed: int
    steps: int
    batches: Callable[[int, int], Dataset[Batch]]
    terms: Sequence[Term]
    encoder_lr: float
    head_lr: float
    weight_decay: float
    rate: Rate
    decays: Decayed = "matrices"
    optimizer: OptimizerName = "adamw"
    encoder_gradient: float = 1.0
    front_end_gradient: float = 1.0
    accumulate: int = 1
    clip: Callable[[], Clipping] | None = None
    clip_by: ClippedBy = "all"
    checkpoint_every: int = 100
    recompute: bool = False
    callbacks: Sequence[Callback] = field(default_factory=tuple)


class TrainingModule(LightningModule):
    """Model and terms under one optimizer. Every random choice is a function of (seed, stage, step, rank)."""

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
        """The settings that the module is trained with."""
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
                return loss * torch.nan  # otherwise gradients could be finite, and the step would not be skipped
            raise TrainingError(
                f"stage {setup.name}: the loss is {loss.item()} at step {step}; lower the learning rate or clip gradients"
            )
        self.logged = logged
        return loss

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        setup = self._setup
        groups = weight_groups(
            self.model,
            encoder_lr=setup.encoder_lr,
            head_lr=setup.head_lr,
            weight_decay=setup.weight_decay,
            decays=setup.decays,
        )
        groups += [group for term in setup.terms for group in term.groups()]
        groups = [{"scheduled": True, **group} for group in groups if group["params"]]
        optimizer = OPTIMIZERS[setup.optimizer](groups, lr=0.0)
        factors = [setup.rate if group["scheduled"] else _one for group in groups]
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factors)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    @property
    def scaler(self) -> GradScaler | None:
        """The loss scaler of half precision; ``None`` in other precisions."""
        return getattr(self.trainer.precision_plugin, "scaler", None)

    def optimizer_step(self, *args: Any, **kwargs: Any) -> None:
        if self.scaler is None:
            super().optimizer_step(*args, **kwargs)
        else:
            self.skipped.watch(self.scaler, lambda: LightningModule.optimizer_step(self, *args, **kwargs))
            self.logged = {**self.logged, "skipped": self.skipped.count.float()}

    def configure_gradient_clipping(self, optimizer: torch.optim.Optimizer, *_: object, **__: object) -> None:
        # In mixed precision this is called after unscaling.
        setup, encoder = self._setup, self.model.encoder
        for factor, weights in (
            (setup.encoder_gradient, list(encoder.parameters())),
            (setup.front_end_gradient, front_end_weights(encoder)),
        ):
            for weight in weights if factor != 1 else ():
                if weight.grad is not None:
                    weight.grad.mul_(factor)
        if self.clipping is not None:
            parts: dict[str, list[Tensor]] = {}
            for group in optimizer.param_groups:
                if group["scheduled"]:
                    part = group["module"] if setup.clip_by == "module" else "all"
                    parts.setdefault(part, []).extend(group["params"])
            for each in parts.values():
                self.clipping(each)

    def train_dataloader(self) -> DataLoader[Batch]:
        # Lightning calls this after it has restored the step.
        start = self.trainer.global_step * self._setup.accumulate
        steps = _From(start, self._setup.steps * self._setup.accumulate)
        batches = self._setup.batches(self.global_rank, self.trainer.world_size)
        return BatchLoader(batches, steps, workers=self._workers)


def freeze_statistics(part: torch.nn.Module) -> None:
    """Keep the batch-norm statistics of an encoder or head without trainable weights, and use them in training, too."""
    for module in part.modules():
        if isinstance(module, torch.nn.modules.batchnorm._BatchNorm):
            module.eval()


def _one(step: int) -> float:
    return 1.0


class _From(Sampler[int]):
    """``start, start + 1, ...``, without a length, so that Lightning treats the whole stage as one epoch."""

    def __init__(self, start: int, stop: int):
        self.start, self.stop = start, stop

    def __iter__(self) -> Iterator[int]:
        yield from itertools.islice(itertools.count(self.start), self.stop - self.start)


def fit(model: TaskModel, setup: TrainingSetup, compute: Compute, directory: Path) -> None:
    """Train ``model`` in place, from the newest training state in ``directory`` if there is one.

    The state holds weights, optimizer, gates, multipliers, ramp and step. Data and random choices are functions of the
    step, so interrupted and resumed training ends in the same weights as uninterrupted training (on a CPU, with the same
    number of threads).

    Args:
        model: the network, with the hooks of gates attached.
        setup: settings of the stage.
        compute: hardware and precision.
        directory: directory of the training states.
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
            # On a CPU Lightning would replace float16 by bfloat16, with a warning.
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
    # Free gradients and optimizer for what follows, such as slimming with its proof. Teachers are freed when the caller
    # drops its terms.
    for callback in setup.callbacks:
        for name in ("log", "log_dict"):  # set by Lightning; they are methods of the module
            vars(callback).pop(name, None)
    del trainer, module
    gc.collect()


class _quiet(warnings.catch_warnings):
    """Suppresses Lightning's hints about loaders, loggers and devices, which do not apply to this loop."""

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
