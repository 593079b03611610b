"""Anti-spoofing as a task of the one loop: labels, losses, scores, calibration, results."""

import json

import numpy as np
import pytest
import soundfile
import torch
import yaml
from torch.nn import functional as F

from sottovoce.data.corpora.cuts import cut_field, load_cut, make_cut, read_cuts, write_cuts
from sottovoce.errors import DataError, RecipeError
from sottovoce.metrics.detection.log_likelihood_ratio_cost import cllr, min_cllr
from sottovoce.metrics.detection.spoofing import nearest_eer, spoof_min_dcf
from sottovoce.models.task_model import TaskModel
from sottovoce.report.run_report import write_report
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.tasks.spoofing import Spoofing, SpoofLoss, SpoofObjective
from sottovoce.tasks.task import EvaluationData
from toy_recipe import toy


@pytest.fixture
def corpus(tmp_path):
    """Bona fide: noise of low frequencies; spoofed: of high ones, by two attacks."""
    tmp_path = tmp_path / "spoofing"
    tmp_path.mkdir()
    generator = np.random.default_rng(0)
    for split, count in (("train", 12), ("dev", 20), ("test", 24)):
        cuts = []
        for number in range(count):
            real = number % 2 == 0
            spectrum = np.fft.rfft(generator.normal(size=8000))
            place = np.linspace(0, 1, len(spectrum))
            wave = np.fft.irfft(spectrum * np.exp(-(((place - (0.2 if real else 0.6)) * 4) ** 2)), 8000)
            name = f"{split}/{number}.wav"
            (tmp_path / split).mkdir(exist_ok=True)
            soundfile.write(tmp_path / name, 0.1 * wave / wave.std(), 16_000)
            fields = {"label": "bonafide" if real else "spoof", "attack": "-" if real else f"A{number % 3}"}
            cuts.append(
                make_cut(name=name, source=name, samples=8000, rate=16_000, speaker=f"s{number % 5}", custom=fields)
            )
        write_cuts(cuts, tmp_path / f"{split}.jsonl.gz")
    return tmp_path


MHFA = {"mhfa": {"width": 6, "heads": 3, "size": 10}}
SLS = {"sls": {"width": 9, "size": 10}}


def recipe(folder, head=MHFA, **loss):
    plain = toy(folder.parent)
    splits = {split: str(folder / f"{split}.jsonl.gz") for split in ("train", "dev", "test")}
    plain["task"] = {"spoofing": {"head": head, "draws": 5, "loss": loss}}
    plain["data"] |= {
        "corpora": {"toy": {"cuts": splits}},
        "train": ["toy/train"],
        "dev": {"cuts": "toy/dev"},
        "test": {"unheard": {"cuts": "toy/test"}},
        "augment": [],
        "batch": 6,
        "balanced": True,
    }
    plain["stages"] = [
        {"fine_tune": {"steps": 30, "lr": {"encoder": 2e-3, "head": 5e-3}}},
        {"prune": {"steps": 6, "task": 1.0, "distillation": {"teacher": "fine_tune"}, "ramp": {"steps": 4}}},
        {"distill": {"steps": 2, "task": 1.0, "distillation": {"teacher": "fine_tune"}}},
    ]
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(plain))
    return path


