"""Recognition as a task of the one loop: vocabulary, targets, loss, scores."""

import copy
import json
import warnings

import numpy as np
import pytest
import torch
import yaml
from torch.nn import functional as F

from sottovoce.data.batches.batches import StepBatches
from sottovoce.data.batches.targets import Tokens
from sottovoce.data.corpora.cuts import load_cut, make_cut, read_cuts
from sottovoce.decoding.ctc import ctc_greedy
from sottovoce.decoding.vocabulary import BLANK, MARK, Vocabulary
from sottovoce.errors import DataError, RecipeError
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.costs import cost
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.runs.stages.context import load_objective
from sottovoce.tasks.objectives.ctc_objective import CTCObjective
from sottovoce.tasks.recognition import Recognition
from sottovoce.tasks.recognition_heads import RecognitionLoss
from sottovoce.tasks.task import EvaluationData
from sottovoce.tasks.transcripts import spelling
from tones import tone_recipe, write_tones


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("recognition") / "tones"
    folder.mkdir()
    return write_tones(folder, train=96, dev=8, test=24)


def written(plain, place):
    (place / "recipe.yaml").write_text(yaml.safe_dump(plain))
    return place / "recipe.yaml"


def results_of(run, stage):
    return json.loads((run / "stages" / f"{stage}.json").read_text())


