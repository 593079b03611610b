"""The recipes of published systems: they are what the papers say, and each runs as a smoke test."""

import io
import json
import re
import subprocess

import pytest
import torch
from rich.console import Console

from sottovoce.checkpoints.published_configs import published_config
from sottovoce.encoder.layers.low_rank import factored_paths
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import RecipeError
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.costs import CostModel, reference_cost
from sottovoce.recipe.packaged import known_recipes
from sottovoce.recipe.yaml_file import plain_recipe, recipe_value
from sottovoce.report.tables.recipe_catalog import PARAMETERS, recipes_table
from sottovoce.runs import scaled_down
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe import Recipe
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.runs.scaled_down import dry_run, smoke_test

SYSTEMS = {
    "2505.24111": ["diarizen-base", "diarizen-large"],
    "2302.14132": [f"hj-{budget}{task}" for budget in ("size", "separate", "macs") for task in ("", "-intent")],
    "2305.17651": ["dphubert"],
    "2502.05837": [
        *(f"synergy-{how}-{what}" for how in ("l0", "lowrank") for what in ("ctc", "rnnt", "streaming")),
        "synergy-l0-agnostic",
        "synergy-prune-then-train",
    ],
    "2508.16232": ["hybrid-verification", "hybrid-spoofing", "hybrid-spoofing-s10", "hybrid-spoofing-distilled"],
    "2401.17230": [
        *(f"espnet-{head}" for head in ("ecapa", "ska", "xvector", "mfa-conformer", "rawnet3")),
        *(f"espnet-{head}-filterbank" for head in ("ecapa", "ska", "xvector", "mfa-conformer")),
        "espnet-rawnet3-waveform",
    ],
    "2510.04213": ["w2vbert-verification"],
    "2110.01200": ["aasist"],
}
NAMES = [name for names in SYSTEMS.values() for name in names]
QUICK = ["hj-separate", "hybrid-spoofing"]
ABSENT = re.compile(
    r"do(es)? not exist(; `sottovoce recipes show [\w-]+` says how to make (it|them))?$|is neither a file"
)


def full(name):
    data = plain_recipe(known_recipes()[name])
    data.pop("smoke_test", None)
    return Recipe.model_validate(data)


def stages(name):
    recipe = full(name)
    return dict(zip(recipe.names(), [entry.options for entry in recipe.stages], strict=True))


def test_every_system_is_there():
    told = {name: data["about"] for name, path in known_recipes().items() if (data := plain_recipe(path)).get("about")}
    assert set(told) == set(NAMES)
    for paper, names in SYSTEMS.items():
        assert all(paper in told[name]["paper"] for name in names)


@pytest.mark.parametrize("name", sorted(known_recipes()))
def test_a_recipe_lacks_nothing_but_its_corpora(name):
    recipe = full(name)
    assert recipe.name == name
    assert [problem for problem in recipe.problems() if not ABSENT.search(problem)] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_tells_what_it_is_of(name):
    about = full(name).about
    assert about.system and about.published and about.differs
    assert any("sottovoce data import" in line or "lhotse" in line or "recipes show" in line for line in about.prepare)


MADE = """
lhotse() { test "$1 $2 $3" = "cut simple --force-eager" && mkdir -p "$(dirname "${!#}")" && touch "${!#}"; }
sottovoce() {
  test "$1 $2 $3 $5 $7 $8 $9" = "data import lhotse --split --channel 0 -o" && test -f "$4" || exit 1
  mkdir -p "${10}" && touch "${10}/$6.jsonl.gz"
}
"""