@pytest.mark.parametrize(("head", "kind"), [(SLS, "cross_entropy"), (MHFA, "one_class")])
def test_the_loop_trains_prunes_and_scores_it(corpus, tmp_path, head, kind):
    compress(read_recipe(recipe(corpus, head, kind=kind)), run=tmp_path / "run")
    dense = json.loads((tmp_path / "run" / "stages" / "fine_tune.json").read_text())["test"]["unheard"]
    assert dense["nearest_eer"] < 0.2  # 0.5 is chance
    assert dense["bonafide"] == dense["spoofed"] == 12
    assert set(dense["nearest_eer_by_attack"]) == set(dense["min_dcf_by_attack"]) == {"A0", "A1", "A2"}
    costs = [
        json.loads((tmp_path / "run" / "stages" / f"{s}.json").read_text())["cost"] for s in ("fine_tune", "distill")
    ]
    assert costs[1]["params"] <= 0.5 * costs[0]["params"]
    model = TaskModel.from_pretrained(str(tmp_path / "run" / "models" / "distill")).eval()
    assert model.scoring.calibrated  # on dev
    numbers = json.loads((tmp_path / "run" / "stages" / "distill.json").read_text())
    # What was saved with the model gives the numbers that were printed.
    task = read_recipe(recipe(corpus, head, kind=kind)).task.options
    cuts = list(read_cuts(corpus / "test.jsonl.gz"))
    with torch.inference_mode():
        llrs = np.array([model.scoring(model(load_cut(cut)[None]).output).item() for cut in cuts])
    kinds = np.array([task.label_of(cut) == "bonafide" for cut in cuts])
    assert numbers["test"]["unheard"]["nearest_eer"] == pytest.approx(nearest_eer(llrs, kinds))
    assert numbers["test"]["unheard"]["min_dcf"] == pytest.approx(spoof_min_dcf(llrs, kinds))
    assert numbers["test"]["unheard"]["cllr"] == pytest.approx(cllr(llrs, kinds), abs=1e-4)
    # On dev itself the calibration is as good as an affine one can be.
    assert numbers["dev"]["calibration"]["slope"] != 1.0
    assert min_cllr(llrs, kinds) <= cllr(llrs, kinds) + 1e-9


@pytest.mark.slow
def test_a_network_without_an_encoder_runs_through(corpus, tmp_path):
    """AASIST on the waveform: trained, pruned inside its residual map, reported; costs are those of the whole."""
    plain = yaml.safe_load(recipe(corpus).read_text())
    plain["encoder"] = {"config": {"front_end": "samples", "fixed_samples": 6000}}
    head = {"sinc_aasist": {"filters": 10, "taps": 9, "channels": [16, 16], "width": 4}}
    plain["task"] = {"spoofing": {"head": head, "draws": 5, "score": "bonafide"}}
    plain["budget"] = {"params": "80%"}
    rates = {"encoder": 1e-3, "head": 1e-3}
    plain["stages"] = [
        {"fine_tune": {"steps": 3, "lr": rates}},
        {"prune": {"steps": 3, "kinds": ["map"], "scope": "model", "task": 1.0, "lr": rates, "ramp": {"steps": 2}}},
    ]
    path = corpus / "sinc.yaml"
    path.write_text(yaml.safe_dump(plain))
    compress(read_recipe(path), run=tmp_path / "run")
    costs = [
        json.loads((tmp_path / "run" / "stages" / f"{s}.json").read_text())["cost"] for s in ("fine_tune", "prune")
    ]
    model = TaskModel.from_pretrained(str(tmp_path / "run" / "models" / "prune"))
    assert costs[1]["params"] == sum(p.numel() for p in model.parameters()) <= 0.8 * costs[0]["params"]
    assert model.config.scoring_options == {"score": "bonafide"} and model.scoring.calibrated
    assert write_report(tmp_path / "run").is_file()


def test_one_class_loss_is_the_papers():
    options = SpoofLoss(kind="one_class")
    objective = SpoofObjective(["spoof", "bonafide"], options)
    cosine, labels = torch.tensor([[0.95], [0.3], [0.1], [0.8]]), torch.tensor([1, 1, 0, 0])
    found, values = objective(cosine, {"labels": labels})
    expected = [np.log1p(np.exp(20 * x)) for x in (0.9 - 0.95, 0.9 - 0.3, 0.1 - 0.2, 0.8 - 0.2)]
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-5)
    assert values["accuracy"].item() == 0.5


