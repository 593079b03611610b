"""A run reads each manifest and each trials file once, however many stages, test sets and speeds there are."""

import io
from collections import Counter
from pathlib import Path

from rich.console import Console

from corpus import write_corpus
from sottovoce.data.corpora import cuts
from sottovoce.metrics.detection import trials
from sottovoce.runs.compression import compress
from toy_recipe import toy, write


def test_manifests_are_read_once_a_run(tmp_path, monkeypatch):
    write_corpus(tmp_path)
    reads: Counter[str] = Counter()

    def counted(module):
        original = module.lines

        def lines(path, *arguments, **options):
            reads[Path(path).name] += 1
            return original(path, *arguments, **options)

        monkeypatch.setattr(module, "lines", lines)

    counted(cuts)
    counted(trials)
    data = toy(tmp_path)
    data["data"]["train"] = ["toy/train", "toy/train@1.1"]
    data["data"]["dev"] = {"cuts": "toy/test", "trials": str(tmp_path / "trials.txt")}
    data["data"]["test"] = {}
    data["stages"] = [{"fine_tune": {"steps": 2, "evaluate_every": 1}}, {"slim": {"round_to": 1}}]
    compress(write(data, tmp_path / "toy.yaml"), tmp_path / "run", console=Console(file=io.StringIO()))
    assert reads == {"train.jsonl.gz": 1, "test.jsonl.gz": 1, "trials.txt": 1}
