"""What understanding coffee orders costs without listening: every slot gets what it has most often in training.

A trained model must beat this on the same recordings, or it has heard nothing.

    python benchmarks/intent_baseline.py DATA/barista619
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from sottovoce.data.cuts import read_cuts
from sottovoce.data.manifests import import_corpus
from sottovoce.decoding.questions import Questions, filler_of
from sottovoce.decoding.understood import NONE
from sottovoce.metrics.semantics import Semantics
from sottovoce.tasks.intent import Intent

SLOTS = ["drink", "size", "roast", "shots", "milk", "sugar"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", type=Path)
    corpus = parser.parse_args().corpus
    task = Intent(slots=SLOTS)
    with tempfile.TemporaryDirectory() as folder:
        splits = {name: list(read_cuts(path)) for name, path in import_corpus(corpus, Path(folder)).items()}
    meanings = [task.meaning(cut) for cut in splits["train"]]
    usual = {kind: Counter(filler_of(each, kind) for each in meanings).most_common(1)[0][0] for kind in SLOTS}
    intents = {name: Counter(each.intents[name] for each in meanings).most_common(1)[0][0] for name in task.intents}
    guess = Semantics(intents, tuple((kind, filler) for kind, filler in usual.items() if filler != NONE))
    labels = Questions.of(meanings, task.intents, SLOTS).labels
    numbers = task.score(splits["dev"], {cut.id: guess for cut in splits["dev"]}, labels)
    print(
        f"majority of {len(meanings)} orders ({', '.join(f'{k} {v}' for k, v in usual.items())}): {task.told(numbers)}"
    )
    print(", ".join(f"{kind} {100 * share:.1f} %" for kind, share in numbers["slot_accuracy_by_slot"].items()))


if __name__ == "__main__":
    main()
