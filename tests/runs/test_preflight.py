"""Faults of later stages that are told before the first one trains."""

import pytest
import yaml

from sottovoce.data.corpora.cuts import read_cuts, write_cuts
from sottovoce.encoder.config import uniform_shape
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import RecipeError
from sottovoce.runs.compression import compress
from sottovoce.runs.preflight import preflight_problems
from sottovoce.runs.recipe_file import read_recipe
from tiny_models import tiny_config
from toy_recipe import toy

FINE_TUNE = {"fine_tune": {"steps": 1}}


def told(place, stages, **changes):
    """What is told of a recipe; no stage may have run."""
    plain = toy(place) | changes
    plain["stages"] = [FINE_TUNE, *stages]
    (place / "recipe.yaml").write_text(yaml.safe_dump(plain))
    with pytest.raises(RecipeError) as fault:
        compress(read_recipe(place / "recipe.yaml"), run=place / "run")
    assert not (place / "run" / "models").exists()
    return str(fault.value)


def prune(**options):
    return {"prune": {"steps": 2, "kinds": ["ffn"], **options}}


def test_a_budget_that_cannot_be_met(tmp_path):
    found = told(tmp_path, [prune(budget={"params": 0.05})])
    assert "stages[1].prune.budget: params may be" in found and "with everything removed that may go" in found


def test_a_budget_that_ranks_cannot_meet(tmp_path):
    found = told(tmp_path, [{"factorize": {}}, prune(kinds=["rank"], budget={"params": 0.001})])
    assert "stages[2].prune.budget: params may be" in found and "with everything removed that may go" in found
    recipe = read_recipe(tmp_path / "recipe.yaml", ["stage.prune.budget.params=0.8"])
    assert not list(preflight_problems(recipe, recipe.encoder.build(recipe.task.options, 0)))


def test_a_budget_that_removes_nothing(tmp_path):
    found = told(tmp_path, [prune(budget={"params": 0.85}), prune(name="again", budget={"params": 0.9})])
    assert "stages[2].prune.budget: params may be" in found and "stages[1].prune leaves" in found


def test_stages_are_checked_against_the_network_that_they_start_from(tmp_path):
    """One in factors has other maps, until slimming multiplies some of them back."""
    adapt = {"steps": 1, "rank": 2}
    places = [tmp_path / name for name in "abc"]
    for place in places:
        place.mkdir()
    found = told(places[0], [{"factorize": {}}, {"adapt": {**adapt, "targets": ["attention.q"]}}])
    assert "stages[2].adapt.targets: no linear map ends in 'attention.q'" in found and "q.up" in found
    found = told(places[1], [{"factorize": {}}, {"factorize": {"name": "again"}}])
    assert "stages[2].factorize.linears: this network has no linear map that is not factored yet" in found
    # Another stage's factors are none of this one's.
    found = told(places[2], [{"factorize": {}}, prune(kinds=["rank"], start="fine_tune", budget={"params": 0.9})])
    assert "stages[2].prune.kinds[0]: this network has no unit of the kind 'rank'" in found
    plain = toy(tmp_path)
    plain["stages"] = [
        FINE_TUNE,
        {"factorize": {}},
        {"adapt": {**adapt, "targets": ["attention.q.up"]}},
        prune(kinds=["rank", "ffn"], budget={"params": 0.85}),
        {"adapt": {**adapt, "name": "last", "targets": ["attention.q"]}},
        {"factorize": {"name": "again"}},
    ]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(plain))
    recipe = read_recipe(tmp_path / "recipe.yaml")
    assert not list(preflight_problems(recipe, recipe.encoder.build(recipe.task.options, 0)))


@pytest.mark.parametrize("budget", [{"params": "1G"}, {"params": 1.0}, {"per": {"layers": {"params": "50k"}}}])
def test_a_budget_above_what_there_is(tmp_path, budget):
    found = told(tmp_path, [prune(budget=budget)])
    assert "stages[1].prune.budget: " in found and "but there are only" in found and "so nothing would go" in found


def test_a_part_that_may_cost_more_than_the_whole(tmp_path):
    found = told(tmp_path, [prune(budget={"params": "3k", "per": {"layers": {"params": "4k"}}})])
    assert "stages[1].prune.budget: layers params may be 4.000 k, but the whole network only 3.000 k" in found


