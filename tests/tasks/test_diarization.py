"""Diarization as a task of the one loop: targets, loss, results; local windows and whole recordings."""

import json

import numpy as np
import pytest
import soundfile
import torch
import yaml

from sottovoce.data.audio.frames import frame_count
from sottovoce.data.batches.batches import StepBatches
from sottovoce.data.batches.speaker_activity import SpeakerActivity, turns_of_cut
from sottovoce.data.corpora.cuts import make_cut, read_cuts, write_cuts
from sottovoce.diarization.ahc import AHCOptions
from sottovoce.diarization.pipeline import DiarizationSettings
from sottovoce.diarization.plda import PLDA
from sottovoce.diarization.powerset import Powerset
from sottovoce.diarization.vbx import VBxOptions
from sottovoce.errors import DataError, RecipeError
from sottovoce.inference.diarization import diarize
from sottovoce.metrics.diarization import score_diarization
from sottovoce.models.task_model import TaskModel
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.tasks.diarization import Diarization, DiarizationObjective
from sottovoce.tasks.scoring.diarization_scores import DecisionOptions, local_score, scored_regions
from sottovoce.tasks.task import EvaluationData
from tiny_models import tiny_model
from toy_recipe import toy

SECONDS = 3.0


def band(generator, samples, low):
    """Noise of low or high frequencies: a voice."""
    spectrum = np.fft.rfft(generator.normal(size=samples))
    place = np.linspace(0, 1, len(spectrum))
    wave = np.fft.irfft(spectrum * np.exp(-(((place - (0.1 if low else 0.6)) * 6) ** 2)), samples)
    return 0.1 * wave / wave.std()


@pytest.fixture
def corpus(tmp_path):
    """Conversations of two, who overlap now and then."""
    folder = tmp_path / "diarization"
    generator = np.random.default_rng(0)
    for split, count in (("train", 10), ("dev", 4), ("test", 4)):
        (folder / split).mkdir(parents=True)
        cuts = []
        for number in range(count):
            wave = 0.001 * generator.normal(size=round(SECONDS * 16_000))
            segments, now = [], 0.1
            for turn in range(4):
                length = generator.uniform(0.4, 0.7)
                a, b = round(now * 16_000), round(min(now + length, SECONDS) * 16_000)
                wave[a:b] += band(generator, b - a, low=turn % 2)
                segments.append((a / 16_000, b / 16_000, f"{split}{'ab'[turn % 2]}", None))
                now += length + generator.uniform(-0.1, 0.1)
            name = f"{split}/{number}.wav"
            soundfile.write(folder / name, wave, 16_000)
            cuts.append(make_cut(name=name, source=name, samples=len(wave), rate=16_000, segments=segments))
        write_cuts(cuts, folder / f"{split}.jsonl.gz")
    return folder


def recipe(folder, steps=100, **task):
    plain = toy(folder.parent)
    splits = {split: str(folder / f"{split}.jsonl.gz") for split in ("train", "dev", "test")}
    head = {"speakers": 2, "width": 12, "blocks": 1, "inner": 24, "heads": 2, "kernel": 7, "dropout": 0.0}
    plain["task"] = {"diarization": {"head": head, "draws": 5, "decisions": {"window": 1.5, **task}}}
    plain["encoder"]["config"]["dropout"] = 0.0  # there is little enough to learn with
    plain["data"] |= {
        "corpora": {"toy": {"cuts": splits}},
        "train": ["toy/train"],
        "dev": {"cuts": "toy/dev"},
        "test": {"unheard": {"cuts": "toy/test"}},
        "augment": [],
        "batch": 8,
        "crop": 1.5,
    }
    plain["stages"] = [
        {"fine_tune": {"steps": steps, "lr": {"encoder": 3e-3, "head": 1e-2}}},
        {"prune": {"steps": 6, "task": 1.0, "distillation": {"teacher": "fine_tune"}, "ramp": {"steps": 4}}},
    ]
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(plain))
    return path


def test_the_loop_trains_prunes_and_scores_it(corpus, tmp_path):
    tiny_model().save_pretrained(tmp_path / "speaker")
    path = recipe(corpus, embedding=str(tmp_path / "speaker"), step=0.5, median=5)
    compress(read_recipe(path), run=tmp_path / "run")
    stages = [json.loads((tmp_path / "run" / "stages" / f"{name}.json").read_text()) for name in ("fine_tune", "prune")]
    found = stages[0]["test"]["unheard"]
    assert found["miss"] + found["false_alarm"] < 0.15  # who it was takes longer: all missed is 1, always somebody 0.33
    assert found["der"] == pytest.approx(found["miss"] + found["false_alarm"] + found["confusion"])
    assert found["der_interval"]["speakers"] == 4  # recordings, not windows
    assert "local, windows of 1.5 s; collar 0 s each side, overlap scored" in found["protocol"]
    assert found["recordings"]["der"] < 1 and 0 <= found["recordings"]["jer"] <= 1
    costs = [stage["cost"]["params"] for stage in stages]
    assert costs[1] <= 0.5 * costs[0]
    # What was saved gives the numbers that were printed.
    task = read_recipe(path).task.options
    model = TaskModel.from_pretrained(str(tmp_path / "run" / "models" / "fine_tune")).eval()
    assert model.config.labels == ["nobody", "1", "2", "1+2"]
    cuts = list(read_cuts(corpus / "test.jsonl.gz"))
    assert task.evaluate(model, EvaluationData(cuts))["der"] == pytest.approx(found["der"], abs=1e-6)
    assert "DER" in task.summary(found) and "JER" in task.summary(found)


