"""AASIST in the layout of its authors: tensors by their names, and a released model of tiny size."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from seeded_weights import lively
from sottovoce.checkpoints.released.aasist_names import their_names

TINY = {
    "architecture": "AASIST",
    "nb_samp": 30_000,
    "first_conv": 128,
    "filts": [70, [1, 3], [3, 4], [4, 5], [5, 5]],
    "gat_dims": [5, 4],
    "pool_ratios": [0.4, 0.7, 0.6, 0.5],
    "temperatures": [2.0, 2.0, 100.0, 100.0],
}
"""The ``model_config`` of a tiny model; 23 spectral nodes are written into the public class."""


def their_state(
    head: Iterable[tuple[str, Tensor]], blocks: int, others: dict[str, str], seed: int = 0
) -> dict[str, Tensor]:
    """`lively` tensors of a head under their names and in their shapes.

    Args:
        head: names and tensors of an embedding head of ours.
        blocks, others: see `their_names`.
        seed: see `lively`.
    """
    found = {}
    for ours, like in head:
        names = their_names(ours, blocks, others)
        for name in names:
            found[name] = lively(name, torch.zeros(_their_shape(name, like), dtype=like.dtype), seed)
    return found


def _their_shape(name: str, like: Tensor) -> tuple[int, ...]:
    if "att_weight" in name:
        return like.shape[-1], 1
    if name == "pos_S":
        return 1, *like.shape
    return (1, 1, *like.shape) if name.startswith("master") else tuple(like.shape)


def write_release(place: Path, name: str, state: dict[str, Tensor], **changes: object) -> Path:
    """Write ``name.pth`` and ``name.conf``; returns the path of the first."""
    torch.save(state, place / f"{name}.pth")
    (place / f"{name}.conf").write_text(json.dumps({"model_config": {**TINY, **changes}}), encoding="utf-8")
    return place / f"{name}.pth"