@pytest.mark.parametrize("name", ["diarizen-base", "hj-size"])
def test_the_loops_that_prepare_corpora_make_what_is_read(name, tmp_path):
    """Carried out with commands that only make their files."""
    plain = plain_recipe(known_recipes()[name])
    loops = [line for line in plain["about"]["prepare"] if line.startswith("for ")]
    done = subprocess.run(["bash", "-ec", MADE + "\n".join(loops)], cwd=tmp_path, capture_output=True, text=True)
    assert loops and done.returncode == 0, done.stderr
    files = [file for corpus in plain["data"]["corpora"].values() for file in corpus["cuts"].values()]
    assert files and all((tmp_path / file).is_file() for file in files)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_done_to_gradients_and_weights_is_written(name):
    for entry in plain_recipe(known_recipes()[name])["stages"]:
        ((kind, options),) = entry.items()
        assert kind == "factorize" or {"clip", "weight_decay"} <= set(options)


def test_recipes_say_nothing_twice():
    """A part that two recipes have is a file that both extend."""
    seen: dict[str, set[str]] = {}
    for place in {path.parent for path in known_recipes().values()}:
        for path in [*place.glob("*.yaml"), *place.glob("parts/*.yaml")]:
            data = recipe_value(path.read_text())
            if not data.get("name") or data["name"] in NAMES:
                for part in sections(
                    {key: data.get(key, {}) for key in ("task", "data", "encoder", "budget", "stages")}
                ):
                    seen.setdefault(json.dumps(part, sort_keys=True), set()).add(path.name)
    twice = {part: files for part, files in seen.items() if len(files) > 1}
    assert not twice


def sections(data, most=5):
    """Every section with at least so many values."""
    if isinstance(data, dict | list):
        if leaves(data) >= most:
            yield data
        for part in data.values() if isinstance(data, dict) else data:
            yield from sections(part, most)


def leaves(data):
    parts = data.values() if isinstance(data, dict) else data if isinstance(data, list) else None
    return 1 if parts is None else sum(map(leaves, parts))


def test_diarizen():
    for name, source in (("diarizen-base", "wavlm-base-plus"), ("diarizen-large", "wavlm-large")):
        recipe, by_name = full(name), stages(name)
        assert recipe.encoder.source == f"microsoft/{source}" and len(recipe.task.options.powerset.sets) == 11
        assert list(by_name) == ["fine_tune", "prune", "distill", "again"]
        prune, distill = by_name["prune"], by_name["distill"]
        batch = prune.batch or recipe.data.batch
        assert prune.steps * batch / (distill.steps * recipe.data.batch) == 1.5  # 30 and 20 epochs
        assert prune.steps / prune.ramp.steps == 6 and prune.evaluate_every * 30 == prune.steps
        assert prune.distillation.teacher == distill.distillation.teacher == "fine_tune"
        assert by_name["fine_tune"].keep == "up_to_best" and by_name["again"].keep == "best"
        assert prune.keep == distill.keep == "after_peak" and prune.selected_by == "loss"


def test_hj_pruning_has_three_constraints_and_no_teacher():
    for task in ("", "-intent"):
        budgets = {kind: full(f"hj-{kind}{task}").budget for kind in ("size", "separate", "macs")}
        assert budgets["size"].params and not budgets["size"].per and budgets["size"].macs is None
        assert set(budgets["separate"].per) == {"frontend", "layers"} and budgets["separate"].params is None
        assert budgets["macs"].macs and budgets["macs"].params is None
        prune = stages(f"hj-macs{task}")["prune"]
        assert prune.distillation is None and prune.task_weight == 1 and "conv" in prune.kinds
        recipe = full(f"hj-size{task}")
        assert recipe.encoder.source == "facebook/wav2vec2-base"
        assert list(recipe.data.corpora) == (["slurp"] if task else ["librispeech"])
    assert full("hj-size").task.options.head.kind == "ctc" and full("hj-size-intent").task.kind == "intent"


def test_dphubert():
    prune, distill = stages("dphubert").values()
    assert prune.decay.kind == distill.decay.kind == "linear" and prune.task_weight == 0
    assert prune.distillation == distill.distillation and prune.distillation.teacher == "start"
    assert full("dphubert").encoder.source == "facebook/hubert-base-ls960" and len(full("dphubert").data.train) == 3


