"""Corpora in recipes take the options of their layout and task, and nothing else; Shar trains to the same weights."""

import importlib.util
import json

import numpy as np
import pytest
import soundfile
from safetensors.torch import load_file

from sottovoce.cli.commands.data import import_corpus as command
from sottovoce.cli.commands.data import synthesize as synthesize_command
from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.data.corpora.layouts import LAYOUTS
from sottovoce.data.corpora.layouts.options import options_model
from sottovoce.data.corpora.shar import export_shar
from sottovoce.data.synthesis import SYNTHESES
from sottovoce.errors import DataError, RecipeError
from sottovoce.recipe.data_section import Corpora, DataOptions
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe import Recipe
from sottovoce.runs.recipe_file import read_recipe
from toy_recipe import toy, write

needs_espeak = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="needs espeakng-loader (the extra 'demo')"
)


def parameters(function):
    return set(function.__annotations__) - {"return"}


def test_the_command_line_has_every_option_of_every_layout_and_task():
    layouts = {name for layout in LAYOUTS.values() for name in options_model(layout).model_fields}
    assert parameters(command) == layouts | {"layout", "source", "out", "split", "channel", "skip_faulty", "further"}
    tasks = {name for task in SYNTHESES.values() for name in task.model_fields}
    assert parameters(synthesize_command) == tasks | {"task", "out", "further"}


@pytest.fixture
def meetings(tmp_path):
    (tmp_path / "wav").mkdir()
    for name in ("s0-0", "s1-1"):
        soundfile.write(tmp_path / f"wav/{name}.wav", 0.1 * np.random.default_rng(0).standard_normal(12_800), 16_000)
    (tmp_path / "list.csv").write_text("file,who\nwav/s0-0.wav,x\nwav/s1-1.wav,x\n")
    (tmp_path / "ref").mkdir()
    for name, end in (("s0-0", 0.5), ("s1-1", 0.6)):
        (tmp_path / f"ref/{name}.rttm").write_text(f"SPEAKER {name} 1 0.1 {end - 0.1:g} <NA> <NA> anna <NA> <NA>\n")
    (tmp_path / "all.uem").write_text("s0-0 1 0 0.55\ns1-1 1 0.05 0.7\n")
    return tmp_path


def test_imports_with_the_options_of_their_layout(meetings):
    folder = str(meetings)
    data = DataOptions.model_validate(
        {
            "corpora": {
                "meet": {
                    "import": {
                        "path": f"{folder}/ref",
                        "layout": "rttm",
                        "audio": f"{folder}/wav",
                        "uem": f"{folder}/all.uem",
                        "split": "dev",
                    }
                },
                "list": {"import": {"path": f"{folder}/list.csv", "columns": {"path": "file", "speaker": "who"}}},
            },
            "train": ["list/all", "meet/dev"],
        }
    )
    assert not list(data.problems())
    corpora = Corpora(data, meetings / "run")
    first, second = corpora.cuts("meet/dev")
    assert (first.uem, second.uem) == ([[0.0, 0.55]], [[0.05, 0.7]])
    assert [(s.start, s.end, s.speaker) for s in second.supervisions] == [(0.1, 0.6, "meet/anna")]
    assert {cut.supervisions[0].speaker for cut in corpora.cuts("list/all")} == {"list/x"}


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"import": {"path": ".", "colunms": {}}}, "import.colunms: unknown; did you mean 'columns'?"),
        ({"import": {"path": ".", "splti": "x"}}, "import.splti: unknown; did you mean 'split'?"),
        ({"import": {"path": ".", "layout": "nemo", "uem": "x"}}, "import.uem: unknown; known here: audio, channel"),
        (
            {"import": {"path": ".", "layout": "nmeo"}},
            "import.layout: no layout is called 'nmeo'; did you mean 'nemo'?",
        ),
        (
            {"import": {"path": ".", "columns": {"path": 3}}},
            "import.columns.path: input should be a valid string (got 3)",
        ),
        ({"import": {"path": ".", "rttm": "none.rttm"}}, ": none.rttm does not exist"),
        ({"import": {"path": ".", "layout": "kaldi", "allow_pipes": "perhaps"}}, "import.allow_pipes: input should be"),
        ({"cuts": {"train": "none"}}, ": none does not exist"),
        (
            {"synthesize": {"utterances": 1}},
            "synthesize.utterances: input should be greater than or equal to 3 (got 1)",
        ),
        ({"synthesize": {"task": "intend"}}, "synthesize.task: no corpus is synthesized for 'intend'; did you mean"),
        ({"synthesize": {"task": "intent", "overlap": 1}}, "synthesize.overlap: unknown; known here: folder, scene"),
        ({"synthesize": {"task": "spoofing", "attacks": ["x"]}}, "synthesize.attacks: there is no attack 'x'"),
    ],
)
def test_problems_have_a_path_and_a_remedy(section, problem):
    data = DataOptions.model_validate({"corpora": {"c": section}, "train": ["c/train"]})
    found = list(data.problems())
    assert found[0].startswith(f"data.corpora.c{'' if problem[0] == ':' else '.'}{problem}") and len(found) == 1, found


def test_a_wrong_option_that_nobody_checked_is_still_one_line(tmp_path):
    data = DataOptions.model_validate({"corpora": {"c": {"import": {"path": ".", "uem": 3}}}, "train": ["c/train"]})
    with pytest.raises(DataError, match="the layout table: uem: input is not a valid path"):
        Corpora(data, tmp_path).prepare()


