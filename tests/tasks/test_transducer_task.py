"""Recognition with a transducer through the one loop: loss, warm-up, joint pruning, scores, transcripts."""

import json

import pytest
import torch
import yaml
from torch.nn import functional as F

from alignments import enumerated_losses
from sottovoce.data.corpora.cuts import load_cut, make_cut, read_cuts
from sottovoce.decoding.transducer import transducer_greedy
from sottovoce.decoding.vocabulary import BLANK
from sottovoce.encoder.layers.low_rank import factored_paths
from sottovoce.errors import DataError, RecipeError
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.importance import activation
from sottovoce.pruning.low_rank import factorize
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.tasks.objectives.transducer_objective import TransducerObjective
from sottovoce.tasks.recognition import Recognition
from sottovoce.tasks.recognition_heads import RecognitionLoss
from tiny_models import randomized, tiny_config
from tones import tone_recipe, write_tones

HEAD = {"transducer": {"predictor": 16, "width": 32}}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transducer") / "tones"
    folder.mkdir()
    return write_tones(folder, train=96, dev=4, test=24)


def written(plain, place):
    (place / "recipe.yaml").write_text(yaml.safe_dump(plain))
    return place / "recipe.yaml"


def recipe_of(corpus, **task):
    plain = tone_recipe(corpus, head=HEAD, **task)
    plain["encoder"]["config"]["downsampling"] = 2
    plain["stages"][1]["prune"]["kinds"] = [*plain["stages"][1]["prune"]["kinds"], "joiner"]
    plain["stages"][1]["prune"]["scope"] = "model"
    return plain


def results_of(run, stage):
    return json.loads((run / "stages" / f"{stage}.json").read_text())


def model_of(run, stage):
    return TaskModel.from_pretrained(str(run / "models" / stage)).eval()


def texts_of(model, cuts):
    """What greedy search finds in each cut alone."""
    out = []
    with torch.inference_mode():
        for cut in cuts:
            made = model(load_cut(cut)[None])
            said = transducer_greedy(model.head, model.head.project(made.output), made.output_lengths)[0]
            out.append(" ".join("".join(model.config.labels[k] for k in said).split()))
    return out


@pytest.mark.slow
def test_the_loop_teaches_it_and_pruning_leaves_it(corpus, tmp_path):
    plain = recipe_of(corpus, loss={"warmup": 60})
    plain["stages"][0]["fine_tune"]["steps"] = 300
    plain["stages"][2]["distill"]["steps"] = 60
    compress(read_recipe(written(plain, tmp_path)), run=tmp_path / "run")
    dense, small = (results_of(tmp_path / "run", s)["test"]["unheard"] for s in ("fine_tune", "distill"))
    assert dense["wer"] < 0.3 and small["wer"] < 0.6