def test_encoder_and_conformers_lose_units_by_the_task_alone(corpus, tmp_path):
    """Gates on both, under one budget, driven by the powerset loss without a teacher."""
    plain = yaml.safe_load(recipe(corpus, steps=1).read_text())
    plain["data"]["test"] = {}
    prune = {"steps": 6, "scope": "model", "kinds": ["ffn", "head"], "ramp": {"steps": 4}, "round_to": 1}
    plain["stages"] = [{"prune": {**prune, "budget": {"params": 0.85, "per": {"head": {"params": 0.9}}}}}]
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(plain))
    compress(read_recipe(tmp_path / "recipe.yaml"), run=tmp_path / "run")
    before, after = (TaskModel.from_pretrained(str(tmp_path / "run" / "models" / s)) for s in ("start", "prune"))
    for part, share in ((lambda model: model, 0.85), (lambda model: model.head, 0.9)):
        whole, left = (sum(p.numel() for p in part(model).parameters()) for model in (before, after))
        assert left <= share * whole
    kept = json.loads((tmp_path / "run" / "plans" / "prune.json").read_text())["keep"]
    assert {"head.blocks.0.attention.heads", "encoder.layers.0.feed_forward.units"} <= set(kept)
    assert after.head.shape != before.head.shape


def test_whole_recordings_by_vbx(corpus, tmp_path):
    """The test of a recipe is what the pipeline gives with those settings; their faults show before training."""
    speaker = tiny_model()
    speaker.save_pretrained(tmp_path / "speaker")
    E, generator = speaker.head.size, np.random.default_rng(1)
    for name, size in (("plda", E), ("other", E + 1)):
        PLDA(generator.normal(size=size), generator.normal(size=(3, size)), np.array([5.0, 2.0, 1.0])).save(
            tmp_path / f"{name}.safetensors"
        )
    chosen = {"embedding": str(tmp_path / "speaker"), "step": 0.5, "median": 5, "linkage": "centroid", "threshold": 0.6}
    decisions = {**chosen, "plda": str(tmp_path / "plda.safetensors"), "vbx": {"fa": 0.2, "fb": 1.5, "loop": 0.3}}
    recipe_of = read_recipe(recipe(corpus, steps=1, **decisions))
    model = recipe_of.encoder.build(recipe_of.task.options, 0, list(read_cuts(corpus / "train.jsonl.gz"))).eval()
    cuts = list(read_cuts(corpus / "test.jsonl.gz"))
    found = recipe_of.task.options.evaluate(model, EvaluationData(cuts))["recordings"]
    settings = DiarizationSettings(
        window=1.5,
        step=0.5,
        median=5,
        ahc=AHCOptions(0.6, "centroid"),
        vbx=VBxOptions(fa=0.2, fb=1.5, loop=0.3),
        plda=PLDA.load(tmp_path / "plda.safetensors"),
    )
    built = recipe_of.task.options.decisions.settings()
    assert (built.ahc, built.vbx, built.window, built.step) == (settings.ahc, settings.vbx, 1.5, 0.5)
    turns = {cut.id: diarize(model, cut.recording.sources[0].source, speaker, settings=settings) for cut in cuts}
    assert found["der"] == pytest.approx(
        score_diarization({cut.id: turns_of_cut(cut) for cut in cuts}, turns).der, abs=1e-6
    )
    for wrong, text in (
        (
            {**decisions, "plda": str(tmp_path / "other.safetensors")},
            rf"of {E + 1} numbers, .* the speaker model have {E}",
        ),
        ({**decisions, "plda": str(tmp_path / "none.safetensors")}, "none.safetensors: no PLDA can be read"),
        ({**chosen, "embedding": str(tmp_path / "nobody")}, "nobody"),
    ):
        with pytest.raises(RecipeError, match=text):
            compress(read_recipe(recipe(corpus, steps=1, **wrong)), run=tmp_path / text)
        assert not list((tmp_path / text / "models").glob("*"))
    with pytest.raises(RecipeError, match="plda: a PLDA belongs to a speaker model"):
        read_recipe(recipe(corpus, plda="x.safetensors"))


