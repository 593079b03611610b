"""A whole model with a transducer: padding, cost, gates and slimming of the joiner, saving, elsewhere."""

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from sottovoce.decoding.text_decoders import TransducerDecoder
from sottovoce.decoding.vocabulary import BLANK
from sottovoce.encoder.units import collect
from sottovoce.errors import CheckpointError, DataError
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.budget import Budget
from sottovoce.pruning.costs import CostModel, cost
from sottovoce.pruning.gating.gates import Gates
from sottovoce.pruning.importance import activation, magnitude, taylor
from sottovoce.pruning.one_shot import sensitivity
from sottovoce.pruning.planning.plans import Plan, plan
from sottovoce.pruning.slimming import compare, slim, slim_and_verify
from sottovoce.tasks.objectives.rnnt_kernel import CELLS
from sottovoce.tasks.objectives.rnnt_memory import check_memory, free_bytes, rnnt_bytes
from sottovoce.tasks.objectives.transducer_objective import transducer_loss
from tiny_models import output_elsewhere, randomized, speech, tiny_config

LABELS = [BLANK, " ", "a", "b", "c"]
VARIANTS = [{}, {"downsampling": 2}, {"fusion": "last", "ctc": False, "context": 1}]


def model(seed=0, **head):
    torch.manual_seed(seed)
    head = {"kind": "transducer", "outputs": 5, "predictor": 12, "width": 32, **head}
    config = TaskConfig(encoder=tiny_config(), head=head, task="recognition", labels=LABELS)
    return randomized(TaskModel(config)).eval()