def test_defaults_are_filled_in_and_read_back(tmp_path):
    plain = toy(tmp_path)
    plain["data"]["corpora"] |= {
        "s": {"synthesize": {"task": "diarization", "voices": [2, 3], "seconds": 12}},
        "i": {"import": {"path": ".", "layout": "table", "columns": {"path": "x"}}},
    }
    recipe = Recipe.model_validate(plain)
    resolved = recipe.resolved()
    made = resolved["data"]["corpora"]["s"]["synthesize"]
    assert made["overlap"] == 0.1 and made["voices"] == [2, 3] and made["task"] == "diarization"
    again = Recipe.model_validate(json.loads(json.dumps(resolved)))
    assert again.resolved() == resolved


def test_trials_are_over_the_split_that_they_are_for(tmp_path):
    def problems(test, **synthesize):
        data = {"corpora": {"c": {"synthesize": synthesize}}, "train": ["c/train"], "test": {"t": test}}
        return list(DataOptions.model_validate(data).problems())

    assert not problems({"cuts": "c/test", "trials": "c"})
    assert not problems({"cuts": "c/dev", "trials": "c"}, speakers_dev=4)
    assert problems({"cuts": "c/dev", "trials": "c"})[0].startswith("data.test.t.cuts: the corpus c has no split 'dev'")
    wrong = problems({"cuts": "c/train", "trials": "c"}, speakers_dev=4)
    assert wrong == ["data.test.t.trials: the corpus c brings trials over c/dev and c/test, not over c/train"]
    assert "brings no trials" in problems({"cuts": "c/test", "trials": "c"}, task="intent")[0]


@needs_espeak
def test_a_corpus_of_another_task(tmp_path):
    said = {"task": "intent", "speakers_train": 2, "speakers_dev": 0, "speakers_test": 2, "utterances": 3}
    data = DataOptions.model_validate({"corpora": {"c": {"synthesize": said}}, "train": ["c/train"]})
    corpora = Corpora(data, tmp_path)
    assert len(corpora.cuts("c/train")) == 6 and "intent" in corpora.cuts("c/test")[0].supervisions[0].custom
    with pytest.raises(RecipeError, match="has no split 'dev'"):
        corpora.cuts("c/dev")


def test_the_same_recipe_from_shar_ends_in_the_same_weights(tmp_path):
    plain = toy(tmp_path / "corpus", stages=[{"fine_tune": {"steps": 4, "lr": {"encoder": 1e-3}}}])
    plain["data"] |= {"train": ["toy/train", "toy/train@1.1"], "batch": 5}
    from_files = compress(read_recipe(write(plain, tmp_path / "files.yaml")), tmp_path / "files")
    splits = plain["data"]["corpora"]["toy"]["cuts"]
    for split in splits:
        export_shar(read_cuts(splits[split]), tmp_path / "shar" / split, shard_size=5)
        splits[split] = str(tmp_path / "shar" / split)
    for path in (tmp_path / "corpus/audio").rglob("*.wav"):
        path.unlink()  # nothing but the shards is there
    from_shar = compress(read_recipe(write(plain, tmp_path / "shar.yaml")), tmp_path / "run")
    one, other = (load_file(run.path / "models/fine_tune/model.safetensors") for run in (from_files, from_shar))
    assert one.keys() == other.keys() and all(one[name].nan_to_num(7).equal(other[name].nan_to_num(7)) for name in one)
    results = [
        json.loads((run.path / "stages/fine_tune.json").read_text()) | {"seconds": 0} for run in (from_files, from_shar)
    ]
    assert results[0] == results[1]
    assert not list((tmp_path / "run/data").rglob("*.flac"))


def test_copies_of_speech_are_a_corpus(meetings, tmp_path):
    of = {
        "import": {"path": str(meetings / "list.csv"), "columns": {"path": "file", "speaker": "who"}, "split": "train"}
    }
    section = {"copies": {"of": of, "methods": ["lpc", "cepstral"], "copies": 1, "seconds": 0.3, "stretches": 2}}
    data = DataOptions.model_validate({"corpora": {"made": section}, "train": ["made/train"]})
    assert not list(data.problems())
    cuts = Corpora(data, tmp_path / "run").cuts("made/train")
    kinds = [(cut.supervisions[0].custom["label"], cut.supervisions[0].custom.get("attack")) for cut in cuts]
    assert kinds == [("bonafide", None), ("spoof", "lpc"), ("bonafide", None), ("spoof", "cepstral")] * 2
    assert {cut.supervisions[0].speaker for cut in cuts} == {"made/x"}
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*.flac")}
    Corpora(data, tmp_path / "run").cuts("made/train")  # as a run does that goes on
    assert times == {path: path.stat().st_mtime_ns for path in (tmp_path / "run").rglob("*.flac")}
    manifest = tmp_path / "run/made/train.jsonl.gz"
    whole = manifest.read_bytes()
    manifest.unlink()  # as one leaves it that was killed just before the end
    Corpora(data, tmp_path / "run").cuts("made/train")
    assert manifest.read_bytes() == whole
    section["copies"] |= {"split": "test"}
    wrong = DataOptions.model_validate({"corpora": {"made": section}, "train": ["made/test"]})
    assert list(wrong.problems()) == ["data.corpora.made.copies.split: there is no split 'test'; known here: train"]
    with pytest.raises(ValueError, match="'lpc'"):
        DataOptions.model_validate({"corpora": {"made": {"copies": {"of": of, "methods": ["lcp"]}}}, "train": ["x/y"]})