@pytest.mark.parametrize("distillation", [None, {"teacher": "fine_tune"}], ids=["alone", "taught"])
def test_joiner_and_encoder_are_pruned_under_one_budget_and_scored(corpus, tmp_path, distillation):
    plain = recipe_of(corpus, loss={"warmup": 4})
    plain["stages"] = [
        {"fine_tune": {"steps": 8, "log_every": 1, "evaluate": False}},
        {
            "prune": {
                "steps": 4,
                "scope": "model",
                "kinds": ["ffn", "joiner"],
                "task": 1.0,
                "distillation": distillation,
                "budget": {"params": 0.8, "per": {"head": {"params": 0.7}}},
            }
        },
    ]
    compress(read_recipe(written(plain, tmp_path)), run=(run := tmp_path / "run"))
    rows = [json.loads(row) for row in (run / "metrics.jsonl").read_text().splitlines()]
    for row in [row for row in rows if row["stage"] == "fine_tune" and "loss/task" in row]:
        share = min((row["step"] - 1) / 4, 1)  # logged after step k, which was the k-th from 0 on
        expected = share * row.get("task/transducer", 0) + (1 - 0.8 * share) * row["task/ctc"]
        assert row["loss/task"] == pytest.approx(expected, rel=1e-4)

    assert all(("loss/distillation" in row) == bool(distillation) for row in rows if row["stage"] == "prune")
    pruned, before, after = results_of(run, "prune"), model_of(run, "fine_tune"), model_of(run, "prune")
    whole, left = (sum(p.numel() for p in model.parameters()) for model in (before, after))
    assert pruned["budget_reference"]["params"] == whole and left <= 0.8 * whole
    assert after.head.joiner.output.in_features == 16 and after.original_shape == before.shape
    assert pruned["equality"] < 1e-9
    kept = json.loads((run / "plans" / "prune.json").read_text())["keep"]
    assert len(kept["head.joiner.width"]) == 16 and "encoder.layers.0.feed_forward.units" in kept

    numbers = pruned["test"]["unheard"]
    cuts = list(read_cuts(corpus / "test.jsonl.gz"))
    wrong = sum(t != cut.supervisions[0].text for t, cut in zip(texts_of(after, cuts), cuts, strict=True))
    assert len(numbers["worst"]) == min(wrong, 5) and numbers["search"] == "greedy transducer"


# --- the objective ---

LABELS = [BLANK, *"abcd"]


def model(**head):
    torch.manual_seed(0)
    head = {"kind": "transducer", "outputs": 5, "predictor": 12, "width": 8, **head}
    return randomized(TaskModel(TaskConfig(encoder=tiny_config(), head=head, labels=LABELS))).double()


def batch_of(frames):
    made = dict(tokens=torch.tensor([[1, 2, 2], [3, 0, 0]]), token_lengths=torch.tensor([3, 1]))
    return made | {"ids": ["u0", "u1"], "frames": torch.tensor(frames)}


def parts(head, x, batch):
    """Transducer and CTC of each utterance, each by its definition."""
    states = head.joiner.predictor(head.predictor(batch["tokens"]))
    logits = head.joiner(head.project(x)[:, :, None], states[:, None])
    arguments = (batch["tokens"], batch["frames"], batch["token_lengths"])
    transducer = torch.stack([
        enumerated_losses(logits[b : b + 1], *(a[b : b + 1] for a in arguments)).mean() for b in range(2)
    ])  # fmt: skip
    if head.ctc is None:
        return transducer, None
    logp = head.ctc(x).float().log_softmax(-1).transpose(0, 1)
    return transducer, F.ctc_loss(logp, *arguments, reduction="none").double()


@pytest.mark.parametrize("per", ["label", "utterance"])
@pytest.mark.parametrize("ctc, weight", [(None, 0.2), (0.7, 0.7), (0.0, 0.0)])
def test_the_loss_is_the_sum_of_its_parts(per, ctc, weight):
    head, batch = model().head, batch_of([9, 6])
    x = torch.randn(2, 9, 16, dtype=torch.float64, requires_grad=True)
    found, seen = TransducerObjective(LABELS, RecognitionLoss(per=per, ctc=ctc), head)(x, batch)
    transducer, each = parts(head, x, batch)
    counts = batch["token_lengths"]
    if per == "label":
        expected = transducer.sum() / 4 + weight * (each / counts).mean()
    else:
        expected = transducer.mean() + weight * each.mean()
    assert found.item() == pytest.approx(expected.item(), rel=1e-6)
    assert ("ctc" in seen) == (weight > 0)
    for got, wanted in zip(
        torch.autograd.grad(found, [x, *head.joiner.parameters()]),
        torch.autograd.grad(expected, [x, *head.joiner.parameters()]),
        strict=True,
    ):
        assert (got - wanted).abs().max() < 1e-6


