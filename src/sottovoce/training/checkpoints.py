"""Training states on disk. They are written atomically, and only the newest is kept."""

from __future__ import annotations

import re
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from lightning.fabric.plugins import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer

from ..errors import CheckpointError
from ..files import move_into_place, partial_of, path_in_errors
from .steps import StepCallback


class StraightToDisk(TorchCheckpointIO):
    """Writes a training state directly to disk. Lightning first builds it in memory, which takes three times the model."""

    def save_checkpoint(self, checkpoint: dict[str, object], path: str | Path, storage_options: object = None) -> None:
        with path_in_errors(Path(path)), open(path, "wb") as file:
            torch.save(checkpoint, file)

    def load_checkpoint(self, path: str | Path, *args: Any, **kwargs: Any) -> dict[str, object]:
        try:
            return super().load_checkpoint(path, *args, **kwargs)
        except (RuntimeError, EOFError, UnpicklingError):  # what `torch.load` raises on a damaged file
            raise CheckpointError(f"{path}: damaged; remove it, and the stage begins again") from None


_NAME = re.compile(r"step-(\d+)\.ckpt")


class Checkpoints(StepCallback):
    """Saves the training state at regular optimizer steps, after the last one, and where training ends early.

    It must be last in the list of callbacks, so that the state includes what the others have counted at a step.

    Args:
        directory: directory of the states; older ones are deleted once the new one is complete.
        every: steps between two states.
        last: the last step.
    """

    def __init__(self, directory: Path, every: int, last: int):
        super().__init__()
        self.directory, self.every, self.last = directory, every, last

    def on_step(self, trainer: Trainer, module: LightningModule, step: int) -> None:
        if step % self.every and step != self.last and not trainer.should_stop:
            return
        path = self.directory / f"step-{step:08d}.ckpt"
        older = states(self.directory)
        path.parent.mkdir(parents=True, exist_ok=True)
        trainer.save_checkpoint(partial_of(path))  # all ranks must call it; one of them writes
        if trainer.is_global_zero:
            move_into_place(path)
            for each in older:
                each.unlink()
        trainer.strategy.barrier()


def states(directory: Path) -> list[Path]:
    """The complete training states in a directory, oldest first."""
    found = [each for each in directory.glob("step-*.ckpt") if _NAME.fullmatch(each.name)]
    return sorted(found, key=lambda each: each.name)


def newest(directory: Path) -> Path | None:
    """The newest training state in a directory; ``None`` if there is none."""
    return next(reversed(states(directory)), None)
