"""The choice of widths: every constraint holds, and as little importance as possible is lost.

1. Remove. In rounds over all units, remove the chunks with the lowest score for the cost that they save. The cost is that
   of the violated constraints, each weighted by the part of its excess that is left, so that all are met at the same time.
   What a chunk saves is measured again after each round, because the channels of one convolution cost less when the next
   has become narrower. One round removes a small part of the remaining excess.
2. Fill. The last round removes too much: put back the best chunks that still fit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from ..budget import Constraint
from ..costs import CostModel
from .candidates import Candidate

STEP = 0.1
"""Part of the excess (or of the room) that one round may take, during which savings are taken as constant."""

TOLERANCE = 1e-13  # relative error of rounding, far below one parameter


class WidthSelection:
    """The state of the choice.

    Args:
        choices: the units that may be narrowed.
        costs: the cost model of the network.
        constraints: the limits that must hold.
        per_cost: rank by ``score / (cost saved) ** per_cost``, see `Scores`.
    """

    def __init__(
        self, choices: Sequence[Candidate], costs: CostModel, constraints: Sequence[Constraint], *, per_cost: float
    ):
        self.choices, self.constraints, self.per_cost = list(choices), list(constraints), per_cost
        self.target = np.array([c.target for c in constraints])
        self.place = np.array([costs.index[c.unit.name] for c in choices], dtype=int)
        self.whole = costs.full().numpy()
        self.removed = np.zeros(len(choices), dtype=int)  # chunks of each choice
        self.last = np.array([len(c.scores) for c in choices], dtype=int)
        # All chunks in one row, unit after unit, each in the order of removal.
        self.owner = np.repeat(np.arange(len(choices)), self.last)
        self.rank = np.concatenate([np.arange(n) for n in self.last] or [np.zeros(0, int)]).astype(int)
        self.chunks = np.concatenate([c.chunks for c in choices] or [np.zeros(0)]).astype(float)
        self.scores = np.concatenate([c.scores for c in choices] or [np.zeros(0)])
        self.lost = [np.concatenate([[0.0], np.cumsum(c.scores)]) for c in choices]
        names = [c.unit.name for c in choices]
        self.outer = [
            [names.index(b) for b in costs.declarations.containing(n) if b != n and b in names] for n in names
        ]
        self.inner: list[list[int]] = [[] for _ in names]
        for i, blocks in enumerate(self.outer):
            for b in blocks:
                self.inner[b].append(i)

    # --- the present state ---

    def widths(self, removed: np.ndarray | None = None) -> np.ndarray:
        """``[U]`` widths, by default at the present state."""
        widths = self.whole.copy()
        for choice, place, n in zip(
            self.choices, self.place, self.removed if removed is None else removed, strict=True
        ):
            widths[place] = choice.widths[n]
        return widths

    def measure(self, widths: np.ndarray) -> np.ndarray:
        """``[..., U]`` -> ``[..., constraints]``."""
        at = torch.from_numpy(widths)
        return torch.stack([c.measure(at) for c in self.constraints], dim=-1).numpy()

    def least(self) -> np.ndarray:
        """``[U]`` widths when everything is removed that may be."""
        return self.widths(self.last)

    def inside_removed(self) -> np.ndarray:
        """Whether each choice is inside a removed block ``[choices]``."""
        return np.array([any(self.removed[b] for b in blocks) for blocks in self.outer], dtype=bool)

    def loss(self) -> float:
        """The sum of removed scores; the score of a block includes what is inside it."""
        inside = self.inside_removed()
        return sum(self._own_loss(i) for i in range(len(self.choices)) if not inside[i])

    def _own_loss(self, i: int) -> float:
        return float(self.lost[i][self.removed[i]])

    def _increments(self) -> np.ndarray:
        """The loss caused by removing each chunk; for a block, its score minus what was already lost inside it."""
        if self.per_cost != 1:
            return self.scores
        scores = self.scores.copy()
        for b, inner in enumerate(self.inner):
            if inner:
                at = self.owner == b
                scores[at] = np.maximum(scores[at] - sum(map(self._own_loss, inner)), 0.0)
        return scores

    def _moved(self, by: int, movable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Costs ``[choices, constraints]`` with the next (``by=1``) or last (-1) chunk of each moved, and its size."""
        now = self.widths()
        (moving,) = np.nonzero(movable)
        widths = np.repeat(now[None], len(moving), axis=0)
        elements = np.ones(len(self.choices))
        for row, i in enumerate(moving):
            widths[row, self.place[i]] = self.choices[i].widths[self.removed[i] + by]
            elements[i] = abs(widths[row, self.place[i]] - now[self.place[i]])
        costs = np.repeat(self.measure(now)[None], len(self.choices), axis=0)
        costs[moving] = self.measure(widths)
        return costs, elements

    # --- 1. remove ---

    def remove(self) -> None:
        """Remove chunks until no constraint is violated. All constraints must hold at `least`."""
        start = np.maximum(self.measure(self.widths()) - self.target, TOLERANCE * self.target)
        while True:
            now = self.measure(self.widths())
            excess = now - self.target
            violated = excess > TOLERANCE * self.target
            if not violated.any():
                return
            movable = (self.removed < self.last) & ~self.inside_removed()
            after, elements = self._moved(1, movable)
            saved = np.maximum(now - after, 0.0) / elements[:, None]
            weight = np.where(violated, excess / start**2, 0.0)
            worth = (saved @ weight)[self.owner]
            open_ = movable[self.owner] & (self.rank >= self.removed[self.owner])
            if not open_.any():
                raise RuntimeError("the constraints cannot be met, although they hold with everything removed")
            if (open_ & (worth > 0)).any():
                open_ &= worth > 0
            else:  # a measure with steps: no single chunk saves anything, but several will
                worth = np.ones_like(worth)
            (candidates,) = np.nonzero(open_)
            means = (self._increments() / self.chunks)[candidates]
            keys = means / worth[candidates] ** self.per_cost
            candidates = candidates[np.argsort(keys, kind="stable")]
            running = np.cumsum(self.chunks[candidates, None] * saved[self.owner[candidates]][:, violated], axis=0)
            count = int((running <= STEP * excess[violated]).all(axis=1).sum())
            self.removed += np.bincount(self.owner[candidates[: max(count, 1)]], minlength=len(self.choices))

    # --- 2. fill ---

    def fill(self) -> None:
        """Put back the best chunks that fit, until none fits."""
        while True:
            back = self._returnable()
            if back is None:
                return
            feasible, added, room = back
            weight = 1.0 / np.maximum(room, TOLERANCE * self.target)
            worth = np.maximum(added @ weight, np.finfo(float).tiny)[self.owner]
            open_ = feasible[self.owner] & (self.rank < self.removed[self.owner])
            (candidates,) = np.nonzero(open_)
            means = (self._increments() / self.chunks)[candidates]
            keys = means / worth[candidates] ** self.per_cost
            candidates = candidates[np.argsort(-keys, kind="stable")]
            running = np.cumsum(self.chunks[candidates, None] * added[self.owner[candidates]], axis=0)
            count = int((running <= STEP * room).all(axis=1).sum())
            before = self.removed.copy()
            self.removed -= np.bincount(self.owner[candidates[: max(count, 1)]], minlength=len(self.choices))
            if count > 1 and not self.holds():
                self.removed = before
                self.removed[self.owner[candidates[0]]] -= 1

    def _returnable(self) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        movable = (self.removed > 0) & ~self.inside_removed()
        now = self.measure(self.widths())
        after, elements = self._moved(-1, movable)
        feasible = movable & (after <= self.target * (1 + TOLERANCE)).all(axis=1)
        if not feasible.any():
            return None
        return feasible, np.maximum(after - now, 0.0) / elements[:, None], self.target - now

    def holds(self) -> bool:
        """Whether all constraints hold."""
        return bool((self.measure(self.widths()) <= self.target * (1 + TOLERANCE)).all())


def select(
    choices: Sequence[Candidate],
    costs: CostModel,
    constraints: Sequence[Constraint],
    *,
    per_cost: float,
    final_constraints: Sequence[Constraint] | None = None,
) -> dict[str, int]:
    """The width of every unit that may be narrowed, under constraints that can be met.

    Args:
        choices, costs, constraints, per_cost: see `WidthSelection`.
        final_constraints: the same constraints with a measure that is never larger, for step 2: it leaves more room to fill.
    """
    selection = WidthSelection(choices, costs, constraints, per_cost=per_cost)
    selection.remove()
    selection.constraints = list(constraints if final_constraints is None else final_constraints)
    selection.fill()
    widths = selection.widths()
    return {c.unit.name: int(widths[p]) for c, p in zip(selection.choices, selection.place, strict=True)}