@pytest.mark.parametrize("step, share", [(0, 0.0), (5, 0.5), (10, 1.0), (99, 1.0)])
def test_ctc_hands_over_to_the_transducer(step, share):
    head, batch = model().head, batch_of([9, 6])
    x = torch.randn(2, 9, 16, dtype=torch.float64)
    objective = TransducerObjective(LABELS, RecognitionLoss(warmup=10, per="utterance"), head)
    objective.begin(step)
    found, seen = objective(x, batch)
    transducer, each = parts(head, x, batch)
    assert found.item() == pytest.approx((share * transducer.mean() + (1 - 0.8 * share) * each.mean()).item(), rel=1e-6)
    assert ("transducer" in seen) == (share > 0)


def test_more_labels_than_frames_are_no_obstacle():
    """CTC leaves the utterance out; a transducer may say several labels in a frame."""
    head, batch = model().head, batch_of([2, 2])
    x = torch.randn(2, 2, 16, dtype=torch.float64)
    found, seen = TransducerObjective(LABELS, RecognitionLoss(), head)(x, batch)
    transducer, _ = parts(head, x, batch)
    assert seen["too_long"] == 0.5 and torch.isfinite(found)
    assert seen["transducer"].item() == pytest.approx(transducer.sum().item() / 4)


def test_without_a_ctc_output_there_is_none():
    head, batch = model(ctc=False).head, batch_of([9, 6])
    x = torch.randn(2, 9, 16, dtype=torch.float64)
    found, seen = TransducerObjective(LABELS, RecognitionLoss(per="utterance"), head)(x, batch)
    assert set(seen) == {"transducer"}
    assert found.item() == pytest.approx(parts(head, x, batch)[0].mean().item())


def test_unlabeled_data_is_named():
    with pytest.raises(DataError, match="no transcripts"):
        TransducerObjective(LABELS, RecognitionLoss(), model().head)(torch.zeros(1, 2, 16), {"ids": ["a"]})


# --- options ---


@pytest.mark.parametrize(
    "task, told",
    [
        ({"head": "ctc", "loss": {"ctc": 0.5}}, "ctc and warmup are for the head transducer"),
        ({"head": {"ctc": {}}, "loss": {"warmup": 5}}, "ctc and warmup are for the head transducer"),
        ({"head": {"transducer": {"ctc": False}}, "loss": {"warmup": 5}}, "need a CTC output; give the head ctc: true"),
        ({"head": {"transducer": {"ctc": False}}, "loss": {"ctc": 0.1}}, "need a CTC output; give the head ctc: true"),
        ({"head": {"transducer": {}, "ctc": {}}}, "give exactly one of ctc, transducer"),
        ({"head": {"rnnt": {}}}, "head.rnnt: unknown"),
        ({"head": {"transducer": {"context": 0}}}, "head.transducer.context"),
    ],
)
def test_what_does_not_fit_is_told(corpus, tmp_path, task, told):
    plain = tone_recipe(corpus)
    plain["task"]["recognition"] = task
    with pytest.raises(RecipeError, match=told):
        read_recipe(written(plain, tmp_path))


def test_stages_change_the_loss_and_are_checked(corpus, tmp_path):
    plain = recipe_of(corpus)
    plain["stages"][0]["fine_tune"]["loss"] = {"warmup": 7}
    recipe = read_recipe(written(plain, tmp_path))
    changed = recipe.task.options.with_loss({"warmup": 7})
    assert changed.loss.warmup == 7 and recipe.task.options.loss.warmup == 0
    plain["task"]["recognition"]["head"] = "ctc"
    plain["stages"][1]["prune"] |= {"task": 0.0}
    with pytest.raises(RecipeError) as fault:
        read_recipe(written(plain, tmp_path))
    assert "stages[0].fine_tune.loss: ctc and warmup are for the head transducer" in str(fault.value)
    assert "scope: only the task's loss says which units of the head matter; give the stage task: 1.0" in str(
        fault.value
    )


