"""Distillation of a transducer at every node of the lattice (Panchapagesan et al. 2021, 2011.06110).

A transducer has ``V`` outputs at each of ``T (U + 1)`` nodes, far too many to be compared one by one. Three probabilities
of a node matter to the transcript: those of the blank, of the next label, and of all other outputs together::

    z[t, u] ──softmax──▶  p(blank)   p(label u + 1)   1 - both        at u = U there is no next label

The logits are computed for some thousand nodes at a time and recomputed for the gradient, so they are never all in memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from ...distillation.logits import DistillationLoss
from ...heads.sequence.transducer import Joint, Transducer
from ...models.batch import Batch
from .rnnt_kernel import CELLS, CELLS_ELSEWHERE
from .rnnt_lattice import check_targets

_NEVER = float("-inf")


class LatticeDistillationLoss(DistillationLoss):
    """`lattice_divergence` for the transcripts of a batch, from the frames ``[B, T, D]`` that a transducer starts from.

    Args:
        student, teacher: the heads. Their current weights are used at every step.
        labels: the vocabulary of both, including the blank.
        temperature: see `lattice_divergence`.
    """

    def __init__(self, student: Transducer, teacher: Transducer, labels: Sequence[str], temperature: float = 1.0):
        self.student, self.teacher, self.labels = student, teacher, list(labels)
        self.temperature = temperature

    def __call__(self, output: Tensor, target: Tensor, batch: Batch) -> Tensor:
        tokens, counts = batch["tokens"], batch["token_lengths"]
        with torch.no_grad():
            aim = self.teacher.joint(target, tokens, counts)
        joint = self.student.joint(output, tokens, counts)
        return lattice_divergence(
            joint, aim, tokens, batch["frames"], counts, blank=self.student.blank, temperature=self.temperature
        )


def lattice_divergence(
    student: Joint,
    teacher: Joint,
    targets: Tensor,
    lengths: Tensor,
    target_lengths: Tensor,
    *,
    blank: int = 0,
    temperature: float = 1.0,
    cells: int | None = None,
) -> Tensor:
    """``temperature² · KL`` between the three collapsed outputs of teacher and student, as the mean over all nodes of a batch.

    The paper sums over the nodes; the mean does not depend on the length of the utterances.

    Args:
        student, teacher: inputs of their joiners (`Transducer.joint`); inner widths ``J`` may differ.
        targets: ``[B, U]`` labels without the blank; values beyond ``target_lengths`` are ignored.
        lengths: ``[B]`` frames, 1 to ``T``.
        target_lengths: ``[B]`` labels, 0 to ``U``.
        blank: index of the blank among the ``V`` outputs.
        temperature: divisor of the logits before they are collapsed.
        cells: number of nodes whose logits are in memory at a time.

    Returns:
        A scalar, at least float32.

    Raises:
        DataError: lengths that do not fit the tensors, or a target that is the blank or no output.
    """
    B, T, _ = student.frames.shape
    check_targets(targets, lengths, target_lengths, (B, T, student.states.shape[1], len(student.bias)), blank)
    device = student.frames.device
    # Autograd keeps several tensors of the size of the logits; `rnnt_loss` keeps one.
    cells = cells or CELLS.get(device.type, CELLS_ELSEWHERE) // 4
    parts, nodes = [], 0
    for b, (frames, labels) in enumerate(zip(lengths.tolist(), target_lengths.tolist(), strict=True)):
        following = F.pad(targets[b, :labels].to(device), (0, 1), value=blank)  # after the last label only the blank
        step = max(1, cells // (labels + 1))
        for start in range(0, frames, step):
            span = slice(start, min(start + step, frames))
            part, aim = (
                Joint(each.frames[b, span], each.states[b, : labels + 1], each.weight, each.bias)
                for each in (student, teacher)
            )
            with torch.no_grad():
                target = collapsed(aim, following, blank, temperature)
            arguments = (target, following, blank, temperature, *part)
            parts.append(checkpoint(_distance, *arguments, use_reentrant=False, preserve_rng_state=False))
        nodes += frames * (labels + 1)
    return temperature**2 * torch.stack(parts).sum() / nodes


def _distance(target: Tensor, following: Tensor, blank: int, temperature: float, *part: Tensor) -> Tensor:
    """Divergence from the teacher's log-probabilities ``target[t, U + 1, 3]``, summed over the nodes of a part of a lattice."""
    each = target.exp() * (target - collapsed(Joint(*part), following, blank, temperature))
    return each.masked_fill(target == _NEVER, 0.0).sum()


def collapsed(joint: Joint, following: Tensor, blank: int, temperature: float = 1.0) -> Tensor:
    """Log-probabilities of the blank, the next label and everything else, ``[t, U + 1, 3]``, of one utterance.

    Args:
        joint: the joiner's inputs: frames ``[t, J]``, states ``[U + 1, J]``, and its last linear map.
        following: ``[U + 1]`` the next label of each state; the blank where there is none.
        blank, temperature: see `lattice_divergence`.
    """
    logits = F.linear((joint.frames[:, None] + joint.states).tanh(), joint.weight, joint.bias)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32)) / temperature
    label = following.expand(logits.shape[:2])[..., None]
    said = logits.gather(2, label)[..., 0].masked_fill(following == blank, _NEVER)
    # Summed over the other outputs: 1 - p(blank) - p(label) would lose all precision where both are likely.
    taken = F.pad(label, (0, 1), value=blank)
    others = logits.scatter(2, taken, _NEVER).logsumexp(2)
    return torch.stack([logits[..., blank], said, others], 2).log_softmax(2)
