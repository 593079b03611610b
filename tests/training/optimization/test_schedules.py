"""Learning-rate schedules against tables that the public classes made, and the options that choose them."""

import pytest

from sottovoce.recipe.training.training_stage_options import TrainingStageOptions
from sottovoce.training.optimization import schedules

GOLDEN = {
    "constant": (
        {"steps": 6, "warmup": 2, "decay": "constant"},
        [0.5, 1, 1, 1, 1, 1],
    ),
    # WarmupLR_withStepDecay(warmup_step=2, decay_step=2, gamma=0.1), deeplab/core/scheduler.py of ZXHY-82/w2v-BERT-2.0_SV at
    # 98ff0e2; it steps once an epoch, here of two steps.
    "stairs": (
        {"steps": 16, "warmup": 4, "decay": {"stairs": {"every": 4, "stair": 2, "factor": 0.1}}},
        [each for rate in (1 / 3, 2 / 3, 1, 1, 0.1, 0.1, 0.01, 0.01) for each in (rate, rate)],
    ),
    # WarmupCosineScheduler(min_lr=0.5, max_lr=1, warmup_epoch=0, fix_epoch=2, step_per_epoch=4), the same file
    "cosine, then flat": (
        {"steps": 12, "decay": {"cosine": {"final": 0.5, "steps": 8}}},
        [
            1,
            0.9809698831,
            0.9267766953,
            0.8456708581,
            0.75,
            0.6543291419,
            0.5732233047,
            0.5190301169,
            0.5,
            0.5,
            0.5,
            0.5,
        ],
    ),
    # ExponentialDecrease(num_epochs=5, epoch_iter=4, initial_lr=5e-6, final_lr=1e-7, warm_up_epoch=2, warm_from_zero=True),
    # wedefense/utils/schedulers.py of zlin0/wedefense at e7287fe, over 5e-6
    "exponential": (
        {"steps": 20, "warmup": 8, "decay": {"exponential": {"final": 0.02}}},
        [
            0,
            0.1027925199,
            0.1690608345,
            0.2085382703,
            0.228652526,
            0.2350376933,
            0.231937121,
            0.2225197439,
            0.2091279105,
        ]
        + [0.1719742793, 0.1414213562, 0.1162964606, 0.09563525, 0.0786447067, 0.0646727007, 0.053182959, 0.0437344830]
        + [0.0359646217, 0.0295751527, 0.0243208358],
    ),
    # CosineAnnealingWarmupRestarts(first_cycle_steps=8, cycle_mult=1.5, max_lr=1, min_lr=0.05, warmup_steps=2, gamma=0.75),
    # espnet2/schedulers/cosine_anneal_warmup_restart.py of espnet/espnet at 1e1eea3
    "restarts": (
        {"steps": 34, "warmup": 2, "decay": {"restarts": {"cycle": 8, "growth": 1.5, "peak": 0.75, "final": 0.05}}},
        [0.05, 0.525, 1.0, 0.9363620668, 0.7625, 0.525, 0.2875, 0.1136379332]
        + [0.05, 0.4, 0.75, 0.7288924173, 0.6681155551, 0.575, 0.4607768622, 0.3392231378, 0.225, 0.1318844449]
        + [0.0711075827, 0.05, 0.30625, 0.5625, 0.5550538407, 0.5331481066, 0.4980558792, 0.4518165913, 0.3971175023]
        + [0.3371375243, 0.2753624757, 0.2153824977, 0.1606834087, 0.1144441208, 0.0793518934, 0.0574461593],
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_rates_of_the_public_classes(name):
    options, rates = GOLDEN[name]
    rate = TrainingStageOptions(**options).rate()
    assert [rate(step) for step in range(len(rates))] == pytest.approx(rates, abs=1e-9)


def test_dphubert_falls_a_step_earlier():
    """LinearDecayLRScheduler(warmup_updates=3, max_updates=10), lightning.py of pyf98/DPHuBERT at c18093f."""
    theirs = [1 / 3, 2 / 3, 1.0, *(k / 7 for k in (6, 5, 4, 3, 2, 1, 0))]
    rate = TrainingStageOptions(steps=10, warmup=3, decay="linear").rate()
    assert [rate(step) for step in (0, 1, 2)] == pytest.approx(theirs[:3])
    assert [rate(step + 1) for step in range(2, 10)] == pytest.approx(theirs[2:])


def test_linear_and_cosine_with_a_floor():
    rate = schedules.cosine(100, warmup=10, final=0.1)
    assert [round(rate(s), 3) for s in (0, 9, 10, 55, 100, 200)] == [0.1, 1.0, 1.0, 0.55, 0.1, 0.1]
    assert schedules.linear(10, final=0.2)(5) == pytest.approx(0.6)
    assert TrainingStageOptions(steps=10).decay.kind == "cosine"


@pytest.mark.parametrize(
    "options, told",
    [
        ({"decay": {"restarts": {"cycle": 5}}, "warmup": 5}, "decay.restarts.cycle: 5 steps leave nothing after"),
        ({"decay": {"cosine": {"steps": 3}}, "warmup": 4}, "decay.cosine.steps: the fall ends at step 3, within"),
        ({"decay": {"stairs": {"every": 5, "stair": 2}}}, "5 steps are no multiple of a stair of 2"),
        ({"decay": "exponential"}, "exponential.final"),
        ({"decay": "stairs"}, "stairs.every"),
        ({"decay": {"cosine": {}, "linear": {}}}, "exactly one of constant, linear"),
        ({"decay": {"constant": {"final": 0.1}}}, "constant.final"),
        ({"optimizer": "sgd"}, "adamw"),
        ({"clip": {"norm": 1.0, "by": "layer"}}, "module"),
    ],
)
def test_schedules_and_optimizers_that_cannot_be(options, told):
    with pytest.raises(ValueError, match=told):
        TrainingStageOptions(steps=10, **options)