def test_units_of_the_head_need_its_scope(corpus, tmp_path):
    plain = recipe_of(corpus)
    del plain["stages"][1]["prune"]["scope"]
    with pytest.raises(RecipeError, match="only the head has units of the kind 'joiner'; give the stage scope: model"):
        compress(read_recipe(written(plain, tmp_path)), run=tmp_path / "run")


def test_a_ctc_model_has_no_joiner(corpus, tmp_path):
    plain = recipe_of(corpus)
    plain["task"]["recognition"]["head"] = {"ctc": {"width": 24}}
    with pytest.raises(RecipeError, match="this network has no unit of the kind 'joiner'"):
        compress(read_recipe(written(plain, tmp_path)), run=tmp_path / "run")


def test_maps_are_factored_by_what_they_see_in_training(corpus, tmp_path):
    """Those of the joiner are only used in the loss; its last one is multiplied by there, and never called."""
    plain = recipe_of(corpus)
    plain["data"]["test"] = {}
    seen = {"linears": ["head.joiner.encoder", "head.joiner.predictor", "head.ctc"], "weighted": "inputs", "batches": 1}
    plain["stages"] = [{"fine_tune": {"steps": 1}}, {"factorize": seen}]
    compress(read_recipe(written(plain, tmp_path)), run=tmp_path / "run")
    before, after = (model_of(tmp_path / "run", stage) for stage in ("fine_tune", "factorize"))
    plain_factors = factorize(before, seen["linears"])
    assert factored_paths(after.head.shape) == factored_paths(plain_factors.head.shape)
    one, other = (each.head.joiner.encoder for each in (after, plain_factors))
    assert torch.allclose(one.weight, other.weight, atol=1e-4)
    assert not torch.allclose(one.down.weight.abs(), other.down.weight.abs())
    plain["stages"][1]["factorize"]["linears"] = ["head.joiner.output"]
    with pytest.raises(RecipeError, match="weighted: inputs: head.joiner.output is not called in training"):
        compress(read_recipe(written(plain, tmp_path)), run=tmp_path / "other")


def test_activations_of_the_joiner_are_of_what_it_hears():
    found, noise = model(), 0.1 * torch.randn(1, 8000, dtype=torch.float64)
    tone = 0.1 * torch.sin(torch.arange(8000, dtype=torch.float64) / 5)[None]
    one, other = (activation(found, [{"waveform": each}], ["joiner"]) for each in (noise, tone))
    assert not torch.allclose(one["head.joiner.width"], other["head.joiner.width"], rtol=1e-3)


@pytest.mark.parametrize("method", ["activation", "taylor"])
def test_one_shot_pruning_takes_the_joiner_too(corpus, tmp_path, method):
    plain = recipe_of(corpus)
    plain["data"]["test"] = {}
    plain["stages"] = [
        {"fine_tune": {"steps": 1}},
        {
            "slim": {
                "method": method,
                "scope": "model",
                "kinds": ["ffn", "joiner"],
                "batches": 1,
                "budget": {"params": 0.8},
            }
        },
    ]
    compress(read_recipe(written(plain, tmp_path)), run=tmp_path / "run")
    before, after = (TaskModel.from_pretrained(str(tmp_path / "run" / "models" / s)) for s in ("fine_tune", "slim"))
    whole, left = (sum(p.numel() for p in m.parameters()) for m in (before, after))
    assert left <= 0.8 * whole and after.head.joiner.output.in_features in (16, 32)


def test_head_and_vocabulary_go_into_the_config():
    task = Recognition.model_validate({"head": {"transducer": {"width": 64, "downsampling": 2}}})
    cut = make_cut(name="a", source="x.wav", samples=16_000, rate=16_000, text="ab")
    config = task.config(tiny_config(), [cut])
    assert config.head == {
        "kind": "transducer", "outputs": 3, "predictor": 512, "context": 2, "width": 64, "ctc": True, "fusion": "sum",
        "downsampling": 2,
    }  # fmt: skip
    assert config.labels == [BLANK, "a", "b"]