def test_synergy():
    for what in ("ctc", "rnnt", "streaming"):
        l0, lowrank = full(f"synergy-l0-{what}"), full(f"synergy-lowrank-{what}")
        for recipe in (l0, lowrank):
            assert recipe.task.options.head.kind == ("ctc" if what == "ctc" else "transducer")
            assert (recipe.encoder.streaming is not None) == (what == "streaming")
        by_name = stages(l0.name)
        assert by_name["prune"].kinds == ["head", "ffn", "convolution"]
        assert by_name["prune"].task_weight and by_name["prune"].distillation.teacher == "fine_tune"
        assert "conformer" in l0.encoder.source and len(l0.data.train) == 3
        assert stages(lowrank.name)["prune"].kinds == ["rank"] and "factorize" in lowrank.names()
    joint, apart = stages("synergy-l0-rnnt"), stages("synergy-prune-then-train")
    assert apart["prune"].task_weight == 0
    assert sum(each.steps for each in joint.values()) == sum(each.steps for each in apart.values())


def test_hybrid():
    for name, heads, kept in (("hybrid-verification", 64, "30%"), ("hybrid-spoofing", 32, "70%")):
        recipe, (prune,) = full(name), stages(name).values()
        head = recipe.task.options.head.options
        assert (head.width, head.heads, head.size, recipe.budget.params) == (128, heads, 256, kept)
        assert prune.lr.encoder == prune.lr.head and prune.decay.kind == "exponential"
        assert set(prune.kinds) == {"conv", "head", "ffn", "attention_block", "ffn_block"}
        assert prune.ramp.steps == prune.steps and prune.distillation is None and prune.average == 2
        assert prune.evaluate_every * 5 == prune.steps and prune.warmup * 5 == prune.steps * 2
    assert full("hybrid-spoofing-s10").budget.params == "90%"
    cure = stages("hybrid-spoofing-distilled")["prune"]
    assert cure.distillation and cure.task_weight == 0 and all("librispeech" in place for place in cure.train)
    assert full("hybrid-spoofing-distilled").budget.params == "25%"


def test_espnet():
    for name in SYSTEMS["2401.17230"]:
        recipe, by_name = full(name), stages(name)
        loss, scoring = recipe.task.options.loss, recipe.task.options.scoring
        plain = name == "espnet-mfa-conformer-filterbank"
        assert (loss.margin, loss.centers, loss.penalty) == (0.3, 1 if plain else 3, "paper" if plain else "espnet")
        assert (scoring.segments.count, scoring.segments.seconds, scoring.as_norm.top) == (4, 8, 500)
        assert recipe.task.options.cost.p_target == 0.05 and not scoring.center
        front = recipe.encoder.config.front_end if recipe.encoder.config else recipe.encoder.source
        kinds = {"filterbank": "features", "waveform": "samples"}
        assert front == kinds.get(name.rpartition("-")[2], "microsoft/wavlm-large")
        assert list(by_name) == ["frozen", "joint"] if name == "espnet-ecapa" else ["frozen"]
        published = "none" not in recipe.about.published
        assert published or any("never published" in line for line in recipe.about.differs) or name == "espnet-ska"


def test_w2vbert():
    recipe, by_name = full("w2vbert-verification"), stages("w2vbert-verification")
    lora, joint, margin, prune, distill, frozen, *again = by_name.values()
    assert recipe.data.speeds_are_speakers and [each.partition("@")[2] for each in recipe.data.train] == [
        "",
        "0.9",
        "1.1",
    ]
    assert prune.start == prune.distillation.teacher == "joint" and distill.distillation == prune.distillation
    assert prune.distillation.layers == list(range(25)) and frozen.freeze and frozen.decay == lora.decay
    assert lora.steps / joint.steps == 15 / 4 and frozen.steps / joint.steps == 10 / 4 and prune.steps == distill.steps
    same = [each.model_copy(update={"name": None}) for each in (joint, margin)]
    assert [each.model_copy(update={"name": None}) for each in again] == same
    assert recipe.task.options.scoring.as_norm and "duration" in recipe.task.options.scoring.calibration.measures