def cut_of(segments, seconds=2.0, **fields):
    samples = round(seconds * 16_000)
    return make_cut(name="x", source="x.wav", samples=samples, rate=16_000, segments=segments, cut_custom=fields)


def test_activity_is_who_speaks_at_the_middle_of_a_frame():
    cut = cut_of([(0.1, 0.5, "a", None), (0.4, 1.0, "b", None), (0.9, 1.2, "a", None)])
    found = SpeakerActivity([cut], 3).of(cut, 0, 32_000)
    assert found.shape == (99, 3) and frame_count(128_000) == 399
    middles = 0.0125 + 0.02 * np.arange(99)
    a = ((middles >= 0.1) & (middles < 0.5)) | ((middles >= 0.9) & (middles < 1.2))
    b = (middles >= 0.4) & (middles < 1.0)
    assert {tuple(column) for column in found.T.tolist()} == {tuple(map(float, each)) for each in (a, b, a & False)}
    # A stretch is that part of it.
    later = SpeakerActivity([cut], 3).of(cut, 6400, 9600)
    assert sorted(later.sum(0).tolist()) == sorted(found[20 : 20 + 29].sum(0).tolist())


def test_a_short_cut_is_heard_again():
    cut = cut_of([(0.1, 0.5, "a", None)], seconds=1.0)
    found = SpeakerActivity([cut], 1).of(cut, 8000, 32_000)[:, 0]
    middles = (0.5 + 0.0125 + 0.02 * np.arange(99)) % 1.0
    assert found.tolist() == ((middles >= 0.1) & (middles < 0.5)).astype(float).tolist()


def test_those_who_speak_the_least_are_left_out():
    cut = cut_of([(0, 1, "a", None), (1, 1.1, "b", None), (1.1, 2, "c", None)])
    found = SpeakerActivity([cut], 2).of(cut, 0, 32_000)
    assert found.sum(0).tolist() == [50, 44]


def test_batches_carry_it(corpus):
    cuts = list(read_cuts(corpus / "train.jsonl.gz"))
    batch = StepBatches(cuts, batch_size=3, crop=1.0, targets=SpeakerActivity(cuts, 2))[5]
    assert batch["activity"].shape == (3, 49, 2)
    for wave, active in zip(batch["waveform"], batch["activity"], strict=True):
        level = wave.unfold(0, 400, 320).std(1)
        assert ((level > 0.02) == active.any(1)).float().mean() > 0.9  # speech is where it is said to be


def test_objective():
    powerset = Powerset(2, 2)
    objective = DiarizationObjective(["nobody", "1", "2", "1+2"], powerset)
    activity = torch.tensor([[[1.0, 0], [1, 1], [0, 1], [0, 0]]])
    scores = 50 * torch.nn.functional.one_hot(powerset.encode(activity.flip(-1)), 4).float()
    batch = {"activity": activity, "frames": torch.tensor([4]), "waveform": torch.zeros(1, 1360)}
    loss, values = objective(scores, batch)
    assert loss.item() < 1e-6 and values["local_der"].item() == 0
    scores[0, 0] = torch.tensor([50.0, 0, 0, 0])
    assert objective(scores, batch)[1]["local_der"].item() == pytest.approx(1 / 4)
    with pytest.raises(DataError, match="encoder makes 2 frames of 20"):
        objective(scores[:, :2], batch | {"activity": torch.zeros(1, 20, 2)})
    with pytest.raises(DataError, match="does not say who speaks when"):
        objective(scores, {"frames": torch.tensor([4])})


def test_labels_are_checked():
    task = Diarization()
    assert task.labels([cut_of([(0, 1, "a", None)])])[:6] == ["nobody", "1", "2", "3", "4", "1+2"]
    with pytest.raises(DataError, match="nobody speaks in the 1 recordings"):
        task.labels([cut_of([])])
    with pytest.raises(DataError, match="the supervision x#0 has no speaker"):
        task.labels([cut_of([(0, 1, None, None)])])


def test_windows_share_no_time(corpus):
    model = TaskModel(Diarization().config(tiny_model().config.encoder)).eval()
    cuts = list(read_cuts(corpus / "test.jsonl.gz"))
    speech = sum(each.duration for cut in cuts for each in cut.supervisions)
    assert local_score(model, cuts, DecisionOptions(window=0.7)).speech == pytest.approx(speech, abs=1e-3)
    cut = cut_of([(0, 1, "a", None)], uem=[[0.5, 1.0]])
    assert scored_regions(cut) == [(0.5, 1.0)]


def test_options_are_checked(corpus):
    path = recipe(corpus, median=4)
    with pytest.raises(RecipeError, match="the length of the median filter must be odd, not 4 frames; take 5"):
        read_recipe(path)
    for head, text in (({"speakers": 2, "at_once": 3}, "cannot speak at once"), ({"width": 10}, "do not divide")):
        with pytest.raises(ValueError, match=text):
            Diarization(head=head)
