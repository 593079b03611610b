"""Weights for a head of ours, drawn by the names that another project's class gives the same tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from seeded_weights import lively

Draw = Callable[..., Tensor]
"""Name and shape of a tensor of the other project -> its values."""


def fill_by_public_names(
    head: nn.Module,
    names: Sequence[tuple[str, str]],
    parts: Mapping[str, Callable[[Draw], Tensor]] | None = None,
    seed: int = 0,
) -> nn.Module:
    """Fill every parameter and running statistic of ``head``, which is returned in evaluation mode and float64.

    Args:
        head: the head of ours.
        names: regular expressions for whole names of ours, and the other project's name, in which ``[3*1+2]`` is 5.
        parts: names of ours that hold a tensor of another shape, or a part of one: how it is made from those of the other
            project.
        seed: see `lively`.
    """

    def draw(name: str, *shape: int) -> Tensor:
        return lively(name, torch.empty(shape), seed)

    def public(name: str) -> str:
        found = [re.sub(ours, theirs, name) for ours, theirs in names if re.fullmatch(ours, name)]
        assert len(found) == 1, f"{name} has the names {found} there"
        return re.sub(r"\[(?:(\d)\*)?(\d)(?:\+(\d))?\]", computed, found[0])

    def computed(index: re.Match[str]) -> str:
        times, number, more = (int(part or default) for part, default in zip(index.groups(), (1, 0, 0), strict=True))
        return str(times * number + more)

    with torch.no_grad():
        for name, tensor in head.state_dict().items():
            if parts and name in parts:
                tensor.copy_(parts[name](draw).view_as(tensor))
            elif tensor.is_floating_point():
                tensor.copy_(draw(public(name), *tensor.shape))
    return head.eval().double()


def hidden_states(layers: int, batch: int, frames: int, width: int) -> list[Tensor]:
    """The hidden states that golden outputs were computed from."""
    return list(torch.randn(layers, batch, frames, width, generator=torch.Generator().manual_seed(0)).double())


def check_head(head: nn.Module, states: Sequence[Tensor], golden: Sequence[Sequence[float]]) -> None:
    """Compare the first outputs of each utterance with golden numbers: alone, and beside a longer one in a padded batch."""
    expected = torch.tensor(golden, dtype=torch.float64)
    with torch.no_grad():
        together = head(states)
        padded = [torch.nn.functional.pad(state, (0, 0, 0, 4), value=7.0) for state in states]
        lengths = torch.tensor([states[0].shape[1] + 4, *[states[0].shape[1]] * (len(expected) - 1)])
        beside = head(padded, lengths)
    n = expected.shape[1]
    scale = expected.abs().max()
    assert (together.flatten(1)[:, :n] - expected).abs().max() < 1e-7 * scale
    assert (beside[1:].flatten(1)[:, :n] - expected[1:]).abs().max() < 1e-7 * scale
