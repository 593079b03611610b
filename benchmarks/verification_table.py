"""Dense against slim speaker verification: magnitude and further training (a), gates and distillation (b).

    python benchmarks/verification_table.py --wuw2 DIR [--run runs/verification-wuw2] [--set ...]

Carries out recipes/verification-wuw2.yaml (or goes on with it), then prints a table: error rates with intervals by
speaker, parameters, multiplications and CPU time of every model, and the paired difference of (b) and (a).
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from sottovoce.data.corpora.cuts import cut_speaker
from sottovoce.metrics.detection.equal_error_rate import eer
from sottovoce.metrics.detection.trials import Trials
from sottovoce.metrics.intervals import bootstrap_difference
from sottovoce.models.task_model import TaskModel
from sottovoce.profiling.timing import Spread, alternate, threads
from sottovoce.recipe.data_section import Corpora
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.tasks.verification import Verification

SECONDS = 8.0
SPARSITIES = (50, 70, 80)
ROWS = ("fine_tune", *(f"{method}-{p}" for p in SPARSITIES for method in ("magnitude", "gates")))


def milliseconds(models: dict[str, TaskModel]) -> dict[str, Spread]:
    """Wall time of each model for one utterance, run in turn."""
    wave = torch.randn(1, round(SECONDS * 16000), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode(), threads(2):
        times = alternate({name: partial(model, wave) for name, model in models.items()}, repeats=15)
    return {name: Spread.from_values(each) for name, each in times.items()}


def difference(task: Verification, one: TaskModel, other: TaskModel, cuts: list, trials: Trials) -> str:
    """EER of ``one`` minus that of ``other`` on the same draws of speakers, in points."""
    speakers = {cut.id: cut_speaker(cut) for cut in cuts}
    sides = ([speakers[name] for name in side] for side in (trials.left, trials.right))
    found = bootstrap_difference(
        eer, *(task.scores(model, cuts, trials) for model in (one, other)), trials.targets, *sides
    )
    return f"{100 * found.value:+.1f} [{100 * found.low:+.1f}, {100 * found.high:+.1f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--wuw2", type=Path, required=True, help="directory of the corpus")
    parser.add_argument("--run", type=Path, default=Path("runs/verification-wuw2"))
    parser.add_argument("--set", dest="changes", action="append", default=[])
    options = parser.parse_args()
    recipe = Path(__file__).parents[1] / "recipes" / "verification-wuw2.yaml"
    changes = [
        f"data.corpora.wuw2.import.path={options.wuw2}",
        *(
            f"data.test.telephone {kind}s.trials={options.wuw2}/trials/dev_{kind}.txt"
            for kind in ("sentence", "keyword")
        ),
        *options.changes,
    ]
    plan = read_recipe(recipe, changes)
    compress(plan, run=options.run)

    results = {name: json.loads((options.run / "stages" / f"{name}.json").read_text()) for name in ROWS}
    models = {name: TaskModel.from_pretrained(str(options.run / "models" / name)).eval() for name in ROWS}
    times = milliseconds(models)
    tests = list(results["fine_tune"]["test"])
    table = Table(title=f"EER % [95 % by speaker]; MACs and time for {SECONDS:g} s, batch 1, float32, 2 threads")
    for column in ("model", *tests, "params", "MACs", "ms"):
        table.add_column(column, justify="left" if column == "model" else "right")
    for name, result in results.items():
        rates = []
        for test in tests:
            found = result["test"][test]
            low, high = (100 * found["eer_interval"][end] for end in ("low", "high"))
            rates.append(f"{100 * found['eer']:.1f} [{low:.1f}, {high:.1f}]")
        cost = result["cost"]
        table.add_row(name, *rates, f"{cost['params'] / 1e3:.0f} k", f"{cost['macs'] / 1e6:.0f} M", f"{times[name]}")
    console = Console(width=140)
    console.print(table)
    corpora = Corpora(plan.data, options.run / "data")
    for test, where in plan.data.test.items():
        data = corpora.test_set(where)
        for p in SPARSITIES:
            gap = difference(plan.task.options, models[f"gates-{p}"], models[f"magnitude-{p}"], data.cuts, data.trials)
            print(f"{test}, {p} % gone: EER of (b) gates minus (a) magnitude, paired by speaker: {gap} points")
    print(f"torch {torch.__version__}, seed 1, recipe {recipe.name}")


if __name__ == "__main__":
    main()
