"""Linear maps of heads in factors: every head, counted, pruned beside the encoder, saved and loaded."""

import pytest
import torch
from torch import nn

from alignments import enumerated_losses
from sottovoce import Budget, Gates, cost, plan
from sottovoce.decoding.vocabulary import BLANK
from sottovoce.encoder.layers.low_rank import LowRankLinear
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.units import collect
from sottovoce.errors import CheckpointError
from sottovoce.heads.registry import HEADS
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.costs import CostModel
from sottovoce.pruning.importance import magnitude
from sottovoce.pruning.low_rank import chosen_linears, factorize, multiplied_back
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim_and_verify
from sottovoce.tasks.objectives.transducer_objective import transducer_loss
from tiny_models import randomized, speech, tiny_config

LABELS = [BLANK, "a", "b", "c", "d"]
OPTIONS = {
    "mhfa": {"width": 6, "heads": 3, "size": 10},
    "pooled": {"size": 7, "fusion": {"kind": "adapters", "width": 9}},
    "mfa_conformer": {"width": 8, "blocks": 1, "inner": 12, "heads": 2, "kernel": 5, "size": 7},
    "transducer": {"outputs": 5, "predictor": 12, "width": 24},
    "ctc": {"outputs": 5, "width": 12},
    "powerset": {"speakers": 4, "at_once": 2, "width": 8, "blocks": 1, "inner": 12, "heads": 2, "kernel": 5},
    "x_vector": {"channels": 16, "wide": 11, "size": 7},
    "ecapa_tdnn": {"channels": 16, "scale": 4, "wide": 10, "size": 7},
    "rawnet3": {"channels": 16, "scale": 4, "wide": 10, "size": 7},
    "ska_tdnn": {"channels": 16, "scale": 4, "wide": 10, "size": 7, "bins": 10, "maps": 4},
    "plain_xvector": {"size": 7},
    "classifier": {"embedding": {"kind": "mfa_conformer", "width": 8, "blocks": 1, "inner": 12, "heads": 2, "size": 7}},
}


def model_of(kind):
    torch.manual_seed(0)
    options = {"kind": kind, **OPTIONS[kind]}
    labels = LABELS if "outputs" in options else None
    return randomized(TaskModel(TaskConfig(encoder=tiny_config(), head=options, labels=labels))).eval().double()


@torch.no_grad()
def output(model):
    return model(speech(2, 8000).double(), torch.tensor([8000, 6000]), **targets(model)).output


def targets(model):
    probe = model.probe()
    return {"targets": probe["targets"]} if "targets" in probe else {}


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_head_as_wide_as_the_stream_is_counted_and_follows_it(kind):
    """Where widths are equal a skip could be without a map; but the stream may lose channels."""
    model = model_of(kind)
    assert cost(model).params == sum(p.numel() for p in model.parameters())
    units = {name: unit.size for name, unit in collect(model).units.items() if unit.kind in ("residual", "ffn")}
    # Of the stream every second channel, so that both positional groups keep some; of feed-forwards the first half.
    keep = {name: list(range(0, n, 2) if "residual" in name else range(n // 2)) for name, n in units.items()}
    chosen = Plan(keep, units)
    small, proof = slim_and_verify(model, chosen)
    assert proof.worst < 1e-9 and cost(small).params == sum(p.numel() for p in small.parameters())


@pytest.mark.parametrize("kind", OPTIONS)
def test_a_head_in_factors(kind, tmp_path):
    model = model_of(kind)
    paths = chosen_linears(model, ["head.*"])
    assert set(paths) == {
        path for path, module in model.named_modules() if type(module) is nn.Linear and path.startswith("head.")
    }
    factored = factorize(model, ["head.*"])
    assert (output(factored) - output(model)).abs().max() < 1e-11
    assert CostModel(factored).cost().params == sum(p.numel() for p in factored.parameters())
    back = multiplied_back(factored)
    assert back.shape == model.shape
    again = TaskModel(TaskConfig.from_dict(factored.config.to_dict())).double().eval()
    again.load_state_dict(factored.state_dict())
    assert torch.equal(output(again), output(factored))

    units = {name: unit.size for name, unit in collect(factored).units.items() if unit.kind == "rank"}
    assert set(units) == {f"{path}.ranks" for path in paths}
    chosen = Plan({name: [0] for name in units}, units)
    small, proof = slim_and_verify(factored, chosen.with_values({name: [0.7] for name in units}))
    assert proof.worst < 1e-9
    assert cost(small).params == sum(p.numel() for p in small.parameters()) < cost(model).params
    assert any(isinstance(module, LowRankLinear) for module in small.head.modules())
    small.float().save_pretrained(tmp_path, portable=kind == "mhfa")
    assert TaskModel.from_pretrained(tmp_path).shape == small.shape


def test_the_joiner_is_gated_where_the_loss_multiplies_by_it_itself():
    """The transducer loss never calls the last map of the joiner; a closed rank has to close there all the same."""
    model = factorize(model_of("transducer"), ["head.joiner.output"])
    gates = Gates(model, ["rank"])
    chosen = plan(model, Budget(params=0.99), magnitude(model, ["rank"]), round_to=1)
    kept = chosen.keep["head.joiner.output.ranks"]
    assert len(kept) < collect(model).units["head.joiner.output.ranks"].size
    gates.freeze(chosen)
    frames, labels = output_frames(model), torch.tensor([[1, 2], [3, 1]])
    lengths = (torch.tensor([5, 4]), torch.tensor([2, 1]))
    gated = transducer_loss(model.head, frames[:, :5], lengths[0], labels, lengths[1])
    logits = model.head.joiner(
        model.head.project(frames[:, :5])[:, :, None],
        model.head.joiner.predictor(model.head.predictor(labels))[:, None],
    )
    gates.detach()
    assert torch.isclose(gated, enumerated_losses(logits, labels, *lengths).mean(), rtol=1e-9)


@torch.no_grad()
def output_frames(model):
    return model(speech(2, 8000).double(), torch.tensor([8000, 6000])).output


@pytest.mark.parametrize(
    ("kind", "shape", "told"),
    [
        ("mhfa", {"nowhere": {"ranks": 2}}, "nowhere in factors, and there is no such linear map"),
        ("mhfa", {"keys": {"ranks": 2}, "width": 3}, "head mhfa has no units of its own, and its shape has width"),
        ("transducer", {"joiner": {"output": {"ranks": 2}}}, "head transducer: 'width'"),
    ],
)
def test_a_shape_that_does_not_fit_is_named(kind, shape, told):
    options = {"kind": kind, **OPTIONS[kind], "shape": shape}
    with pytest.raises(CheckpointError, match=told):
        TaskModel(TaskConfig(encoder=tiny_config(), head=options, labels=LABELS if "outputs" in options else None))
    config = tiny_config()
    config.shape = config.shape | {"nowhere": {"ranks": 2}}
    with pytest.raises(CheckpointError, match="nowhere in factors"):
        SpeechEncoder(config)
    assert set(OPTIONS) <= set(HEADS)
