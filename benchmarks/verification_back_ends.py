"""What back-ends and score normalization are worth: the models of a finished run, scored in several ways.

    python benchmarks/verification_back_ends.py RUN STAGE [STAGE ...] [--draws 1000]

RUN is a directory that ``sottovoce compress`` made from a recipe for verification. Back-ends and cohorts are fitted on its
training data, exactly as ``task.verification.scoring`` does it; no weight is changed, so this needs no new training.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from rich.console import Console
from rich.table import Table

from sottovoce.data.corpora.cuts import cut_speaker
from sottovoce.metrics import bootstrap, eer
from sottovoce.models.cosine_scoring import CosineScoring
from sottovoce.models.task_model import TaskModel
from sottovoce.recipe.data_section import Corpora
from sottovoce.runs.recipe import Recipe
from sottovoce.tasks.scoring.embedding import embed_all
from sottovoce.tasks.scoring.speaker_scoring import Scoring, describe_scoring, score
from sottovoce.tasks.task import EvaluationData
from sottovoce.tasks.verification import evenly_spaced, evenly_spaced_by_speaker

WCCN: Mapping[str, Any] = {"wccn": {}}
WAYS: list[Mapping[str, Any]] = [
    {},
    {"back_end": WCCN},
    {"back_end": {"lda": {"dimensions": 40, "ridge": 0.1}}},
    {"back_end": {"lda": {"dimensions": 100, "ridge": 0.1}}},
    {"as_norm": {"top": 20}},
    {"as_norm": {"top": 100}},
    {"back_end": WCCN, "as_norm": {"top": 20}},
    {"back_end": WCCN, "as_norm": {"top": 100}},
]


class Heard:
    """The utterances of a test set, embedded once."""

    def __init__(self, model: TaskModel, test: EvaluationData):
        assert test.trials is not None
        self.trials = test.trials
        names = test.trials.utterances()
        cuts = {cut.id: cut for cut in test.cuts}
        self.vectors = embed_all(model, [cuts[name] for name in names])
        self.seconds = [cuts[name].duration for name in names]
        place = {name: k for k, name in enumerate(names)}
        sides = (test.trials.left, test.trials.right)
        self.left, self.right = (np.array([place[name] for name in side]) for side in sides)
        self.speakers = [[str(cut_speaker(cuts[name])) for name in side] for side in sides]

    def eer(self, scoring: CosineScoring, draws: int) -> str:
        scored = score(scoring, self.vectors, self.seconds, self.left, self.right)
        found = bootstrap(eer, scored.scores, self.trials.targets, *self.speakers, draws=draws)
        return f"{100 * found.value:.1f} [{100 * found.low:.1f}, {100 * found.high:.1f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("stages", nargs="+")
    parser.add_argument("--draws", type=int, default=1000)
    options = parser.parse_args()
    recipe = Recipe.model_validate(yaml.safe_load((options.run / "recipe.yaml").read_text(encoding="utf-8")))
    corpora = Corpora(recipe.data, options.run / "data")
    train = corpora.cuts(*recipe.data.train)
    ways = [Scoring.model_validate(way) for way in WAYS]
    by_speaker = evenly_spaced_by_speaker(train, ways[0].utterances)
    speakers = [str(cut_speaker(cut)) for cut in by_speaker]
    tests = {name: corpora.test_set(where) for name, where in recipe.data.test.items()}
    for stage in options.stages:
        model = TaskModel.from_pretrained(str(options.run / "models" / stage)).eval()
        mean_utterances = embed_all(
            model, [train[k] for k in evenly_spaced(len(train), recipe.task.options.mean_utterances)]
        )
        known = embed_all(model, by_speaker)
        heard = {name: Heard(model, test) for name, test in tests.items()}
        table = Table(title=f"{stage}: EER % [95 % by speaker]")
        for column in ("scores", *tests):
            table.add_column(column, justify="left" if column == "scores" else "right")
        for way in ways:
            scoring = CosineScoring(model.head.size, **way.config(len(set(speakers))))
            scoring.fit_mean(mean_utterances)
            way.fit(scoring, known, speakers)
            kind = "" if way.back_end is None else f"{way.back_end.kind}: "
            table.add_row(
                kind + describe_scoring(scoring), *(each.eer(scoring, options.draws) for each in heard.values())
            )
        Console(width=140).print(table)
    print(f"torch {torch.__version__}, recipe {recipe.name}, seed {recipe.seed}")


if __name__ == "__main__":
    main()