def test_cross_entropy_weighs_bona_fide_speech():
    objective = SpoofObjective(["spoof", "bonafide"], SpoofLoss(bonafide_weight=9.0))
    output, labels = torch.randn(8, 2), torch.tensor([0, 1] * 4)
    each = F.cross_entropy(output, labels, reduction="none")
    expected = (each * torch.tensor([1.0, 9.0] * 4)).sum() / 40
    assert objective(output, {"labels": labels})[0].item() == pytest.approx(expected.item(), rel=1e-5)


def test_labels_are_checked(tmp_path):
    def cut(name, **fields):
        return make_cut(name=name, source="x.wav", samples=16_000, rate=16_000, custom=fields)

    task = Spoofing()
    assert task.labels([cut("a", label="spoof"), cut("b", label="bonafide")]) == ["spoof", "bonafide"]
    with pytest.raises(DataError, match="cut c: has no label; anti-spoofing is learned and scored with labels"):
        task.labels([cut("c")])
    with pytest.raises(DataError, match="cut d: its label is 'fake'; it can be bonafide or spoof"):
        task.labels([cut("d", label="fake")])
    with pytest.raises(DataError, match="all 1 recordings are spoof; both kinds are needed"):
        task.labels([cut("e", label="spoof")])
    assert cut_field(cut("f", key=3), "key") == "3"
    assert Spoofing(label="key").label_of(cut("g", key="bonafide")) == "bonafide"


def test_a_recording_without_a_label_is_not_scored(corpus):
    read = read_recipe(recipe(corpus))
    cuts = list(read_cuts(corpus / "test.jsonl.gz"))
    del cuts[4].supervisions[0].custom["label"]
    model = read.encoder.build(read.task.options, 0).eval()
    with pytest.raises(DataError, match=f"cut {cuts[4].id}: has no label"):
        read.task.options.evaluate(model, EvaluationData(cuts))


def test_trials_are_not_for_it(corpus, tmp_path):
    path = recipe(corpus)
    plain = yaml.safe_load(path.read_text())
    plain["data"]["test"]["unheard"]["trials"] = str(corpus.parent / "trials.txt")
    path.write_text(yaml.safe_dump(plain))
    with pytest.raises(RecipeError, match="spoofing is not scored on trials; leave them out"):
        read_recipe(path)


def test_a_model_with_another_head_is_no_start(corpus, tmp_path):
    read = read_recipe(recipe(corpus))
    two_logits = TaskModel(read.task.options.config(read.encoder.build(read.task.options, 0).config.encoder, ()))
    two_logits.save_pretrained(tmp_path / "two")
    plain = yaml.safe_load(recipe(corpus, kind="one_class").read_text())
    plain["encoder"] = {"from": str(tmp_path / "two")}
    (corpus / "recipe.yaml").write_text(yaml.safe_dump(plain))
    with pytest.raises(RecipeError, match="has classes 2, the recipe's would have 1"):
        compress(read_recipe(corpus / "recipe.yaml"), run=tmp_path / "run")
    plain["task"] = {"verification": {}}
    plain["data"] |= {"dev": None, "test": {}}
    (corpus / "recipe.yaml").write_text(yaml.safe_dump(plain))
    with pytest.raises(RecipeError, match="is a model for spoofing, the recipe for verification"):
        compress(read_recipe(corpus / "recipe.yaml"), run=tmp_path / "other")


def test_a_codec_of_one_kind_is_left_out_of_the_table(corpus):
    read = read_recipe(recipe(corpus))
    model = read.encoder.build(read.task.options, 0).eval()
    cuts = list(read_cuts(corpus / "test.jsonl.gz"))
    for number, cut in enumerate(cuts):  # even numbers are bona fide
        cut.supervisions[0].custom["codec"] = "mp3" if number == 1 else ("opus", "gsm")[number // 2 % 2]
    numbers = read.task.options.evaluate(model, EvaluationData(cuts))
    assert set(numbers["nearest_eer_by_codec"]) == set(numbers["min_dcf_by_codec"]) == {"opus", "gsm"}
    assert "over 5 speakers" in numbers["protocol"]
