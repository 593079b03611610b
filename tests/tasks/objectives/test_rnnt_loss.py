import math

import pytest
import torch
from torch.nn import functional as F

from alignments import enumerated_losses
from sottovoce.errors import DataError
from sottovoce.profiling.memory import peak_bytes
from sottovoce.tasks.objectives.rnnt_kernel import rnnt_loss

B, T, U, V, J = 3, 6, 4, 5, 3
LENGTHS, TARGET_LENGTHS = torch.tensor([6, 3, 1]), torch.tensor([2, 4, 0])


def problem(dtype=torch.float64, seed=0):
    generator = torch.Generator().manual_seed(seed)
    shapes = ((B, T, J), (B, U + 1, J), (V, J), (V,))
    inputs = [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for shape in shapes]
    return [x.requires_grad_() for x in inputs], torch.randint(1, V, (B, U), generator=generator)


def joined(encoder, predictor, weight, bias):
    return F.linear((encoder[:, :, None] + predictor[:, None]).tanh(), weight, bias)


@pytest.mark.parametrize("cells", [1, 4, 11, 30, 1000])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_equals_the_sum_over_all_alignments(cells, reduction):
    inputs, targets = problem()
    right = enumerated_losses(joined(*inputs), targets, LENGTHS, TARGET_LENGTHS)
    got = rnnt_loss(*inputs, targets, LENGTHS, TARGET_LENGTHS, reduction=reduction, cells=cells)
    right = {"mean": right.mean(), "sum": right.sum(), "none": right}[reduction]
    assert (got - right).abs().max() < 1e-12
    weights = torch.tensor([2.0, -1.0, 0.5]) if reduction == "none" else torch.tensor(3.0)
    wanted = torch.autograd.grad((right * weights).sum(), inputs)
    for a, b in zip(torch.autograd.grad((got * weights).sum(), inputs), wanted, strict=True):
        assert (a - b).abs().max() < 1e-12


def test_the_blank_may_be_any_output():
    inputs, targets = problem()
    targets = targets - 1  # 0 .. V - 2
    right = enumerated_losses(joined(*inputs), targets, LENGTHS, TARGET_LENGTHS, blank=V - 1)
    got = rnnt_loss(*inputs, targets, LENGTHS, TARGET_LENGTHS, blank=V - 1, reduction="none", cells=7)
    assert (got - right).abs().max() < 1e-12


def test_gradients_by_differences():
    inputs, targets = problem()

    def losses(*inputs):
        return rnnt_loss(*inputs, targets, LENGTHS, TARGET_LENGTHS, reduction="none", cells=5)

    assert torch.autograd.gradcheck(losses, inputs)


def test_what_is_beyond_the_lengths_changes_nothing():
    inputs, targets = problem()
    one = rnnt_loss(*inputs, targets, LENGTHS, TARGET_LENGTHS, reduction="none")
    encoder, predictor = (x.detach().clone() for x in inputs[:2])
    encoder[1, 3:], predictor[0, 3:] = 9.0, -9.0
    padded = targets.masked_fill(torch.arange(U) >= TARGET_LENGTHS[:, None], -1)
    two = rnnt_loss(encoder, predictor, *inputs[2:], padded, LENGTHS, TARGET_LENGTHS, reduction="none")
    assert torch.equal(one, two)


def test_only_the_wanted_gradients_are_needed():
    inputs, targets = problem()
    inputs[0] = inputs[0].detach()
    rnnt_loss(*inputs, targets, LENGTHS, TARGET_LENGTHS).backward()
    assert inputs[0].grad is None and inputs[3].grad is not None
    with torch.no_grad():
        assert not rnnt_loss(*inputs, targets, LENGTHS, TARGET_LENGTHS).requires_grad


def test_no_targets_at_all():
    inputs, _ = problem()
    inputs[1] = inputs[1].detach()[:, :1].clone().requires_grad_()
    nothing = torch.zeros(B, 0, dtype=torch.long)
    got = rnnt_loss(*inputs, nothing, LENGTHS, torch.zeros(B, dtype=torch.long), reduction="none")
    blanks = joined(*inputs).log_softmax(-1)[:, :, 0, 0]
    right = torch.stack([-blanks[b, :frames].sum() for b, frames in enumerate(LENGTHS)])
    assert (got - right).abs().max() < 1e-12


