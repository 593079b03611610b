"""The files of a run, which are also read when it is resumed.

RUN/
  recipe.yaml              the recipe with everything resolved
  environment.json         hardware, threads and versions
  metrics.jsonl            one line for every logged step
  tensorboard/STAGE/       the same for TensorBoard
  checkpoints/STAGE/       the newest training states of a stage that is not finished
  models/STAGE/            the model of a stage, as `save_pretrained` writes it
  objectives/STAGE.safetensors   weights of a stage's loss, which later stages go on with
  stages/STAGE.json        results of a finished stage: it is written last
  plans/STAGE.json         the elements of each unit that were kept
  report.html
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import yaml

from ..errors import CheckpointError, RecipeError
from ..files import PARTIAL, path_in_errors, write_json, write_text
from ..locks import OWNER, hold_lock
from ..recipe.stage_names import START
from ..text import plain_json
from ..text.yaml_text import read_text, yaml_value

LOCK = ".lock"
STAND_INS = "stand-ins"
"""Folder of random networks that replace published ones in a smoke test."""


class RunDirectory:
    """Paths and records of one run.

    Args:
        path: the directory; it is made where it does not exist.

    Raises:
        RecipeError: the path is a file, or a directory that holds other things.
    """

    def __init__(self, path: str | os.PathLike[str]):
        self.path = Path(path)
        if "\0" in str(path):
            raise RecipeError(f"{str(path)!r}: no directory can have this name; choose another --run directory")
        if os.path.lexists(self.path) and not os.path.isdir(self.path):
            raise RecipeError(f"{self.path}: a file; a run needs a directory")
        if self.path.is_dir() and any(self.path.iterdir()) and not self._begun():
            raise RecipeError(f"{self.path}: not empty and not a run (no recipe.yaml); choose another --run directory")
        self.path.mkdir(parents=True, exist_ok=True)

    def _begun(self) -> bool:
        names = {each.name.removesuffix(PARTIAL) for each in self.path.iterdir()}
        return "recipe.yaml" in names or names <= {LOCK, LOCK + OWNER, STAND_INS}

    @contextmanager
    def locked(self, *, wait: bool = False, on_wait: Callable[[str], None] = lambda line: None) -> Iterator[None]:
        """Lock the run for this process while it works on it. Reading needs no lock.

        Args:
            wait: whether to wait for another process that works on the run; otherwise that is an error.
            on_wait: called with a line that names the other process, before it is waited for.

        Raises:
            RecipeError: another process works on the run.
        """

        def busy(owner: str) -> None:
            if not wait:
                raise RecipeError(
                    f"{self.path}: {owner}, is at work on this run; wait for it (--wait), or choose another --run directory"
                )
            on_wait(f"{self.path}: waiting for {owner}")

        with hold_lock(self.path / LOCK, busy=busy):
            yield

    # --- where things are ---

    @property
    def recipe(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    def tensorboard(self, stage: str) -> Path:
        return self.path / "tensorboard" / stage

    def checkpoints(self, stage: str) -> Path:
        return self.path / "checkpoints" / stage

    def model(self, stage: str) -> Path:
        return self.path / "models" / stage

    def plan(self, stage: str) -> Path:
        return self.path / "plans" / f"{stage}.json"

    def objective(self, stage: str) -> Path:
        return self.path / "objectives" / f"{stage}.safetensors"

    def marker(self, stage: str) -> Path:
        return self.path / "stages" / f"{stage}.json"

    # --- the recipe ---

    def record_recipe(self, recipe: Mapping[str, object]) -> None:
        """Write the resolved recipe, or check that the run was begun with the same one.

        Before the first model is written, another recipe replaces the recorded one.

        Raises:
            RecipeError: the run was begun with another recipe; the message names the keys that differ.
            CheckpointError: the recorded recipe cannot be read.
        """
        if not self.recipe.exists() or self.finished(START) is None:
            write_text(self.recipe, yaml.safe_dump(dict(recipe), sort_keys=False, allow_unicode=True))
            return
        before = self.recorded_recipe()
        if before["name"] != recipe["name"]:
            raise RecipeError(
                f"{self.path}: holds a run of {before['name']}, not of {recipe['name']}; choose another --run directory"
            )
        if changed := list(differences(before, json.loads(json.dumps(dict(recipe))))):
            lines = "\n".join(f"  {line}" for line in changed)
            raise RecipeError(
                f"{self.path}: this run was begun with another recipe:\n{lines}\n"
                "Take back the changes to go on with it, or choose another --run directory."
            )

    def recorded_recipe(self) -> dict[str, object]:
        """The recipe that the run was begun with.

        Raises:
            CheckpointError: it cannot be read.
        """
        try:
            recipe = yaml_value(read_text(self.recipe, CheckpointError))
        except CheckpointError:
            raise
        except ValueError as error:
            raise CheckpointError(
                f"{self.recipe}: damaged ({error}); copy it again, or choose another --run directory"
            ) from None
        # The first and the last that is written.
        if not isinstance(recipe, dict) or not isinstance(recipe.get("name"), str) or not recipe.get("stages"):
            raise CheckpointError(f"{self.recipe}: damaged; copy it again, or choose another --run directory")
        return recipe

    def recorded_environment(self) -> dict[str, str]:
        """Hardware, threads and versions that the run was begun with."""
        return json.loads(self.environment.read_text(encoding="utf-8"))

    # --- stages ---

    def finished(self, stage: str) -> dict[str, object] | None:
        """The results of a stage, or ``None`` while it is not finished."""
        path = self.marker(stage)
        try:
            return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        except ValueError:
            raise CheckpointError(f"{path}: damaged; remove it, and the stage runs again") from None

    def finish(self, stage: str, results: Mapping[str, object]) -> None:
        """Mark a stage as finished. Nothing of it is written afterwards."""
        write_json(self.marker(stage), dict(results))

    def clear(self, stage: str) -> None:
        """Remove the training states of a finished stage."""
        shutil.rmtree(self.checkpoints(stage), ignore_errors=True)

    # --- metrics ---

    def log(self, stage: str, step: int, values: Mapping[str, object]) -> None:
        """Append one line to ``metrics.jsonl``; a value that is not finite is null there, with the reason beside it."""
        with path_in_errors(self.metrics), open(self.metrics, "a", encoding="utf-8") as file:
            file.write(plain_json.dumps({"stage": stage, "step": step, **values}) + "\n")

    def drop_metrics(self, stage: str, after: int) -> None:
        """Remove the lines of a stage beyond a step. A resumed run writes them again."""
        if not self.metrics.exists():
            return
        kept = []
        for line in self.metrics.read_text(encoding="utf-8").splitlines():
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue  # the line that was being written when the run was killed
            if row["stage"] != stage or row["step"] <= after:
                kept.append(line + "\n")
        write_text(self.metrics, "".join(kept))

    def history(self, stage: str | None = None) -> list[dict[str, object]]:
        """The logged lines, in order; of one stage if named."""
        if not self.metrics.exists():
            return []
        rows = [json.loads(line) for line in self.metrics.read_text(encoding="utf-8").splitlines()]
        return [row for row in rows if stage is None or row["stage"] == stage]


def differences(before: object, now: object, path: str = "") -> Iterator[str]:
    """Every place where two pieces of plain data differ, as ``stages[0].prune.steps: 100 before, 200 now``."""
    if isinstance(before, Mapping) and isinstance(now, Mapping):
        for key in [*before, *(k for k in now if k not in before)]:
            where = f"{path}.{key}" if path else str(key)
            if key not in now:
                yield f"{where}: {before[key]!r} before, absent now"
            elif key not in before:
                yield f"{where}: absent before, {now[key]!r} now"
            else:
                yield from differences(before[key], now[key], where)
    elif isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        for k, (a, b) in enumerate(zip(before, now, strict=True)):
            yield from differences(a, b, f"{path}[{k}]")
    elif before != now:
        yield f"{path}: {before!r} before, {now!r} now"