def distance(one, other):
    """Levenshtein's."""
    row = list(range(len(other) + 1))
    for k, a in enumerate(one, 1):
        before, row = row, [k]
        for j, b in enumerate(other, 1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
    return row[-1]


def test_the_loop_trains_prunes_and_scores_it(corpus, tmp_path):
    recipe = read_recipe(written(tone_recipe(corpus), tmp_path))
    compress(recipe, run=tmp_path / "run")
    dense, small = (results_of(tmp_path / "run", stage) for stage in ("fine_tune", "distill"))
    assert dense["test"]["unheard"]["wer"] < 0.3 and dense["test"]["unheard"]["cer"] < 0.15
    assert small["test"]["unheard"]["wer"] < 0.5
    assert small["cost"]["params"] <= 0.5 * dense["cost"]["params"]
    # What was saved, by itself, gives the numbers that were printed; scored anew.
    model = TaskModel.from_pretrained(str(tmp_path / "run" / "models" / "distill")).eval()
    assert model.config.labels == [BLANK, " ", *"abcd"] and model.config.task == "recognition"
    cuts = list(read_cuts(corpus / "test.jsonl.gz"))
    with torch.inference_mode():
        found = [ctc_greedy(model(load_cut(cut)[None]).output)[0] for cut in cuts]
    texts = [" ".join("".join(model.config.labels[k] for k in each).split()) for each in found]
    references = [cut.supervisions[0].text for cut in cuts]
    numbers = small["test"]["unheard"]
    for name, split in (("wer", str.split), ("cer", list)):
        errors = sum(distance(split(r), split(t)) for r, t in zip(references, texts, strict=True))
        assert numbers[name] == pytest.approx(errors / sum(len(split(r)) for r in references))
    assert numbers["wer_interval"]["speakers"] == 4 and numbers["words"] == len(" ".join(references).split())
    assert "only a-z and '" in numbers["protocol"] and "greedy" in numbers["protocol"]
    wrong = sum(r != t for r, t in zip(references, texts, strict=True))
    assert len(numbers["worst"]) == min(5, wrong) and all("REF:" in each for each in numbers["worst"])
    assert f"WER {100 * numbers['wer']:.2f} %" in recipe.task.options.summary(numbers)


def test_pieces_go_through_the_loop_and_stay_the_same(corpus, tmp_path):
    plain = tone_recipe(corpus, subwords=12, beam=4)
    plain["stages"] = [
        {"fine_tune": {"steps": 2}},
        # Other data must not change what an output stands for.
        {"fine_tune": {"name": "further", "steps": 2, "train": ["tones/dev"]}},
        {"prune": {"steps": 3, "kinds": ["ffn"], "budget": {"params": 0.9}, "evaluate": False}},  # by CTC alone
    ]
    compress(read_recipe(written(plain, tmp_path)), run=tmp_path / "run")
    models = [TaskModel.from_pretrained(str(tmp_path / "run" / "models" / s)) for s in ("fine_tune", "further")]
    assert models[0].config.labels == models[1].config.labels and MARK in models[0].config.labels
    assert len(models[0].config.labels) == 12 == models[0].head.outputs
    small = TaskModel.from_pretrained(str(tmp_path / "run" / "models" / "prune"))
    assert (
        cost(small.encoder).params <= 0.9 * cost(models[0].encoder).params
        and small.config.labels == models[0].config.labels
    )
    for stage in ("fine_tune", "further"):
        saved = next((tmp_path / "run").rglob(f"*{stage}*.safetensors"))
        assert load_objective(saved)[0] == models[0].config.labels
    assert results_of(tmp_path / "run", "further")["test"]["unheard"]["search"] == "prefix beam search, beam 4"


def cut(name, text, seconds=1.0, **more):
    return make_cut(name=name, source="x.wav", samples=round(16_000 * seconds), rate=16_000, text=text, **more)


def test_the_vocabulary_is_that_of_the_training_texts():
    task = Recognition()
    cuts = [cut("a", "Don\u2019t  stop!"), cut("b", "Up, up")]
    assert task.labels(cuts) == [BLANK, " ", "'", "d", "n", "o", "p", "s", "t", "u"]
    with pytest.warns(UserWarning, match="transcripts have p s t u"):
        assert Recognition(lower=False, alphabet="DUon").labels(cuts) == [BLANK, " ", "D", "U", "n", "o"]
    pieces = Recognition(subwords=15).labels(cuts)
    assert len(pieces) == 15 and pieces[0] == BLANK and MARK in pieces
    assert task.config(tone_encoder(), cuts).labels == task.labels(cuts)


def tone_encoder():
    from tiny_models import tiny_config

    return tiny_config()


def test_texts_without_anything_are_refused_by_name():
    for text in (None, "", "  "):
        with pytest.raises(DataError, match="cut b: has no transcript"):
            Recognition().labels([cut("a", "yes"), cut("b", text)])
    with pytest.raises(DataError, match=r"cut c: nothing of its transcript '\?!' is left"):
        Recognition().labels([cut("c", "?!")])
    with pytest.raises(DataError, match="cut d: has no transcript"):
        Recognition().targets([cut("d", "")], [BLANK, "a"])
    with pytest.raises(DataError, match="'yes no' has ' ', which no label stands for"):
        Recognition().targets([cut("e", "yes no")], [BLANK, *"yesno"])


def test_letters_that_are_lost_are_told():
    with pytest.warns(UserWarning, match="transcripts have 7 \u00e9, which the alphabet lacks, .*'7' first in cut a"):
        Recognition().labels([cut("a", "gate 7"), cut("b", "caf\u00e9")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Recognition(alphabet="abcdefgt7\u00e9").labels([cut("a", "gate 7!"), cut("b", "caf\u00e9")])


def test_spelling():
    assert spelling().apply("  It\u2019s 5 o'clock\u2014NOW ") == "it's o'clock now"
    assert spelling("5abc", lower=False).apply("Abc 5") == "bc 5"
    assert spelling().name == "lower case, only a-z and '" and spelling("ab").name == "lower case, only 'ab'"


def test_batches_carry_tokens_and_their_lengths(corpus):
    cuts = list(read_cuts(corpus / "train.jsonl.gz"))
    task = Recognition()
    vocabulary = Vocabulary(task.labels(cuts))
    batches = StepBatches(cuts, batch_size=4, crop=None, targets=task.targets(cuts, vocabulary.labels))
    batch = batches[0]
    known = {each.id: each.supervisions[0].text for each in cuts}
    assert batch["tokens"].shape == (4, int(batch["token_lengths"].max()))
    for name, row, length in zip(batch["ids"], batch["tokens"], batch["token_lengths"], strict=True):
        assert vocabulary.decode(row[:length].tolist()) == known[name]
        assert not row[length:].any()


@pytest.mark.parametrize("crop", [0.2, 30.0])
def test_a_part_of_an_utterance_has_no_transcript(corpus, crop):
    cuts = list(read_cuts(corpus / "train.jsonl.gz"))
    batches = StepBatches(cuts, batch_size=2, crop=crop, targets=Tokens(cuts, lambda cut: [1]))
    with pytest.raises(DataError, match="no transcript of their own; take crop: null"):
        batches[0]


def test_recipes_that_crop_are_refused(corpus, tmp_path):
    plain = tone_recipe(corpus)
    plain["data"]["crop"] = 2.0
    plain["stages"][0]["fine_tune"]["crop"] = 1.0
    with pytest.raises(RecipeError) as fault:
        read_recipe(written(plain, tmp_path))
    assert "data.crop: recognition learns from whole utterances; take crop: null" in str(fault.value)
    assert "stages[0].fine_tune.crop: recognition learns from whole utterances; leave it out" in str(fault.value)


def batch_of(tokens, lengths, frames):
    names = [f"u{k}" for k in range(len(tokens))]
    made = dict(tokens=torch.tensor(tokens), token_lengths=torch.tensor(lengths), frames=torch.tensor(frames))
    return made | {"ids": names}


def test_the_loss_is_torchs():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 9, 4, generator=generator, requires_grad=True)
    batch = batch_of([[1, 2, 3], [2, 2, 0]], [3, 2], [9, 6])
    log_probs = logits.log_softmax(-1).transpose(0, 1)
    arguments = (log_probs, batch["tokens"], batch["frames"], batch["token_lengths"])
    expected = F.ctc_loss(*arguments, zero_infinity=True)
    found, values = CTCObjective([BLANK, *"abc"], RecognitionLoss())(logits, batch)
    assert found.item() == pytest.approx(expected.item(), rel=1e-6) and values["too_long"] == 0
    whole, _ = CTCObjective([BLANK, *"abc"], RecognitionLoss(per="utterance"))(logits, batch)
    assert whole.item() == pytest.approx(F.ctc_loss(*arguments, reduction="sum").item() / 2, rel=1e-6)
    # Frames of padding are no part of it.
    other = logits.detach().clone()
    other[1, 6:] = 100 * torch.randn(3, 4, generator=generator)
    assert CTCObjective([BLANK], RecognitionLoss())(other, batch)[0].item() == pytest.approx(found.item(), rel=1e-6)


def test_utterances_that_do_not_fit_are_told_once():
    objective = CTCObjective([BLANK, *"abc"], RecognitionLoss())
    # The second has as many frames as labels, but needs a blank between equal ones.
    batch = batch_of([[1, 2, 3], [2, 2, 3]], [3, 3], [3, 3])
    logits = torch.randn(2, 3, 4, requires_grad=True)
    with pytest.warns(UserWarning, match="u1 has 3 frames, its transcript needs 4; such utterances add nothing"):
        loss, values = objective(logits, batch)
    loss.backward()
    assert values["too_long"] == 0.5 and torch.isfinite(loss)
    assert logits.grad[0].any() and not logits.grad[1].any()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        objective(logits, batch)


def test_unlabeled_data_is_named():
    with pytest.raises(DataError, match="no transcripts"):
        CTCObjective([BLANK], RecognitionLoss())(torch.zeros(1, 2, 2), {"ids": ["a"]})


def test_scores_do_not_depend_on_batches_or_speakers_known(corpus):
    """One utterance has no interval, some without speakers have one over utterances."""
    task = Recognition(draws=5)
    cuts = list(read_cuts(corpus / "test.jsonl.gz"))[:6]
    torch.manual_seed(0)
    model = TaskModel(task.config(tone_encoder(), cuts)).eval()
    whole = task.evaluate(model, EvaluationData(cuts))
    each = [task.evaluate(model, EvaluationData([one])) for one in cuts]
    assert sum(one["wer"] * one["words"] for one in each) == pytest.approx(whole["wer"] * whole["words"])
    assert "wer_interval" not in each[0] and "interval" not in each[0]["protocol"]
    assert whole["wer_interval"]["speakers"] == 4 and "over 4 speakers" in whole["protocol"]
    anonymous = copy.deepcopy(cuts)
    anonymous[0].supervisions[0].speaker = None
    assert "over utterances" in task.evaluate(model, EvaluationData(anonymous))["protocol"]
    assert np.isfinite(whole["cer"])