def test_impossible_targets_are_infinite_and_leave_no_gradient():
    inputs, targets = problem()
    with torch.no_grad():
        inputs[3][targets[0, 0]] = -math.inf
    possible = [b for b in range(B) if targets[0, 0] not in targets[b, : TARGET_LENGTHS[b]]]
    assert possible
    losses = rnnt_loss(*inputs, targets, LENGTHS, TARGET_LENGTHS, reduction="none", cells=6)
    assert losses[0] == math.inf and losses[possible].isfinite().all()
    losses.sum().backward()
    assert all(x.grad.isfinite().all() for x in inputs[:3])
    assert inputs[0].grad[0].abs().max() == 0 and inputs[0].grad[possible].abs().max() > 0


@pytest.mark.parametrize("scale", [1.0, 30.0])
def test_float32_is_accurate(scale):
    """A peaked joiner too: the softmax of what is never said underflows, its logarithm must not."""
    inputs, targets = problem()
    scaled = [(x.detach() * s).requires_grad_() for x, s in zip(inputs, (1, 1, scale, scale), strict=True)]
    narrow = [x.detach().float().requires_grad_() for x in scaled]
    right = rnnt_loss(*scaled, targets, LENGTHS, TARGET_LENGTHS)
    got = rnnt_loss(*narrow, targets, LENGTHS, TARGET_LENGTHS)
    assert got.dtype == torch.float32 and abs(got.item() / right.item() - 1) < 1e-6
    right.backward()
    got.backward()
    for a, b in zip(narrow, scaled, strict=True):
        assert (a.grad - b.grad).abs().max() < 1e-5 * b.grad.abs().max()


def test_half_precision_and_autocast():
    inputs, targets = problem(torch.float32)
    right = rnnt_loss(*inputs, targets, LENGTHS, TARGET_LENGTHS)
    right.backward()
    grads = [x.grad.clone() for x in inputs]
    for x in inputs:
        x.grad = None
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = rnnt_loss(*inputs, targets, LENGTHS, TARGET_LENGTHS)
    got.backward()
    assert got.dtype == torch.float32 and abs(got.item() / right.item() - 1) < 0.02
    for x, grad in zip(inputs, grads, strict=True):
        assert x.grad.dtype == torch.float32 and (x.grad - grad).norm() < 0.05 * grad.norm()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"lengths": [6, 0, 1]}, "utterance 1 has 0 frames; it can have 1 to 6"),
        ({"lengths": [7, 3, 1]}, "utterance 0 has 7 frames; it can have 1 to 6"),
        ({"target_lengths": [2, 5, 0]}, "utterance 1 has 5 labels; it can have 0 to 4"),
        ({"lengths": [6, 3]}, r"are \[3, 4\], \[2\], \[3\]; 3 utterances with 5 states"),
        ({"targets": [[1, 2, 0, 0], [1, 0, 1, 1], [1, 1, 1, 1]]}, "label 1 of utterance 1 is 0; labels are 0..4"),
        ({"targets": [[1, 5, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1]]}, "label 1 of utterance 0 is 5; labels are 0..4"),
        ({"blank": 5}, "the blank is 5, but the outputs are 0..4"),
    ],
)
def test_faults_are_named(change, message):
    inputs, targets = problem()
    given = {"targets": targets, "lengths": LENGTHS, "target_lengths": TARGET_LENGTHS, "blank": 0}
    given |= {name: torch.tensor(value) if isinstance(value, list) else value for name, value in change.items()}
    blank = given.pop("blank")
    with pytest.raises(DataError, match=message):
        rnnt_loss(*inputs, *given.values(), blank=blank)


def test_memory_does_not_grow_with_all_logits():
    """Not even with those of one long utterance."""
    t, u, v, j = 6000, 20, 400, 32
    inputs = [torch.randn(shape).requires_grad_() for shape in ((1, t, j), (1, u + 1, j), (v, j), (v,))]
    targets = torch.randint(1, v, (1, u))

    def run():
        rnnt_loss(*inputs, targets, torch.tensor([t]), torch.tensor([u]), cells=1000).backward()

    run()
    peaks = [peak_bytes(run) for _ in range(3)]
    if None in peaks:
        pytest.skip("the peak of memory cannot be measured here")
    assert min(peaks) < t * (u + 1) * v * 4 / 4  # the plain version needs four times that of the logits, 202 MB
