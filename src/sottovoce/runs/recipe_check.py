"""A check of a full-scale recipe without its corpus: its real models take one optimizer step in every stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from rich.console import Console

from ..checkpoints.published_configs import published_config, published_encoders
from ..data.corpora.cuts import read_cuts
from ..encoder.config import EncoderConfig
from ..encoder.loading.uninitialized import without_memory
from ..encoder.model import SpeechEncoder
from ..models.task_config import TaskConfig
from ..models.task_model import TaskModel
from ..profiling.memory import peak_resident_bytes
from ..pruning.costs import cost
from ..recipe.stage_names import START
from ..recipe.stage_options import StageWork
from .compression import compress
from .recipe import Recipe
from .recipe_file import read_recipe
from .run_directory import RunDirectory
from .scaled_down import dry_run
from .stages.context import StageResult

GPUS: dict[str, dict[str, float]] = {
    "A100": {"bf16": 312e12, "fp16": 312e12, "float32": 19.5e12},
    "H100": {"bf16": 989e12, "fp16": 989e12, "float32": 67e12},
    "V100": {"fp16": 125e12, "float32": 15.7e12},
    "RTX 4090": {"bf16": 165e12, "fp16": 165e12, "float32": 82.6e12},
}
"""Operations a second that the makers' data sheets give for dense products (float32: as it is, without TF32, which torch
uses only where it is switched on)."""

UTILIZATION = 0.3
"""Assumed fraction of these that training of speech encoders reaches."""


@dataclass(frozen=True)
class StageCheck:
    """The cost of one step of a stage on this machine, and an estimate for all steps on another.

    Args:
        name, kind: name and kind of the stage.
        steps: number of steps of the full-scale stage; 0 for a stage that trains nothing.
        batch: number of utterances in one full-scale step, including gradient accumulation.
        crop: length of each utterance in seconds, the mean of a range; ``None`` for whole utterances.
        duration: length in seconds of the one utterance of the step that is taken here.
        params: number of parameters of the encoder that the stage starts from.
        macs: multiply-accumulates of encoders in one step: forward, backward (twice that), recomputation and teacher. Heads
            are not counted.
        peak: peak resident memory of the process in bytes, with batch size 1.
        seconds: running time of the whole stage here with one step, including loading and slimming with its proof.
    """

    name: str
    kind: str
    steps: int
    batch: int
    crop: float | None
    duration: float
    params: int
    macs: float
    peak: int | None
    seconds: float

    def hours(self, gpu: str, precision: str) -> float | None:
        """Estimated hours of the whole stage on one GPU; None where it has no such precision."""
        rate = GPUS[gpu].get(precision)
        return None if rate is None else 2 * self.macs * self.steps / (rate * UTILIZATION) / 3600


def check_recipe(path: Path, folder: Path, progress: Callable[[str], None] = lambda name: None) -> list[StageCheck]:
    """Carry out every stage of a recipe with one optimizer step on one synthetic utterance.

    The networks have their real sizes and random weights. Precision, recomputation and budget are those of the recipe, and
    slimming is proved. The check says nothing about the quality of results.

    Args:
        path: path of the recipe.
        folder: folder for models and speech, which needs several times the size of the model.
        progress: called with the name of each stage before it begins.

    Raises:
        RecipeError: the recipe is faulty.
        SottovoceError: a stage cannot be carried out.
    """
    plain: dict[str, Any] = {}

    def scaled(data: dict[str, Any]) -> dict[str, Any]:
        plain.update(data)
        return dry_run(data, folder / "published")

    small = read_recipe(path, scale=scaled)
    full = Recipe.model_validate({key: value for key, value in plain.items() if key != "smoke_test"})
    measured: dict[str, tuple[int | None, float]] = {}

    def around(name: str, work: Callable[[], StageResult]) -> StageResult:
        progress(name)
        began = time.perf_counter()
        done: list[StageResult] = []
        peak = peak_resident_bytes(lambda: done.append(work()))
        if peak is None and not done:
            done.append(work())
        measured[name] = (peak, time.perf_counter() - began)
        return done[0]

    with open(folder / "log.txt", "w", encoding="utf-8") as log:
        run = compress(small, folder / "run", console=Console(file=log, width=140), around=around)
    networks = _Networks(run)
    whole = mean(cut.duration for cut in read_cuts(run.path / "data" / "synthetic" / "train.jsonl.gz"))
    found, previous = [], START
    for name, entry in zip(full.names(), full.stages, strict=True):
        start = entry.options.start or previous
        work = entry.options.work(full.data)
        peak, seconds = measured[name]
        check = StageCheck(
            name=name,
            kind=entry.kind,
            steps=work.steps,
            batch=work.batch,
            crop=sum(work.crop) / 2 if work.crop else None,
            duration=max(work.crop) if work.crop else whole,
            params=networks.params(start),
            macs=networks.macs(work, start) if work.steps else 0.0,
            peak=peak,
            seconds=seconds,
        )
        found.append(check)
        previous = name
    return found


TYPICAL = 12.0
"""Assumed length of a whole utterance in seconds: the mean of LibriSpeech."""


class _Networks:
    """The cost of the networks of a run, by the name of the stage that made them."""

    def __init__(self, run: RunDirectory):
        self.run = run

    def params(self, name: str) -> int:
        return cost(self._network(name)).params

    def macs(self, work: StageWork, start: str) -> float:
        """Multiply-accumulates of the encoders in one step of a stage."""
        seconds = sum(work.crop) / 2 if work.crop else TYPICAL
        student = cost(self._network(start), seconds).macs
        teacher = cost(self._network(work.teacher), seconds).macs if work.teacher is not None else 0.0
        return work.batch * (work.passes * student + teacher)

    def _network(self, name: str) -> SpeechEncoder:
        """The encoder of a stage or of a published checkpoint, without memory for its weights."""
        path = self.run.model(name)
        with without_memory():
            if path.exists():
                return TaskModel(TaskConfig.from_pretrained(path)).encoder
            config = published_config(name) if name in published_encoders() else EncoderConfig.from_pretrained(name)
            return SpeechEncoder(config)