def test_branches_from_one_stage_have_budgets_of_their_own(tmp_path):
    plain = toy(tmp_path)
    first = {"slim": {"kinds": ["ffn"], "budget": {"params": 0.85}, "round_to": 1}}
    second = {
        "slim": {"kinds": ["ffn"], "name": "other", "start": "fine_tune", "budget": {"params": 0.9}, "round_to": 1}
    }
    plain["stages"] = [FINE_TUNE, first, second]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(plain))
    compress(read_recipe(tmp_path / "recipe.yaml"), run=tmp_path / "run")
    assert (tmp_path / "run" / "models" / "other").exists()


CONFORMER = {
    "mfa_conformer": {
        "width": 16,
        "blocks": 1,
        "inner": 24,
        "heads": 2,
        "size": 10,
        "entry": "linear",
        "pooling": "mean",
    }
}
FIRST = {"name": "first", "kinds": ["conv", "ffn"], "round_to": 1}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"protect": ["layers.0"]}),
        ({"budget": {"params": 0.7, "reference": "current"}}, {}),
        ({}, {"scope": "model", "kinds": ["convolution"], "budget": {"params": 0.7}}),
        ({"scope": "model", "budget": {"params": 0.7}}, {}),
    ],
    ids=["protected since", "of the current", "then the model", "the model before"],
)
def test_what_has_gone_before_counts_as_gone(tmp_path, first, second):
    first = FIRST | {"budget": {"params": 0.6}} | first
    second = {"name": "second", "kinds": ["head"], "budget": {"params": 0.5}, "task": 1.0} | second
    plain = toy(tmp_path) | {"stages": [FINE_TUNE, prune(**first, task=1.0), prune(**second)]}
    plain["task"]["verification"]["head"] = CONFORMER
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(plain))
    recipe = read_recipe(tmp_path / "recipe.yaml")
    assert not list(preflight_problems(recipe, recipe.encoder.build(recipe.task.options, 0)))


def test_names_are_checked_in_later_stages_too(tmp_path):
    found = told(
        tmp_path, [prune(budget={"params": 0.8}), prune(name="again", budget={"params": 0.7}, protect=["fnn"])]
    )
    assert "stages[2].prune.protect: no unit or kind is called 'fnn'" in found


@pytest.mark.parametrize("layers", [1, 3])
def test_a_teacher_of_another_depth(tmp_path, layers):
    SpeechEncoder(tiny_config(layers=layers)).save_pretrained(tmp_path / "teacher")
    distill = {"distill": {"steps": 1, "distillation": {"teacher": str(tmp_path / "teacher"), "layers": [0, 1]}}}
    found = told(tmp_path, [distill])
    assert f"stages[1].distill.distillation.teacher: {tmp_path / 'teacher'}: " in found
    assert f"the teacher has {layers} layers and the student 2; take a teacher of the same depth" in found


