"""What understanding costs without listening: every slot gets what it has most often in training, and the
intent is the most frequent one.

A trained model must beat this on the same recordings, or it has heard nothing.

    python benchmarks/intent_baseline.py DATA/barista619                                 # six slots of coffee orders
    python benchmarks/intent_baseline.py RUN/data/commands/train.jsonl.gz RUN/data/commands/dev.jsonl.gz   # of intent-commands
    python benchmarks/intent_baseline.py RUN/data/words/train.jsonl.gz RUN/data/words/dev.jsonl.gz --only isolated=1 \\
        --intents keyword --no-slots  # of keywords-wuw2
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from sottovoce.data.corpora.cuts import cut_field, read_cuts
from sottovoce.data.corpora.manifests import import_corpus
from sottovoce.decoding.slu.slu_classes import SLUClasses, filler_of
from sottovoce.decoding.slu.slu_prediction import NONE
from sottovoce.metrics.semantics import Semantics
from sottovoce.tasks.intent import Intent

ORDERS = ["drink", "size", "roast", "shots", "milk", "sugar"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="of coffee orders; or cuts to count")
    parser.add_argument("dev", type=Path, nargs="?", help="cuts to score")
    parser.add_argument("--intents", nargs="+", default=["scenario", "action"], help="fields that make the intent")
    parser.add_argument("--no-slots", action="store_true")
    parser.add_argument("--only", help="FIELD=VALUE of the cuts that count")
    given = parser.parse_args()
    if given.dev is not None:
        train, dev = list(read_cuts(given.corpus)), list(read_cuts(given.dev))
        if given.only:
            field, _, value = given.only.partition("=")
            train, dev = ([cut for cut in cuts if cut_field(cut, field) == value] for cuts in (train, dev))
        task = Intent(intents=given.intents, slots=[] if given.no_slots else "all")
        kinds = sorted({kind for cut in train for kind, _ in task.meaning(cut).slots})
    else:
        with tempfile.TemporaryDirectory() as folder:
            splits = {name: list(read_cuts(path)) for name, path in import_corpus(given.corpus, Path(folder)).items()}
        train, dev, task, kinds = splits["train"], splits["dev"], Intent(slots=ORDERS), ORDERS
    meanings = [task.meaning(cut) for cut in train]
    usual = {kind: Counter(filler_of(each, kind) for each in meanings).most_common(1)[0][0] for kind in kinds}
    intents = dict(Counter(tuple(each.intents.items()) for each in meanings).most_common(1)[0][0])
    guess = Semantics(intents, tuple((kind, filler) for kind, filler in usual.items() if filler != NONE))
    labels = SLUClasses.from_semantics(meanings, task.intents, kinds).labels
    numbers = task.score(dev, {cut.id: guess for cut in dev}, labels)
    answers = ", ".join(f"{question} {answer}" for question, answer in {**intents, **usual}.items() if answer != NONE)
    print(f"majority of {len(meanings)} ({answers}): {task.summary(numbers)}")
    print(", ".join(f"{kind} {100 * share:.1f} %" for kind, share in numbers.get("slot_accuracy_by_slot", {}).items()))


if __name__ == "__main__":
    main()
