"""Dense against slim recognition, and both against what needs no ears.

    python benchmarks/recognition_table.py recipes/recognition-commands.yaml [--run DIR] [--set ...]

Carries out a recipe for recognition (or goes on with it), then prints word error rates of its evaluated stages with 95 %
intervals, beside those of saying nothing and of always saying the commonest transcript of training; parameters,
multiplications, and wall time of encoder and head for one utterance.
"""

from __future__ import annotations

import argparse
from collections import Counter
from functools import partial
from pathlib import Path

import torch
from rich.console import Console
from rich.table import Table

from sottovoce.metrics.recognition import score_recognition
from sottovoce.models.task_model import TaskModel
from sottovoce.profiling.timing import Spread, alternate, threads
from sottovoce.pruning.costs import cost, human
from sottovoce.recipe.data_section import Corpora
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.tasks.transcripts import transcript


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--set", dest="changes", action="append", default=[])
    parser.add_argument("--seconds", type=float, default=2.0, help="length of the utterance that is counted and timed")
    options = parser.parse_args()
    recipe = read_recipe(options.recipe, options.changes)
    run = compress(recipe, run=options.run)

    stages = [name for name in recipe.names() if "test" in (run.finished(name) or {})]
    models = {name: TaskModel.from_pretrained(str(run.model(name))).eval() for name in stages}
    wave = torch.randn(1, round(options.seconds * 16_000), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode(), threads(1):
        times = alternate({name: partial(model, wave) for name, model in models.items()}, repeats=15)

    task, corpora = recipe.task.options, Corpora(recipe.data, run.path / "data")
    normalizer = task.normalizer()
    said = Counter(transcript(cut, normalizer) for cut in corpora.cuts(*recipe.data.train))
    commonest = said.most_common(1)[0][0]
    table = Table(title=f"WER % [95 %]; MACs and time for {options.seconds:g} s, batch 1, float32, 1 thread")
    for column in ("", *recipe.data.test, "params", "with head", "MACs", "ms"):
        table.add_column(column, justify="right" if column else "left")
    for name, text in (("nothing", ""), (f"always {commonest!r}", commonest)):
        rates = []
        for place in recipe.data.test.values():
            references = {cut.id: transcript(cut, normalizer) for cut in corpora.test_set(place).cuts}
            found = score_recognition(references, dict.fromkeys(references, text), normalizer=normalizer)
            rates.append(f"{100 * found.rate:.1f}")
        table.add_row(name, *rates)
    for name, model in models.items():
        rates = []
        for found in run.finished(name)["test"].values():
            low, high = (100 * found["wer_interval"][end] for end in ("low", "high"))
            rates.append(f"{100 * found['wer']:.1f} [{low:.1f}, {high:.1f}]")
        alone, whole = cost(model.encoder, options.seconds), cost(model, options.seconds)
        counts = (human(alone.params), human(whole.params), human(whole.macs))
        table.add_row(name, *rates, *counts, str(Spread.from_values(times[name])))
    Console(width=140).print(table)


if __name__ == "__main__":
    main()
