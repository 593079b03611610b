"""The loss of a stage on development data, against the same loss window by window."""

import pytest
import torch

from corpus import write_corpus
from sottovoce.data.batches.windows import WindowBatches
from sottovoce.data.corpora.cuts import load_cut, read_cuts
from sottovoce.distillation.features import FeatureDistillation
from sottovoce.distillation.losses import feature_distance
from sottovoce.pruning.budget import Budget
from sottovoce.pruning.pruner import Pruner
from sottovoce.training.development_loss import DevelopmentLoss
from sottovoce.training.terms import BudgetTerm, DistillationTerm
from tiny_models import tiny_model


def test_it_is_the_mean_over_windows_without_anything_random(tmp_path):
    cuts = list(read_cuts(write_corpus(tmp_path, speakers=3, utterances=1, seconds=0.7) / "train.jsonl.gz"))
    student, teacher = tiny_model(seed=1).train(), tiny_model(seed=2)
    pruner = Pruner(student.encoder, Budget(params=0.5), steps=2)
    budget = BudgetTerm(pruner, seed=0, stage="test")
    distillation = FeatureDistillation(teacher.encoder, student.encoder, [0, 2])
    terms = [budget, DistillationTerm(distillation, weight=2.0, lr=0.0)]
    with torch.no_grad():
        pruner.gates.log_alpha.copy_(torch.linspace(-3, 3, len(pruner.gates.log_alpha)))
        for each in (pruner.lagrangian.l1, pruner.lagrangian.l2):
            each.fill_(0.7)
    budget.begin(1)
    measured = DevelopmentLoss(WindowBatches(cuts, batch_size=4, window=0.3), terms)
    found = measured(student)
    assert student.training and budget.training and not teacher.training

    student.eval()
    by_hand = []
    for cut in cuts:
        for start in (0, 4800):
            wave = load_cut(cut)[None, start : start + 4800]
            states, targets = student.encoder(wave).hidden_states, teacher.encoder(wave).hidden_states
            by_hand.append(sum(feature_distance(states[k], targets[k]).item() for k in (0, 2)) / 2)
    penalty = pruner.penalty()[0].item()
    assert found["loss/distillation"] == pytest.approx(sum(by_hand) / 6, rel=1e-5)
    assert found["loss/budget"] == pytest.approx(penalty, rel=1e-6) and abs(penalty) > 1e-3
    assert found["loss"] == pytest.approx(penalty + 2 * sum(by_hand) / 6, rel=1e-5)