@pytest.mark.parametrize("head", VARIANTS, ids=str)
@torch.no_grad()
def test_padding_changes_nothing(head):
    found, waves, targets = model(**head), speech(2, 8000), torch.tensor([[1, 2, 3], [4, 4, 1]])
    together = found(waves, torch.tensor([8000, 5000]), targets=targets)
    alone = found(waves[1:, :5000], targets=targets[1:])
    T = int(together.output_lengths[1])
    assert together.output.shape[2:] == (4, 5) and T == alone.output.shape[1] < together.output.shape[1]
    assert torch.allclose(together.output[1, :T], alone.output[0], atol=1e-5)
    factor = head.get("downsampling", 1)
    assert torch.equal(together.output_lengths, -(-together.lengths // factor))
    # Without targets it gives what the joiner starts from.
    frames = found(waves, torch.tensor([8000, 5000])).output
    states = found.head.joiner.predictor(found.head.predictor(targets))
    again = found.head.joiner(found.head.project(frames)[:, :, None], states[:, None])
    assert torch.allclose(again, together.output, atol=1e-6)


def test_scores_without_labels_hear_the_joiner():
    found, batch = model(), {"waveform": speech(2, 8000), "lengths": torch.tensor([8000, 5000])}
    for scores in (taylor(found, sensitivity, [batch], ["joiner"]), activation(found, [batch], ["joiner"])):
        assert (scores["head.joiner.width"] > 0).all()


@pytest.mark.parametrize("head", VARIANTS, ids=str)
def test_multiplications_are_those_counted(head):
    found = model(**head)
    states = found(speech(1, 16_000)).hidden_states
    counted = cost(found, 1.0)
    assert counted.params == sum(p.numel() for p in found.parameters())
    with FlopCounterMode(display=False) as counter:
        frames = found.head.fused(states)
        T = frames.shape[1]
        contexts = torch.zeros(T, found.head.predictor.context, dtype=torch.long)
        state = found.head.predictor.states(contexts)[:, 0]
        found.head.joiner(found.head.project(frames[0]), found.head.joiner.predictor(state))
    seen = counter.get_total_flops() / 2
    assert counted.parts["head"].macs == seen


def test_the_joiner_is_pruned_under_one_budget_with_the_encoder():
    found = model()
    gates = Gates(found, ["ffn", "joiner"])
    assert "head.joiner.width" in gates.names and "encoder.layers.0.feed_forward.units" in gates.names
    with torch.no_grad():
        gates.log_alpha.copy_(torch.randn(gates.log_alpha.shape, generator=torch.Generator().manual_seed(1)))
    chosen = plan(found, Budget(params=0.8), gates.scores(), round_to={"joiner": 8, "ffn": 1})
    frozen = gates.freeze(chosen)
    gates.detach()
    small, equality = slim_and_verify(found, frozen)
    assert equality.worst < 1e-9
    width = small.head.joiner.output.in_features
    assert width in (8, 16, 24) and small.shape["head"] == {"joiner": {"width": width}}
    assert small.original_shape == found.shape
    assert cost(small, 1.0).params <= 0.8 * cost(found, 1.0).params
    assert cost(small, 1.0) == CostModel(found, 1.0).cost({name: len(kept) for name, kept in frozen.keep.items()})
    assert set(frozen.values["head.joiner.width"]) != {1.0}  # soft values were folded
    # The proof looks at the joiner: with other weights there the two differ.
    small.head.joiner.output.weight.data[:, 0] += 1
    assert compare(model().double(), small.double(), frozen, found.probe()).worst > 1e-3
    # A second round refers to the first network.
    again = slim(small.float(), Plan.to_shape(small, {"joiner": [8]}))
    assert again.head.joiner.output.in_features == 8 and again.original_shape == found.shape


def test_gates_of_the_joiner_learn_from_the_loss():
    found = model().train()
    gates = Gates(found, ["joiner"])
    gates.sample(0)
    targets, counts = torch.tensor([[1, 2], [3, 1]]), torch.tensor([2, 1])
    made = found(speech(2, 8000), torch.tensor([8000, 6000]))
    loss = transducer_loss(found.head, made.output, made.output_lengths, targets, counts)
    loss.backward()
    assert gates.log_alpha.grad.abs().sum() > 0
    assert magnitude(found, ["joiner"])["head.joiner.width"].shape == (32,)
    gates.detach()


def test_saved_and_loaded(tmp_path):
    small = slim(model(), Plan.to_shape(model(), {"joiner": [16], "encoder.residual": 12}))
    small.save_pretrained(tmp_path)
    again = TaskModel.from_pretrained(tmp_path).eval()
    for name, tensor in small.state_dict().items():
        assert torch.equal(tensor, again.state_dict()[name]), name
    assert again.shape == small.shape and again.original_shape == model().shape
    assert again.head.joiner.encoder.weight.shape == (16, 12) and again.head.ctc.in_features == 12
    with pytest.raises(CheckpointError, match="transducer head has 4 outputs and there are 5 labels"):
        model(outputs=4)


@pytest.mark.slow
def test_portable_it_loads_where_this_package_is_not_installed(tmp_path):
    small = slim(model(downsampling=2), Plan.to_shape(model(downsampling=2), {"joiner": [16]}))
    assert torch.equal(output_elsewhere(small, speech(), tmp_path), small(speech()).output)


def test_a_new_predictor_speaks_up():
    """Its states are about as large as what the joiner adds to them, and not the thousandth of it."""
    torch.manual_seed(0)
    head = {"kind": "transducer", "outputs": 5, "predictor": 64, "width": 64}
    found = TaskModel(TaskConfig(encoder=tiny_config(), head=head, task="recognition", labels=LABELS))
    state = found.head.predictor(torch.tensor([[1, 2, 3, 4]]))
    assert 0.3 < state.square().mean().sqrt() < 3
    assert torch.equal(found.head.layer_weights, torch.ones(3))


@torch.no_grad()
def test_text_is_what_the_search_finds():
    found, waves, lengths = model(seed=3), speech(3, 9000), torch.tensor([9000, 6000, 4000])
    found.head.joiner.output.bias[0] -= 1  # or it has nothing to say
    made = found(waves, lengths)
    greedy, beam = (TransducerDecoder(found.head, LABELS, beam=b) for b in (None, 4))
    texts = greedy.texts(made.output, made.output_lengths)
    assert len(set(texts)) > 1
    for search in (greedy, beam):
        together = search.texts(made.output, made.output_lengths)
        for b, length in enumerate(lengths.tolist()):
            output = found(waves[b : b + 1, :length]).output[0]
            # In two pieces that are strung together, as for a long file.
            frames = torch.cat([search.frames(output[:7]), search.frames(output[7:])])
            assert search.text(frames) == together[b]
    assert greedy.name == "greedy transducer" and beam.name == "transducer beam search, beam 4"


def test_loss_is_that_of_all_logits():
    """Against the sum over all paths by brute force, on the logits that the model itself gives."""
    found, waves = model().double(), speech(1, 2000).double()
    targets = torch.tensor([[2, 4]])
    with torch.no_grad():
        logits = found(waves, targets=targets).output[0].log_softmax(-1)
        made = found(waves)
        loss = transducer_loss(found.head, made.output, made.output_lengths, targets, torch.tensor([2]))
    T = len(logits)
    reached = torch.full((T + 1, 3), -torch.inf, dtype=torch.float64)
    reached[0, 0] = 0
    for t in range(T):
        for u in range(3):
            if u:
                said = reached[t, u - 1] + logits[t, u - 1, targets[0, u - 1]]
                reached[t, u] = torch.logaddexp(reached[t, u], said)
            reached[t + 1, u] = torch.logaddexp(reached[t + 1, u], reached[t, u] + logits[t, u, 0])
    assert abs(loss + reached[T, 2]) < 1e-9 and F.relu(loss) > 0


def test_what_will_not_fit_is_said_with_numbers():
    lengths, counts = torch.tensor([30_000, 500]), torch.tensor([3_000, 20])
    needed = rnnt_bytes(lengths, counts, 512, 500, CELLS["cpu"])
    assert 15e9 < needed < 30e9
    cpu = torch.device("cpu")
    check_memory(lengths, counts, 512, 500, cpu, free=needed)
    with pytest.raises(
        DataError, match=r"up to 30000 frames and 3000 labels needs about 2\d\.\d GB, and 4\.0 GB are free"
    ):
        check_memory(lengths, counts, 512, 500, cpu, free=4_000_000_000)
    small = rnnt_bytes(lengths[1:], counts[1:], 512, 500, CELLS["cpu"])
    assert small < needed / 100
    assert free_bytes(cpu) is None or free_bytes(cpu) > small


def test_units_of_the_head_are_declared_below_it():
    units = collect(model()).units
    assert units["head.joiner.width"].kind == "joiner" and units["head.joiner.width"].size == 32
    read = {rows.parameter for rows in units["encoder.residual"].consumers}
    assert {"head.joiner.encoder.weight", "head.ctc.weight"} <= read