@pytest.mark.parametrize("width", [8, 32])
def test_a_teacher_of_another_width(tmp_path, width):
    config = tiny_config()
    shape = uniform_shape(
        hidden_size=width, layers=2, heads=2, ffn=24, conv_channels=(8,) * 7, positional_groups=2, positional_taps=(8,)
    )
    fields = {**config.to_dict(), "shape": shape, "original_shape": shape, "head_dim": width // 2}
    SpeechEncoder(type(config).from_dict(fields)).save_pretrained(tmp_path / "teacher")
    found = told(tmp_path, [{"distill": {"steps": 1, "distillation": {"teacher": str(tmp_path / "teacher")}}}])
    assert f"the teacher's hidden states have {width} channels and the student's 16; take a teacher" in found


def test_a_layer_named_twice(tmp_path):
    found = told(tmp_path, [{"distill": {"steps": 1, "distillation": {"teacher": "fine_tune", "layers": [1, 0, 1]}}}])
    assert "stages[1].distill.distillation.layers[2]: 1 is there already; name each hidden state once" in found


def test_a_refused_recipe_is_mended_and_comes_again(tmp_path):
    """Nothing has begun by then: the same directory takes the mended recipe, even with other data."""
    told(tmp_path, [prune(budget={"params": 0.05})])
    recipe = read_recipe(tmp_path / "recipe.yaml", ["stage.prune.budget.params=0.8"])
    compress(recipe, run=tmp_path / "run")
    assert (tmp_path / "run" / "models" / "prune").exists()
    with pytest.raises(RecipeError, match="begun with another recipe"):
        compress(read_recipe(tmp_path / "recipe.yaml", ["stage.prune.budget.params=0.9"]), run=tmp_path / "run")
    with pytest.raises(RecipeError, match="run: holds a run of toy, not of other; choose another --run directory$"):
        compress(read_recipe(tmp_path / "recipe.yaml", ["name=other", "seed=9"]), run=tmp_path / "run")


def test_a_teacher_that_cannot_be_loaded(tmp_path):
    (tmp_path / "teacher").mkdir()
    found = told(tmp_path, [{"distill": {"steps": 1, "distillation": {"teacher": str(tmp_path / "teacher")}}}])
    assert str(tmp_path / "teacher") in found


# --- test data ---


def test_trials_over_other_files(tmp_path):
    toy(tmp_path)
    trials = tmp_path / "trials.txt"
    trials.write_text(trials.read_text() + "1 audio/test/s0/0.wav absent.wav\n")
    found = told(tmp_path, [])
    assert "data.test.bands: trials: 1 utterances are not in the data, the first is 'absent.wav'" in found


MHFA = {"mhfa": {"width": 6, "heads": 3, "size": 10}}
POOLED = {"pooled": {"width": 12, "size": 8, "fusion": {"sum": {}}}}
UNSCORED = {
    "recognition": ({"head": {"ctc": {"width": 12}}}, "text", "has no transcript"),
    "intent": ({"head": POOLED}, "intent", "has no intent"),
    "spoofing": ({"head": MHFA}, "label", "has no label"),
    "diarization": ({"head": {"width": 12, "blocks": 0}}, "speaker", "diarization needs one everywhere"),
}


@pytest.mark.parametrize("part", ["test", "dev"])
@pytest.mark.parametrize("task", UNSCORED)
def test_data_that_cannot_be_scored(tmp_path, task, part):
    """One cut, the last of the test or the development data, does not say what it is scored by."""
    options, field, message = UNSCORED[task]
    plain = toy(tmp_path)
    cuts = {split: list(read_cuts(tmp_path / f"{split}.jsonl.gz")) for split in ("train", "test")}
    for each in (*cuts["train"], *cuts["test"]):
        for said in each.supervisions:
            said.text = "a b"
            said.custom = {"label": "spoof" if "0.wav" in each.id else "bonafide", "intent": f"{'s0' in each.id}"}
    write_cuts(cuts["train"], tmp_path / "train.jsonl.gz")
    write_cuts(cuts["test"], tmp_path / "whole.jsonl.gz")
    last = cuts["test"][-1]
    setattr(last.supervisions[0], field, None)
    last.supervisions[0].custom.pop(field, None)
    write_cuts(cuts["test"], tmp_path / "lacking.jsonl.gz")
    manifests = {name: str(tmp_path / f"{name}.jsonl.gz") for name in ("train", "whole", "lacking")}
    sets = {"dev": "whole", "test": "whole"} | {part: "lacking"}
    data = plain["data"] | {
        "corpora": {"toy": {"cuts": manifests}},
        "dev": {"cuts": f"toy/{sets['dev']}"},
        "test": {"bands": {"cuts": f"toy/{sets['test']}"}},
        "crop": None,
    }
    found = told(tmp_path, [], task={task: options}, data=data)
    place = {"test": "data.test.bands", "dev": "data.dev"}[part]
    assert found.startswith(f"toy: {place}: cut {last.id}: ") and message in found and len(found.splitlines()) == 1


def test_what_was_begun_is_not_looked_at_again(tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(toy(tmp_path) | {"stages": [FINE_TUNE]}))
    compress(read_recipe(path), run=tmp_path / "run")
    with (tmp_path / "trials.txt").open("a") as trials:
        trials.write("1 audio/test/s0/0.wav absent.wav\n")
    compress(read_recipe(path), run=tmp_path / "run")