def test_a_section_can_stand_instead_of_the_extended_one(tmp_path):
    (tmp_path / "a.yaml").write_text("task: {head: {mhfa: {width: 3}}, loss: {margin: 0.1}}\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\ntask: {head: !instead {x_vector: {}}, loss: {scale: 20}}\n")
    assert plain_recipe(tmp_path / "b.yaml") == {
        "task": {"head": {"x_vector": {}}, "loss": {"margin": 0.1, "scale": 20}}
    }


def test_a_list_can_go_on_where_the_extended_one_ends(tmp_path):
    (tmp_path / "a.yaml").write_text("about: {differs: [one]}\ndata: {train: [a/train]}\n")
    (tmp_path / "b.yaml").write_text(
        "extends: a.yaml\nabout: {differs: !also [two], paper: !also [x]}\ndata: {train: [b/train]}\n"
    )
    assert plain_recipe(tmp_path / "b.yaml") == {
        "about": {"differs": ["one", "two"], "paper": ["x"]},
        "data": {"train": ["b/train"]},
    }


def test_a_stage_can_be_the_extended_one_with_changes(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "stages:\n- fine_tune: {steps: 5, lr: {encoder: 1, head: 2}}\n- fine_tune: {name: again, steps: 6}\n- slim:\n"
        "- factorize\n"
    )
    (tmp_path / "b.yaml").write_text(
        "extends: a.yaml\nstages:\n- fine_tune: !same {name: again, warmup: 1}\n- factorize: !same {}\n"
        "- fine_tune: !same {name: third, lr: {head: 3}}\n- slim: !same {}\n"
    )
    assert plain_recipe(tmp_path / "b.yaml")["stages"] == [
        {"fine_tune": {"name": "again", "steps": 6, "warmup": 1}},
        {"factorize": {}},
        {"fine_tune": {"name": "third", "steps": 5, "lr": {"encoder": 1, "head": 3}}},
        {"slim": {}},
    ]


@pytest.mark.parametrize(
    ("before", "told"),
    [
        ("- fine_tune: {}", "fine_tune"),
        ("- fine_tune: {name: prune}", "fine_tune (name: prune)"),
        ("- {}", "none"),
        ("- prune: 3", "none"),
        ("- prune: {name: 3}", "prune (name: 3)"),
    ],
)
def test_a_stage_that_is_not_there_cannot_be_the_same(tmp_path, before, told):
    (tmp_path / "a.yaml").write_text(f"stages:\n{before}\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\nstages:\n- prune: !same {}\n")
    with pytest.raises(RecipeError) as fault:
        plain_recipe(tmp_path / "b.yaml")
    assert str(fault.value).endswith(f"b.yaml: stages: !same prune: what is extended has no such stage; it has {told}")


def test_a_stage_on_the_command_line_is_the_same_as_nothing(tmp_path):
    with pytest.raises(RecipeError, match="--set stages: stages: !same fine_tune: what is extended has no such stage"):
        read_recipe(known_recipes()["demo"], ["stages=[{fine_tune: !same {steps: 3}}]"])


def test_what_is_no_recipe_is_told_before_it_is_made_small(tmp_path):
    (tmp_path / "a.yaml").write_text("name: x\n")
    with pytest.raises(RecipeError, match="encoder: missing"):
        read_recipe(tmp_path / "a.yaml", scale=lambda data: smoke_test(data, tmp_path / "encoder"))


@pytest.mark.parametrize("scale", [smoke_test, dry_run])
def test_a_published_teacher_has_a_stand_in_too(tmp_path, scale, monkeypatch):
    monkeypatch.setattr(
        scaled_down, "stood_in", lambda source, folder, tiny: f"{source}, {'tiny' if tiny else 'whole'}"
    )
    data = plain_recipe(known_recipes()["dphubert"])
    data["stages"][0]["prune"]["distillation"]["teacher"] = "microsoft/wavlm-large"
    made = scale(data, tmp_path)
    expected = f"microsoft/wavlm-large, {'tiny' if scale is smoke_test else 'whole'}"
    assert made["stages"][0]["prune"]["distillation"]["teacher"] == expected


