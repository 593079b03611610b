"""Development trials of speakers that are held out of training, where a verification recipe brings none."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from rich.console import Console

from corpus import write_corpus
from sottovoce.data.corpora.cuts import make_cut, read_cuts, write_cuts
from sottovoce.errors import RecipeError
from sottovoce.metrics.detection.trials import Trials
from sottovoce.models.task_model import TaskModel
from sottovoce.recipe.data_section import Corpora, DataOptions
from sottovoce.recipe.packaged import known_recipes
from sottovoce.recipe.yaml_file import plain_recipe
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe import Recipe
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.runs.stages.context import load_objective
from sottovoce.tasks.verification import equal_error_threshold
from toy_recipe import toy, write


def corpora(folder, *, speakers=20, sessions=3, utterances=6, train=("said/train",), **options):
    """Utterances of which nobody hears anything; ``sessions`` of each speaker, ``None`` where it is not known."""
    cuts = [
        make_cut(
            name=f"s{s}-{u}",
            source="x.wav",
            samples=16_000,
            rate=16_000,
            speaker=f"s{s}",
            custom={"session": f"{u % sessions(s) if callable(sessions) else u % sessions}"} if sessions else {},
        )
        for s in range(speakers)
        for u in range(utterances)
    ]
    write_cuts(cuts, folder / "train.jsonl.gz")
    (folder / "x.wav").write_bytes(b"nobody hears it")
    data = {"corpora": {"said": {"cuts": {"train": str(folder / "train.jsonl.gz")}}}, "train": list(train), **options}
    return Corpora(DataOptions.model_validate(data), folder / "work")


def speakers_of(cuts):
    return {cut.supervisions[0].speaker for cut in cuts}


def test_a_tenth_is_held_out_at_every_speed_and_by_the_seed(tmp_path):
    data = corpora(tmp_path, train=("said/train", "said/train@1.1"))
    held = data.hold_out(1, 2)
    out = speakers_of(held.cuts)
    assert len(out) == 2 and len(held.cuts) == 12
    everybody = speakers_of(data.cuts("said/train", "said/train@1.1"))
    assert len(everybody) == 40
    assert speakers_of(data.train_cuts()) == everybody - out - {f"{each}@1.1" for each in out}
    assert speakers_of(data.train_cuts("said/train@0.9")) == {
        f"{e}@0.9" for e in speakers_of(data.train_cuts()) if "@" not in e
    }
    assert data.dev_set().trials is held.trials
    again = corpora(tmp_path, train=("said/train", "said/train@1.1")).hold_out(1, 2)
    assert (again.trials.left, again.trials.right) == (held.trials.left, held.trials.right)
    others = [speakers_of(corpora(tmp_path).hold_out(seed, 2).cuts) for seed in range(2, 6)]
    assert any(each != out for each in others)


@pytest.mark.parametrize("sessions, targets, across", [(3, 12, True), (1, 15, False), (None, 15, False)])
def test_trials_are_across_sessions_where_they_are_known(tmp_path, sessions, targets, across):
    held = corpora(tmp_path, sessions=sessions).hold_out(1, 2)
    trials = held.trials
    assert held.across == across and ("across sessions" in str(held)) == across
    assert trials.targets.sum() == 2 * targets  # of 6 utterances there are 15 pairs, 3 of them of one session
    session = {cut.id: (cut.supervisions[0].custom or {}).get("session") for cut in held.cuts}
    who = {cut.id: cut.supervisions[0].speaker for cut in held.cuts}
    pairs = list(zip(trials.left, trials.right, trials.targets.tolist(), strict=True))
    assert len({frozenset(pair[:2]) for pair in pairs}) == len(pairs)
    for a, b, target in pairs:
        assert target == (who[a] == who[b]) and a != b
        assert not (target and across) or session[a] != session[b]
    assert not trials.targets.all()


def test_speakers_of_several_sessions_come_first(tmp_path):
    held = corpora(tmp_path, sessions=lambda s: 2 if s in (3, 7, 11) else 1).hold_out(1, 2)
    assert speakers_of(held.cuts) < {"said/s3", "said/s7", "said/s11"} and held.across


def test_a_corpus_named_twice_is_of_the_same_people(tmp_path):
    write_corpus(tmp_path, speakers=8)
    (tmp_path / "list.tsv").write_text(
        "path\tspeaker\n" + "".join(f"audio/train/s{s}/{u}.wav\ts{s}\n" for s in range(8) for u in range(3))
    )
    options = {"path": str(tmp_path / "list.tsv"), "layout": "table", "split": "train"}
    data = Corpora(
        DataOptions.model_validate(
            {"corpora": {"one": {"import": options}, "two": {"import": options}}, "train": ["one/train", "two/train"]}
        ),
        tmp_path / "work",
    )
    held = {name.partition("/")[2] for name in speakers_of(data.hold_out(0, 2).cuts)}
    assert {name.partition("/")[2] for name in speakers_of(data.train_cuts())} == {f"s{k}" for k in range(8)} - held


def test_as_many_as_can_be_spared(tmp_path):
    assert corpora(tmp_path, speakers=3).hold_out(1, 2) is None
    assert corpora(tmp_path, utterances=1).hold_out(1, 2) is None
    assert corpora(tmp_path).hold_out(1, 19) is None
    assert len(corpora(tmp_path, hold_out=5).hold_out(1, 2).speakers) == 5
    assert corpora(tmp_path, hold_out=0).hold_out(1, 2) is None
    with pytest.raises(RecipeError, match="19 of 20 training speakers cannot be spared .* at most 18"):
        corpora(tmp_path, hold_out=19).hold_out(1, 2)


def test_a_run_ends_with_a_threshold_from_speakers_that_it_did_not_hear(tmp_path):
    data = toy(tmp_path)
    del data["data"]["hold_out"]
    data["task"]["verification"]["scoring"] = {"as_norm": {"top": 2}, "calibration": {}}
    data["stages"] = [{"fine_tune": {"steps": 1}}, {"fine_tune": {"name": "unheard", "steps": 1, "evaluate": False}}]
    with open(tmp_path / "log.txt", "w") as log:
        run = compress(write(data, tmp_path / "toy.yaml"), tmp_path / "run", console=Console(file=log, width=200))
    told = (tmp_path / "log.txt").read_text()
    assert (
        "toy: no development trials are given, so 2 of 4 training speakers are held out: 6 trials of one speaker"
        in told
    )
    model = TaskModel.from_pretrained(str(run.model("fine_tune")))
    results = run.finished("fine_tune")["dev"]
    learned = set(load_objective(run.objective("fine_tune"))[0])
    cuts = [
        cut for cut in read_cuts(tmp_path / "train.jsonl.gz") if f"toy/{cut.supervisions[0].speaker}" not in learned
    ]
    assert len(learned) == 2 and len(cuts) == 6 and len(model.scoring.cohort) == 2
    # By hand: all pairs of one speaker are among the trials, and the threshold is the equal-error point of these scores.
    task = Recipe.model_validate(data).task.options
    pairs = list(combinations(cuts, 2))
    trials = Trials([a.id for a, _ in pairs], [b.id for _, b in pairs], np.array([_same(*pair) for pair in pairs]))
    assert results["targets"] == trials.targets.sum()
    if results["trials"] == len(pairs):
        assert results["threshold"] == pytest.approx(
            equal_error_threshold(task.scores(model, cuts, trials), trials.targets), abs=1e-5
        )
    assert model.scoring.threshold.item() == pytest.approx(results["threshold"], abs=1e-6)
    assert model.scoring.calibrated
    unheard = TaskModel.from_pretrained(str(run.model("unheard")))
    assert unheard.scoring.threshold.isnan() and not unheard.scoring.calibrated  # its weights are others


def _same(a, b):
    return a.supervisions[0].speaker == b.supervisions[0].speaker


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"hold_out": 1}, "data.hold_out: trials need at least 2 speakers"),
        (
            {"hold_out": 2, "dev": True},
            "data.hold_out: data.dev has development trials already; leave one of the two out",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, changes, message):
    data = toy(tmp_path)
    if "dev" in changes:
        changes = changes | {"dev": data["data"]["test"].pop("bands")}
    data["data"] |= changes
    with pytest.raises(RecipeError, match=message):
        read_recipe(write(data, tmp_path / "toy.yaml"))


def test_every_shipped_verification_recipe_ends_with_an_evaluated_stage():
    found = []
    for path in known_recipes().values():
        plain = plain_recipe(path)
        if "verification" in plain["task"]:
            found.append(path.stem)
            (options,) = plain["stages"][-1].values()
            assert options.get("evaluate", True) and plain["data"].get("hold_out") != 0, path
    assert "demo" in found and "verification-wuw2" in found
