"""Time and memory of the transducer loss, forward and backward, beside the plain version in torch.

    python benchmarks/rnnt_loss.py                        # B 8, T 250, U 40, V 500, J 512, float32, 2 threads
    python benchmarks/rnnt_loss.py --joiner 128 --batch 16 --device cuda

The plain version makes all logits, takes their log-softmax, gathers the log-probabilities of the blank and of the labels
first, and runs the recursion under autograd. Both start from the projections that a joiner adds, both have every
utterance at full length, and both run with denormals flushed (`torch.set_flush_denormal`), without which the plain one
is several times slower. Runs alternate; printed are medians with the smallest and the largest.
"""

from __future__ import annotations

import argparse
from statistics import median

import torch
from torch import Tensor
from torch.nn import functional as F

from sottovoce.profiling.memory import peak_bytes
from sottovoce.profiling.timing import Spread, alternate, threads
from sottovoce.tasks.objectives.rnnt_kernel import rnnt_loss


def plain_loss(encoder: Tensor, predictor: Tensor, weight: Tensor, bias: Tensor, targets: Tensor) -> Tensor:
    """Mean loss of utterances that all have ``T`` frames and ``U`` labels, the blank being 0."""
    B, T, _ = encoder.shape
    U = targets.shape[1]
    logp = F.linear((encoder[:, :, None] + predictor[:, None]).tanh(), weight, bias).log_softmax(-1)
    blank = logp[..., 0]
    label = logp[:, :, :U].gather(3, targets[:, None, :, None].expand(B, T, U, 1))[..., 0]
    del logp
    # One row of the lattice at a time: within a row, alpha is a cumulative log-sum over frames.
    waited = F.pad(blank.cumsum(1)[:, :-1], (0, 0, 1, 0)).unbind(2)
    said = label.unbind(2)
    alpha = waited[0]
    for u in range(U):
        alpha = waited[u + 1] + torch.logcumsumexp(alpha + said[u] - waited[u + 1], 1)
    return -(alpha[:, -1] + blank[:, -1, U]).mean()


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("batch", 8), ("frames", 250), ("labels", 40), ("outputs", 500), ("joiner", 512)):
        parse.add_argument(f"--{name}", type=int, default=default)
    parse.add_argument("--threads", type=int, default=2)
    parse.add_argument("--device", default="cpu")
    parse.add_argument("--repeats", type=int, default=7)
    parse.add_argument("--keep-denormals", action="store_true", help="do not flush them, for either")
    given = parse.parse_args()
    # Before anything else: threads take it over when they are started, and keep what they have.
    flushed = not given.keep_denormals and torch.set_flush_denormal(True)
    torch.manual_seed(0)
    B, T, U, V, J = given.batch, given.frames, given.labels, given.outputs, given.joiner
    shapes = ((B, T, J), (B, U + 1, J), (V, J), (V,))
    inputs = [
        (torch.randn(shape) * scale).to(given.device) for shape, scale in zip(shapes, (1, 1, 0.1, 0.1), strict=True)
    ]
    for x in inputs:
        x.requires_grad_()
    targets = torch.randint(1, V, (B, U), device=given.device)
    lengths = (torch.full((B,), T), torch.full((B,), U))

    def chunked() -> list[Tensor]:
        loss = rnnt_loss(*inputs, targets, *lengths)
        return [loss, *torch.autograd.grad(loss, inputs)]

    def plain() -> list[Tensor]:
        loss = plain_loss(*inputs, targets)
        return [loss, *torch.autograd.grad(loss, inputs)]

    with threads(given.threads):
        runs = {"plain": plain, "chunked": chunked}
        apart = [((a - b).norm() / b.norm()).item() for a, b in zip(chunked(), plain(), strict=True)]
        memory: dict[str, float] = {}
        for name in runs:
            peaks = [peak_bytes(runs[name], given.device) for _ in range(3)]
            memory[name] = median(peak for peak in peaks if peak is not None) if None not in peaks else float("nan")
        times = alternate(runs, repeats=given.repeats, device=given.device)
    ratios = [a / b for a, b in zip(times["chunked"], times["plain"], strict=True)]
    print(
        f"B {B}, T {T}, U {U}, V {V}, J {J}, float32, {given.device}, {given.threads} threads, torch {torch.__version__}"
    )
    print(f"denormals {'flushed' if flushed else 'kept'} for both; loss and gradients differ by {max(apart):.1e}")
    for name in runs:
        print(f"{name:8} {Spread.from_values(times[name])} ms, {memory[name] / 1e6:.0f} MB")
    print(f"chunked / plain: time {median(ratios):.2f}, memory {memory['chunked'] / memory['plain']:.2f}")


if __name__ == "__main__":
    main()