def test_the_table_names_them_all():
    out = io.StringIO()
    Console(file=out, width=400).print(recipes_table())
    lines = {line.split()[1]: line for line in out.getvalue().splitlines() if line.startswith("│")}
    assert set(NAMES) <= set(lines) and "None" not in out.getvalue()
    assert (
        "microsoft/wavlm-base-plus, 94.4 M" in lines["diarizen-base"] and "20% params, 18.9 M" in lines["diarizen-base"]
    )
    assert "50% macs" in lines["hj-macs"] and "wav2vec2-base, 94.4 M" in lines["hj-macs"]


def test_the_sizes_in_the_table_are_those_of_the_networks():
    assert {full(name).encoder.source for name in NAMES} - {None} == set(PARAMETERS)
    for source, count in PARAMETERS.items():
        with torch.device("meta"):
            encoder = SpeechEncoder(published_config(source))
        assert count == sum(p.numel() for p in encoder.parameters())


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in NAMES])
def test_a_recipe_runs_at_toy_scale(name, tmp_path):
    recipe = read_recipe(known_recipes()[name], scale=lambda data: smoke_test(data, tmp_path / "encoder"))
    run = compress(recipe, tmp_path / "run", console=Console(file=io.StringIO(), width=200))
    for entry, stage in zip(recipe.stages, recipe.names(), strict=True):
        results = run.finished(stage)
        if entry.kind == "prune":
            assert results["equality"] < 1e-6
    dense, small = (TaskModel.from_pretrained(str(run.model(stage))) for stage in ("start", recipe.names()[-1]))
    if recipe.budget is not None:
        budget = recipe.budget.build()
        costs = CostModel(small.encoder, budget.seconds)
        for limit in budget.constraints(costs, reference_cost(dense.encoder, budget.seconds)):
            assert limit.measure(costs.sizes) <= limit.target < limit.reference
    assert bool(small.config.encoder.chunk_frames) == ("streaming" in name)
    assert bool(factored_paths(small.encoder.shape)) == ("lowrank" in name)
    if "lora" in recipe.names():
        adapted = TaskModel.from_pretrained(str(run.model("lora"))).encoder.layers[0].attention
        before = dense.encoder.layers[0].attention
        assert not torch.equal(adapted.q.weight, before.q.weight) and torch.equal(adapted.k.weight, before.k.weight)


OTHERS = sorted(set(known_recipes()) - set(NAMES))
FROM_RUNS = [n for n in OTHERS if str(plain_recipe(known_recipes()[n])["encoder"].get("from", "")).startswith("runs/")]


@pytest.mark.parametrize("name", ["recognition-streaming-wuw2", "diarization-conv"])
def test_a_model_of_another_run_has_a_stand_in(name, tmp_path):
    recipe = read_recipe(name, scale=lambda data: smoke_test(data, tmp_path))
    encoder = SpeechEncoder.from_pretrained(recipe.encoder.source)
    assert sum(p.numel() for p in encoder.parameters()) < 300_000
    assert bool(encoder.config.chunk_frames) == ("streaming" in name)
    again = read_recipe(
        name, [f"encoder.from={recipe.encoder.source}"], lambda data: smoke_test(data, tmp_path / "none")
    )
    assert again.encoder.source == recipe.encoder.source and not (tmp_path / "none").exists()


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
def test_every_other_recipe_runs_at_toy_scale(name, tmp_path):
    assert len(FROM_RUNS) >= 9
    recipe = read_recipe(name, scale=lambda data: smoke_test(data, tmp_path / "run" / "stand-ins"))
    run = compress(recipe, tmp_path / "run", console=Console(file=io.StringIO(), width=200))
    assert all(run.finished(stage) is not None for stage in recipe.names())
