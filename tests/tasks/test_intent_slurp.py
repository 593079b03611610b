"""From a SLURP directory, through the importer and the loop, to SLURP's scores."""

import json

import numpy as np
import pytest
import soundfile
import yaml

from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.data.corpora.manifests import import_corpus
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.tasks.intent import Intent
from tones import RATE, spoken, tone_recipe

SAID = {
    "ab cd": ("alarm", "set", [("time", [1])]),
    "ba dc": ("alarm", "remove", [("time", [1])]),
    "aa bb cc": ("music", "play", [("song", [1, 2])]),
    "dd": ("audio", "volume_other", []),
}
"""Sentence -> scenario, action, and the tokens of its entities."""


def item(number, sentence, files):
    scenario, action, entities = SAID[sentence]
    return {
        "slurp_id": number,
        "sentence": sentence,
        "intent": "something_older",
        "scenario": scenario,
        "action": action,
        "tokens": [{"surface": word.upper(), "id": k} for k, word in enumerate(sentence.split())],
        "entities": [{"type": kind, "span": span} for kind, span in entities],
        "recordings": [{"file": file, "status": "correct"} for file in files],
    }


@pytest.fixture
def slurp(tmp_path):
    """Every sentence is heard by both microphones; one intent of the test set is not in training."""
    place = tmp_path / "slurp"
    (place / "slurp_real").mkdir(parents=True)
    number = 0
    for split, sentences in (("train", list(SAID)[:3] * 2), ("devel", list(SAID)[:3]), ("test", list(SAID))):
        lines = []
        for sentence in sentences:
            files = [f"audio-{number}.flac", f"audio-{number}-headset.flac"]
            for k, file in enumerate(files):
                soundfile.write(place / "slurp_real" / file, spoken(sentence, seed=2 * number + k), RATE)
            lines.append(json.dumps(item(number, sentence, files)))
            number += 1
        (place / f"{split}.jsonl").write_text("\n".join(lines) + "\n")
    return place


def recipe(place, path, **task):
    plain = tone_recipe(path.parent)
    plain["task"] = {"intent": {"draws": 5, **task}}
    plain["data"] |= {
        "corpora": {"slurp": {"import": {"path": str(place), "layout": "slurp"}}},
        "train": ["slurp/train"],
        "dev": {"cuts": "slurp/devel"},
        "test": {"test": {"cuts": "slurp/test"}},
    }
    plain["stages"] = [{"fine_tune": {"steps": 25, "lr": {"encoder": 3e-3, "head": 5e-3}}}]
    path.write_text(yaml.safe_dump(plain))
    return read_recipe(path)


def test_intents_are_scenario_and_action_and_every_recording_is_scored(slurp, tmp_path):
    pooling = {"attentive": {"bottleneck": 8}}
    head = {"pooled": {"width": 24, "size": 16, "fusion": {"sum": {}}, "pooling": pooling}}
    compress(recipe(slurp, tmp_path / "recipe.yaml", head=head), run=tmp_path / "run")
    numbers = json.loads((tmp_path / "run" / "stages" / "fine_tune.json").read_text())["test"]["test"]
    assert numbers["recordings"] == 8
    assert numbers["unknown_to_training"] == {"intent=audio_volume_other": 2}
    assert numbers["intent_accuracy"] <= 0.75  # that one cannot be right
    assert "over 4 sentences" in numbers["protocol"]
    parts = numbers["by_microphone"]
    assert {name: part["recordings"] for name, part in parts.items()} == {"far": 4, "headset": 4}
    assert np.mean([part["intent_accuracy"] for part in parts.values()]) == pytest.approx(numbers["intent_accuracy"])


def test_slots_are_learned_as_a_sequence(slurp, tmp_path):
    compress(recipe(slurp, tmp_path / "recipe.yaml", head={"ctc": {"width": 24}}, slots="all"), run=tmp_path / "run")
    numbers = json.loads((tmp_path / "run" / "stages" / "fine_tune.json").read_text())["test"]["test"]
    assert {"slot_f1", "slu_f1", "intent_accuracy"} <= numbers.keys() and "slot_accuracy" not in numbers
    labels = json.loads((tmp_path / "run" / "models" / "fine_tune" / "config.json").read_text())["labels"]
    assert [label for label in labels if "=" in label or ":" in label] == [
        "intent=alarm_remove", "intent=alarm_set", "intent=music_play", "slot:song", "slot:time",
    ]  # fmt: skip


def test_what_the_importer_gives_is_what_the_task_reads(slurp, tmp_path):
    splits = import_corpus(slurp, tmp_path / "cuts", layout="slurp")
    cuts = {cut.id: cut for cut in read_cuts(splits["train"])}
    meaning = Intent(slots="all").meaning(cuts["audio-2-headset.flac"])
    assert dict(meaning.intents) == {"intent": "music_play"} and meaning.slots == (("song", "bb cc"),)
    assert cuts["audio-2-headset.flac"].supervisions[0].custom["microphone"] == "headset"
    assert cuts["audio-2.flac"].supervisions[0].custom["microphone"] == "far"
