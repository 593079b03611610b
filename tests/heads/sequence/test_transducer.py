import pytest
import torch

from alignments import enumerated_losses
from sottovoce.encoder.stream import ResidualStream, one_channel_each
from sottovoce.encoder.units import collect
from sottovoce.heads.sequence.transducer import StatelessPredictor, Transducer
from sottovoce.pruning.gating.gate_hooks import GateHooks
from sottovoce.tasks.objectives.transducer_objective import transducer_loss
from tiny_models import randomized

D, V, J = 6, 5, 8
LENGTHS, TARGET_LENGTHS = torch.tensor([7, 4]), torch.tensor([3, 1])
TARGETS = torch.tensor([[2, 1, 4], [3, -1, -1]])


def tiny(**options):
    options = {"ctc": False, "fusion": "last", **options}
    torch.manual_seed(0)
    stream = ResidualStream(tuple(range(D)), D, one_channel_each(D))
    return randomized(Transducer(stream, 3, outputs=V, predictor=12, width=J, **options)).double()


class WithStream(torch.nn.Module):
    """What names the residual unit, as an encoder does."""

    def __init__(self, head):
        super().__init__()
        self.head = head

    def units(self):
        return [self.head.stream.part(name="residual")]


def frames():
    return torch.randn(2, 7, D, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("size, context", [(12, 2), (12, 3), (12, 1), (10, 2)])
def test_predictor_sees_the_last_labels_and_no_more(size, context):
    predictor = randomized(StatelessPredictor(V, size=size, context=context))
    labels = torch.tensor([[3, 1, 4, 2]])
    states = predictor(labels)
    assert states.shape == (1, 5, size)
    padded = [0] * context + labels[0].tolist()
    weight = None if context == 1 else predictor.convolution.weight  # E, E / groups, context
    for u in range(5):
        seen = predictor.embedding.weight[padded[u : u + context]]  # context, E
        if weight is None:
            by_hand = seen[0]
        else:
            per = weight.shape[1]
            by_hand = torch.stack(
                [(seen[:, e // per * per : e // per * per + per].t() * weight[e]).sum() for e in range(size)]
            )
        assert (states[0, u] - by_hand.relu()).abs().max() < 1e-6
    assert torch.equal(states[0, :2], predictor(torch.tensor([[3, 2, 2, 2]]))[0, :2])


def test_loss_is_that_of_the_joiner():
    head, x = tiny(), frames()
    loss = transducer_loss(head, x, LENGTHS, TARGETS, TARGET_LENGTHS)
    states = head.joiner.predictor(head.predictor(TARGETS.clamp(min=0)))
    logits = head.joiner(head.project(x)[:, :, None], states[:, None])
    right = enumerated_losses(logits, TARGETS, LENGTHS, TARGET_LENGTHS).mean()
    assert abs(loss.item() - right.item()) < 1e-12
    got = torch.autograd.grad(loss, list(head.parameters()))
    wanted = torch.autograd.grad(right, list(head.parameters()))
    assert max((a - b).abs().max() for a, b in zip(got, wanted, strict=True)) < 1e-12


def test_gates_act_on_the_loss_as_on_the_joiner_and_fold():
    """Gate == smaller network: half of the inner units go, one is kept at 0.7."""
    head, x = tiny(), frames()
    declared = collect(WithStream(head)).units
    assert {n: u.size for n, u in declared.items()} == {"residual": D, "head.joiner.width": J}
    (unit,) = [each for each in head.joiner.units() if each.name == "width"]
    gates = torch.tensor([0, 1, 0.7, 0, 1, 1, 0, 0], dtype=torch.float64)
    attached = GateHooks(head.joiner, [unit], lambda: {"width": gates})
    gated = transducer_loss(head, x, LENGTHS, TARGETS, TARGET_LENGTHS)
    logits = head.joiner(head.project(x)[:, :1], head.joiner.predictor(head.predictor(TARGETS[:, :0])))
    attached.remove()
    assert abs(gated.item() - transducer_loss(head, x, LENGTHS, TARGETS, TARGET_LENGTHS).item()) > 1e-3

    kept = gates.nonzero()[:, 0]
    stream = head.stream
    small = Transducer(
        stream, 3, outputs=V, predictor=12, ctc=False, fusion="last", shape={"joiner": {"width": len(kept)}}
    ).double()
    state = dict(head.state_dict())
    for part in (*unit.producers, *unit.consumers):
        value = state[f"joiner.{part.parameter}"]
        if part.fold:
            value = value * gates
        state[f"joiner.{part.parameter}"] = value.index_select(part.dim, part.index[kept].flatten())
    small.load_state_dict(state)
    assert abs(transducer_loss(small, x, LENGTHS, TARGETS, TARGET_LENGTHS).item() - gated.item()) < 1e-12
    same = small.joiner(small.project(x)[:, :1], small.joiner.predictor(small.predictor(TARGETS[:, :0])))
    assert (same - logits).abs().max() < 1e-12


def test_every_weight_that_multiplies_a_frame_is_counted():
    declared = collect(WithStream(tiny(ctc=True)))
    counted = {each.parameter for each in declared.macs}
    joiner = {f"head.joiner.{name}.weight" for name in ("encoder", "predictor", "output")}
    assert counted == {"head.predictor.convolution.weight", *joiner}
    read = {rows.parameter for rows in declared.units["residual"].consumers}
    assert read == {"head.joiner.encoder.weight", "head.ctc.weight"}
