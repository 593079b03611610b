"""The transducer loss over all alignments, without the tensor of all logits.

The joiner's logits at frame ``t`` after ``u`` labels, and the gradient of the loss with respect to them, are

    z[t, u] = weight · tanh(encoder[t] + predictor[u]) + bias
    ∂loss/∂z[t, u, v] = (b + l) softmax(z[t, u])[v] - b [v is blank] - l [v is label u + 1]

where ``b`` and ``l`` are the probabilities that an alignment of the targets takes the blank and the label there. So the
lattice needs two numbers for each node, and the logits ``[B, T, U + 1, V]`` are never all in memory: they are computed for
some thousand nodes at a time, and recomputed for the gradient if they could not be kept.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ...encoder.layers.frame_masks import frame_mask
from .rnnt_lattice import check_targets, sum_alignments

Reduction = Literal["mean", "sum", "none"]

CELLS = {"cpu": 1 << 14}
"""Number of nodes whose logits are in memory at a time, by type of device; an accelerator needs more to be kept busy."""
CELLS_ELSEWHERE = 1 << 17

_SMALLEST = 1e-18
"""Arcs with a smaller probability do not affect the gradient; their products with the softmax would be slow denormals."""


def rnnt_loss(
    encoder: Tensor,
    predictor: Tensor,
    weight: Tensor,
    bias: Tensor,
    targets: Tensor,
    lengths: Tensor,
    target_lengths: Tensor,
    *,
    blank: int = 0,
    reduction: Reduction = "mean",
    cells: int | None = None,
) -> Tensor:
    """``-log P(targets)`` over all alignments (Graves 2012, 1211.3711), from the inputs of an additive tanh joiner.

    With ``mean`` and ``sum`` the gradient is computed together with the loss, while the logits are in memory. With ``none``
    it is computed in the backward pass, which recomputes the logits. Nothing is computed for padding of the batch.

    Args:
        encoder: projected frames ``[B, T, J]``.
        predictor: projected states ``[B, U + 1, J]`` of the predictor, the first before any label.
        weight: weight ``[V, J]`` of the joiner's last linear map.
        bias: its bias ``[V]``.
        targets: ``[B, U]`` labels without the blank; values beyond ``target_lengths`` are ignored.
        lengths: ``[B]`` frames, 1 to ``T``.
        target_lengths: ``[B]`` labels, 0 to ``U``.
        blank: index of the blank among the ``V`` outputs.
        reduction: ``mean`` over utterances (not over labels), ``sum``, or ``none``.
        cells: number of nodes ``(t, u)`` whose logits are in memory at a time, in about ``4 cells (2 J + V)`` bytes. The
            logits of an utterance that fits are not recomputed.

    Returns:
        A scalar, or ``[B]``; at least float32. Infinite, with a gradient of zero, where the targets are impossible.

    Raises:
        DataError: lengths that do not fit the tensors, or a target that is the blank or no output.
    """
    B, T, _ = encoder.shape
    check_targets(targets, lengths, target_lengths, (B, T, predictor.shape[1], weight.shape[0]), blank)
    if cells is None:
        cells = CELLS.get(encoder.device.type, CELLS_ELSEWHERE)
    kind = encoder.device.type
    # Matrix products use the autocast precision; sums, softmax and lattice use at least float32.
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else encoder.dtype
    inputs = [x.to(dtype) for x in (encoder, predictor, weight, bias)]
    scale = None
    if reduction != "none":
        each = 1 / B if reduction == "mean" else 1.0
        scale = torch.full((B,), each, dtype=torch.promote_types(dtype, torch.float32), device=encoder.device)
    wanted = torch.is_grad_enabled() and any(x.requires_grad for x in inputs)
    with torch.autocast(kind, enabled=False):
        data = (targets.to(encoder.device), lengths.to(encoder.device), target_lengths.to(encoder.device))
        return _Loss.apply(*inputs, *data, scale, blank, max(cells, 1), wanted)


class _Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *args: Any) -> Tensor:
        *inputs, scale, blank, cells, wanted = args
        problem = _Problem._make([*inputs, blank, cells])
        ctx.problem = None
        if scale is None:
            ctx.problem = problem[-2:]
            ctx.save_for_backward(*problem[:-2])
            return _solve(problem, None)[0]
        losses, gradients = _solve(problem, scale if wanted else None)
        ctx.save_for_backward(*gradients)
        return (losses * scale).sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        if ctx.problem is None:
            gradients = tuple(x * grad.to(x.dtype) for x in ctx.saved_tensors)
        else:
            _, gradients = _solve(_Problem(*ctx.saved_tensors, *ctx.problem), grad)
        return (*gradients, *[None] * 7)


class _Problem(NamedTuple):
    encoder: Tensor
    predictor: Tensor
    weight: Tensor
    bias: Tensor
    targets: Tensor
    lengths: Tensor
    target_lengths: Tensor
    blank: int
    cells: int


def _solve(p: _Problem, scale: Tensor | None) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Losses ``[B]``, and with ``scale[B]`` the gradients of ``sum(scale · losses)`` with respect to the four inputs."""
    wide = torch.promote_types(p.encoder.dtype, torch.float32)
    losses = p.encoder.new_zeros(p.lengths.shape, dtype=wide)
    gradients = () if scale is None else tuple(torch.zeros_like(x, dtype=wide) for x in p[:4])
    for members, frames, labels in _groups(p.lengths.tolist(), p.target_lengths.tolist(), p.cells):
        chosen = torch.tensor(members, device=losses.device)
        # Only as many frames and labels as the group has, so nothing is computed for padding of the batch.
        part = p._replace(
            encoder=p.encoder[chosen, :frames],
            predictor=p.predictor[chosen, : labels + 1],
            targets=p.targets[chosen, :labels],
            lengths=p.lengths[chosen],
            target_lengths=p.target_lengths[chosen],
        )
        if scale is None:
            losses[chosen] = _group(part, None, ())
            continue
        inner = torch.zeros_like(part.encoder, dtype=wide), torch.zeros_like(part.predictor, dtype=wide)
        losses[chosen] = _group(part, scale[chosen].to(wide), (*inner, *gradients[2:]))
        gradients[0][chosen, :frames], gradients[1][chosen, : labels + 1] = inner
    return losses, tuple(g.to(x.dtype) for g, x in zip(gradients, p[:4], strict=False))


