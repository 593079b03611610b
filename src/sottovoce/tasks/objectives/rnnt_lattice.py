"""The total probability of all alignments of a transducer, and the probability of each arc.

At a node ``(t, u)`` an alignment has passed ``t`` frames and ``u`` labels; two arcs leave it::

    u = U     ·──▶·──▶·──▶·──▶ end        ──▶  blank: to the next frame
              ▲   ▲   ▲   ▲                ▲   label u + 1, in the same frame
    u = 0     ·──▶·──▶·──▶·
            t = 0          T - 1

The probability of reaching a node (``alpha``) and that of getting from it to the end (``beta``) share one recursion, since
``beta`` is ``alpha`` on the mirrored lattice. Both run together, one anti-diagonal ``d = t + u`` at a time.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from ...encoder.layers.frame_masks import frame_mask
from ...errors import DataError

_NEVER = float("-inf")


class Lattices(NamedTuple):
    """The result of `sum_alignments`.

    Args:
        losses: ``[B]`` float64, ``-log P(targets)``; infinite if every alignment has probability 0.
        blanks: ``[B, T, U + 1]`` float64, the probability, given the targets, that the alignment takes the blank there.
        labels: the same for the next label.
    """

    losses: Tensor
    blanks: Tensor
    labels: Tensor


def sum_alignments(blank: Tensor, label: Tensor, lengths: Tensor, target_lengths: Tensor) -> Lattices:
    """Sum over all alignments (Graves 2012, 1211.3711), always in float64.

    Args:
        blank: ``[B, T, U + 1]`` log-probability of the blank at each node.
        label: ``[B, T, U + 1]`` log-probability of the next label (ignored where there is none).
        lengths: ``[B]`` frames, 1 to ``T``.
        target_lengths: ``[B]`` labels, 0 to ``U``.
    """
    B, T, U1 = blank.shape
    device = blank.device
    frames, labels = lengths.view(B, 1, 1), target_lengths.view(B, 1, 1)
    t, u = torch.arange(T, device=device).view(1, T, 1), torch.arange(U1, device=device).view(1, 1, U1)
    inside = (t < frames) & (u <= labels)
    blank = blank.double().masked_fill(~inside, _NEVER)
    label = label.double().masked_fill(~(inside & (u < labels)), _NEVER)

    # Mirroring an utterance maps its part of the grid onto itself and its end onto (0, 0).
    mirror = ((frames - 1 - t).clamp(min=0) * U1 + (labels - u).clamp(min=0)).flatten(1)

    def mirrored(x: Tensor) -> Tensor:
        return x.flatten(1).gather(1, mirror).view(B, T, U1).masked_fill(~inside, _NEVER)

    mirrored_blank = mirrored(blank)
    waits = torch.cat([F.pad(blank[:, :-1], (0, 0, 1, 0), value=_NEVER), mirrored_blank])
    says = torch.cat([F.pad(label[:, :, :-1], (1, 0), value=_NEVER), mirrored(label)])
    start = torch.cat([blank.new_zeros(B), mirrored_blank[:, 0, 0]])
    alpha, beta = _reach(waits, says, start).split(B)
    beta = mirrored(beta)
    total = beta[:, :1, :1]  # -inf if the targets are impossible; all arcs then have probability 0

    after_blank = F.pad(beta[:, 1:], (0, 0, 0, 1), value=_NEVER)
    after_blank = after_blank.masked_fill((t == frames - 1) & (u == labels), 0.0)
    after_label = F.pad(beta[:, :, 1:], (0, 1), value=_NEVER)
    impossible = total == _NEVER
    taken = ((alpha + arc + after - total).exp() for arc, after in ((blank, after_blank), (label, after_label)))
    blanks, labels = (each.masked_fill(impossible, 0.0) for each in taken)
    return Lattices(-total.view(B), blanks, labels)


def _reach(waits: Tensor, says: Tensor, start: Tensor) -> Tensor:
    """Log-sum over the paths from ``(0, 0)`` to each node ``[N, T, U + 1]``, from the arcs that lead into each."""
    N, T, U1 = waits.shape
    waits_by, says_by = (_skew(arcs).permute(2, 0, 1).contiguous().unbind() for arcs in (waits, says))  # D of [N, U1]
    # One more column on the left, for u = -1, which is never reached.
    reached = waits.new_full((T + U1 - 1, N, U1 + 1), _NEVER)
    reached[0, :, 1] = start
    here, below = reached[:, :, 1:].unbind(), reached[:, :, :-1].unbind()
    for d in range(1, T + U1 - 1):
        torch.logaddexp(here[d - 1] + waits_by[d], below[d - 1] + says_by[d], out=here[d])
    return _unskew(reached[:, :, 1:].permute(1, 2, 0), T)


def _skew(x: Tensor) -> Tensor:
    """``[N, T, U1] -> [N, U1, D]`` with ``y[:, u, t + u] = x[:, t, u]``, ``D = T + U1 - 1``.

    Rows that are padded to one more than D and read at D start one place further right each::

        a b c · ·         a b c ·
        d e f · ·   ─▶    · d e f
    """
    N, T, U1 = x.shape
    padded = F.pad(x.transpose(1, 2), (0, U1), value=_NEVER).flatten(1)
    return padded[:, : U1 * (T + U1 - 1)].view(N, U1, T + U1 - 1)


def _unskew(y: Tensor, T: int) -> Tensor:
    """The inverse of `_skew`: ``[N, U1, D] -> [N, T, U1]``."""
    N, U1, _ = y.shape
    return F.pad(y.flatten(1), (0, U1)).view(N, U1, T + U1)[:, :, :T].transpose(1, 2)


def check_targets(
    targets: Tensor, lengths: Tensor, target_lengths: Tensor, sizes: tuple[int, int, int, int], blank: int
) -> None:
    """Check targets and lengths against the sizes ``B, T, U + 1, V`` of the joiner's output.

    Raises:
        DataError: a shape that does not fit; no frames, or more than there are; more labels than there are states; a
            target that is the blank or no output.
    """
    B, T, U1, V = sizes
    if targets.shape != (B, U1 - 1) or lengths.shape != (B,) or target_lengths.shape != (B,):
        shapes = ", ".join(str(list(x.shape)) for x in (targets, lengths, target_lengths))
        raise DataError(
            f"transducer loss: targets, lengths, target_lengths are {shapes}; {B} utterances with {U1} states of the "
            f"predictor need {[B, U1 - 1]}, {[B]}, {[B]}"
        )
    if not 0 <= blank < V:
        raise DataError(f"transducer loss: the blank is {blank}, but the outputs are 0..{V - 1}")
    for b, (frames, labels) in enumerate(zip(lengths.tolist(), target_lengths.tolist(), strict=True)):
        if not 1 <= frames <= T:
            raise DataError(f"transducer loss: utterance {b} has {frames} frames; it can have 1 to {T}")
        if not 0 <= labels < U1:
            raise DataError(f"transducer loss: utterance {b} has {labels} labels; it can have 0 to {U1 - 1}")
    there = frame_mask(target_lengths.to(targets.device), U1 - 1)
    wrong = there & ((targets == blank) | (targets < 0) | (targets >= V))
    if bool(wrong.any()):
        b, u = wrong.nonzero()[0].tolist()
        raise DataError(
            f"transducer loss: label {u} of utterance {b} is {int(targets[b, u])}; labels are 0..{V - 1} without the "
            f"blank {blank}"
        )
