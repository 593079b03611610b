"""Maps between the names of foreign tensors and ours, which are read in both directions.

KeyRule("encoder.layers.{i}.attention.q_proj.*", "layers.{i}.attention.q.*")
                    └ a number, the same on both sides           └ the last part of the name: weight, bias, ...
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from sottovoce.encoder.checks.finite import check_finite
from sottovoce.encoder.config import EncoderConfig
from sottovoce.encoder.loading.pretrained import blueprint, mismatch_error
from sottovoce.encoder.network import EncoderNetwork

View = Callable[[Tensor], Tensor]


def _same(tensor: Tensor) -> Tensor:
    return tensor


@dataclass(frozen=True)
class KeyRule:
    """One line of a map.

    Args:
        theirs: pattern of foreign names.
        ours: pattern of our names.
        to_ours: foreign tensor -> our tensor.
        to_theirs: our tensor -> foreign tensor.
    """

    theirs: str
    ours: str
    to_ours: View = _same
    to_theirs: View = _same


def pointwise(theirs: str, ours: str) -> KeyRule:
    """A convolution of kernel 1 ``[O, I, 1]`` in the foreign checkpoint, and a linear map ``[O, I]`` in ours."""
    return KeyRule(theirs, ours, lambda t: t.squeeze(-1), lambda t: t.unsqueeze(-1))


def per_head(theirs: str, ours: str) -> KeyRule:
    """One number for each head: ``[1, H, 1, 1]`` in the foreign checkpoint, and ``[H]`` in ours."""
    return KeyRule(theirs, ours, lambda t: t.flatten(), lambda t: t.view(1, -1, 1, 1))


@dataclass(frozen=True)
class KeyMap:
    """All lines of the map of one checkpoint layout.

    Args:
        rows: the lines; the first one that matches counts.
        unused: patterns of names of foreign tensors that the encoder does not use.
        constants: name of a tensor of ours that the layout lacks -> its constant value.
    """

    rows: tuple[KeyRule, ...]
    unused: tuple[str, ...] = ()
    constants: Mapping[str, float] = field(default_factory=lambda: {"positional.scale": 1.0})

    def ours(self, name: str) -> tuple[str, KeyRule] | None:
        """Our name of the foreign tensor ``name``, and the line that maps it; ``None`` where no line does."""
        return _lookup(name, ((row.theirs, row.ours, row) for row in self.rows))

    def theirs(self, name: str) -> tuple[str, KeyRule] | None:
        """The foreign name of our tensor ``name``, and the line that maps it; ``None`` where no line does."""
        return _lookup(name, ((row.ours, row.theirs, row) for row in self.rows))

    def is_unused(self, name: str) -> bool:
        """Whether the encoder does not use the foreign tensor ``name``."""
        return any(_compiled(pattern).fullmatch(name) for pattern in self.unused)


def _lookup(name: str, patterns: Iterable[tuple[str, str, KeyRule]]) -> tuple[str, KeyRule] | None:
    for pattern, other, row in patterns:
        if match := _compiled(pattern).fullmatch(name):
            found = match.groupdict()
            return other.replace("{i}", found.get("i") or "").replace("*", found.get("last") or ""), row
    return None


def _compiled(pattern: str) -> re.Pattern[str]:
    # `re` keeps the compiled patterns itself.
    escaped = (
        re.escape(pattern).replace(r"\{i\}", r"(?P<i>\d+)").replace(r"\*\*", ".+").replace(r"\*", r"(?P<last>\w+)")
    )
    return re.compile(escaped)


def to_ours(
    config: EncoderConfig, tensors: Mapping[str, Tensor], table: KeyMap, name: str
) -> tuple[dict[str, Tensor], list[str]]:
    """Weights for an encoder from the tensors of a checkpoint.

    Args:
        config: the config of the encoder.
        tensors: tensor by foreign name, with weight norm already folded.
        table: the map of names.
        name: name of the checkpoint, for messages.

    Returns:
        The weights by our names, and the names of the foreign tensors that were not needed.

    Raises:
        CheckpointError: tensors are missing, left over, of another shape or not finite; the message has their foreign names.
    """
    return renamed(blueprint(EncoderNetwork, config), tensors, table, name)


def renamed(
    expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], table: KeyMap, name: str
) -> tuple[dict[str, Tensor], list[str]]:
    """Weights for any module of ours, see `to_ours`.

    Args:
        expected: names and shapes of the tensors of the module.
        tensors, table, name: see `to_ours`.

    Raises:
        CheckpointError: see `to_ours`.
    """
    # The message has the names in the file, because the user can find those there.
    check_finite({theirs: each for theirs, each in tensors.items() if table.ours(theirs)}, name)
    weights: dict[str, Tensor] = {}
    left_out, surplus, misshapen = [], [], []
    for theirs, tensor in tensors.items():
        if table.is_unused(theirs):
            left_out.append(theirs)
            continue
        found = table.ours(theirs)
        if found is None or found[0] not in expected:
            surplus.append(theirs)
            continue
        ours, row = found
        weights[ours] = row.to_ours(tensor)
        if weights[ours].shape != expected[ours].shape:
            wanted = tuple(row.to_theirs(expected[ours]).shape)
            misshapen.append(f"{theirs} {tuple(tensor.shape)} instead of {wanted}")
    for ours, tensor in expected.items():
        if ours in table.constants and ours not in weights:
            weights[ours] = torch.full(tensor.shape, table.constants[ours], dtype=tensor.dtype)
    missing = [found[0] if (found := table.theirs(ours)) else ours for ours in expected if ours not in weights]
    if error := mismatch_error(name, missing, surplus, misshapen):
        raise error
    return weights, left_out