def _groups(lengths: list[int], target_lengths: list[int], cells: int) -> list[tuple[list[int], int, int]]:
    """Groups of utterances (indices, most frames, most labels) whose padded lattices together have at most ``cells`` nodes.

    An utterance with a larger lattice is a group of its own.
    """
    groups: list[tuple[list[int], int, int]] = []
    for b in sorted(range(len(lengths)), key=lambda b: (lengths[b], target_lengths[b])):
        frames, labels = lengths[b], target_lengths[b]
        if groups:
            members, most_frames, most_labels = groups[-1]
            together = max(frames, most_frames), max(labels, most_labels)
            if (len(members) + 1) * together[0] * (together[1] + 1) <= cells:
                groups[-1] = ([*members, b], *together)
                continue
        groups.append(([b], frames, labels))
    return groups


def _group(p: _Problem, scale: Tensor | None, gradients: tuple[Tensor, ...]) -> Tensor:
    """Losses of one group of utterances; with ``scale`` their gradients are added to ``gradients``."""
    G, T, J = p.encoder.shape
    U1, wide = p.predictor.shape[1], torch.promote_types(p.encoder.dtype, torch.float32)
    step = max(1, p.cells // (G * U1))
    spans = [slice(start, min(start + step, T)) for start in range(0, T, step)]
    blank, label = (p.encoder.new_empty((G, T, U1), dtype=wide) for _ in range(2))
    following = torch.cat([p.targets, p.targets.new_full((G, 1), p.blank)], 1)  # no label follows the last state
    following = following.masked_fill(~frame_mask(p.target_lengths, U1), p.blank)
    block = None
    for span in spans:
        block = None  # freed before the next block is made
        block = _Block(p, span, following)
        blank[:, span], label[:, span] = block.log_probabilities(p.blank)
    lattices = sum_alignments(blank, label, p.lengths, p.target_lengths)
    if scale is not None:
        weights = scale.view(G, 1, 1)
        taken = [x.masked_fill(x < _SMALLEST, 0).to(wide) * weights for x in (lattices.blanks, lattices.labels)]
        for span in reversed(spans):
            # In reverse order, because the last block is still in memory.
            if block is None:
                block = _Block(p, span, following)
            block.add_gradients(p, span, taken[0][:, span], taken[1][:, span], gradients)
            block = None
    return lattices.losses.to(wide)


class _Block:
    """The joiner at some frames of a group: hidden layer, and softmax up to its normalizer."""

    def __init__(self, p: _Problem, span: slice, following: Tensor):
        G, U1, J = p.predictor.shape
        self.hidden = (p.encoder[:, span, None] + p.predictor[:, None]).tanh_().view(-1, J)
        self.shape = (G, -1, U1)
        self.following = following[:, None].expand(G, span.stop - span.start, U1).reshape(-1, 1)
        logits = torch.addmm(p.bias, self.hidden, p.weight.t())
        logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
        self.blank_logit, self.label_logit = logits[:, p.blank].clone(), logits.gather(1, self.following)[:, 0]
        highest = logits.amax(1)
        self.exponentials = logits.sub_(highest[:, None]).exp_()
        self.sums = self.exponentials.sum(1)
        self.normalizer = highest + self.sums.log()

    def log_probabilities(self, blank: int) -> tuple[Tensor, Tensor]:
        """Log-probabilities of the blank and of the next label, ``[G, t, U + 1]`` each."""
        return tuple((x - self.normalizer).view(self.shape) for x in (self.blank_logit, self.label_logit))  # type: ignore[return-value]

    def add_gradients(
        self, p: _Problem, span: slice, blanks: Tensor, labels: Tensor, gradients: tuple[Tensor, ...]
    ) -> None:
        """Add the gradients for arcs with probabilities ``blanks, labels [G, t, U + 1]``. This overwrites the block."""
        encoder, predictor, weight, bias = gradients
        b, l = blanks.reshape(-1), labels.reshape(-1)
        by_logits = self.exponentials.mul_(((b + l) / self.sums)[:, None])
        by_logits[:, p.blank] -= b
        by_logits.scatter_add_(1, self.following, -l[:, None])
        bias += by_logits.sum(0)
        by_logits = by_logits.to(self.hidden.dtype)
        if weight.dtype == self.hidden.dtype:
            weight.addmm_(by_logits.t(), self.hidden)
        else:
            weight += by_logits.t() @ self.hidden
        by_hidden = by_logits @ p.weight
        # tanh' = 1 - tanh²
        by_hidden = by_hidden.addcmul_(by_hidden, self.hidden.square_(), value=-1).view(*self.shape, by_hidden.shape[1])
        encoder[:, span] = by_hidden.sum(2, dtype=encoder.dtype)
        predictor += by_hidden.sum(1, dtype=predictor.dtype)
