"""A kind of unit, and a module whose inner width is made of such units."""

import torch
from torch import Tensor, nn

from sottovoce.encoder.unit_kinds import UnitKind
from sottovoce.encoder.units import Gateable, MacTerm, Unit, rows, site

LOBE = UnitKind(noun="lobe", label="lobes", paths=("*.lobes",), all_of="lobes", round_to=2)


class Lobes(nn.Module):
    """``[B, width] -> [B, size]`` through some lobes.

    Args:
        width: features in.
        lobes: inner units.
        size: features out.
    """

    def __init__(self, width: int, lobes: int, size: int):
        super().__init__()
        self.up = nn.Linear(width, lobes)
        self.inner = Gateable()
        self.down = nn.Linear(lobes, size)

    def forward(self, x: Tensor) -> Tensor:
        """``[B, width] -> [B, size]``"""
        return self.down(self.inner(torch.relu(self.up(x))))

    def units(self) -> list[Unit]:
        n = self.up.out_features
        return [
            Unit(
                "lobes",
                "lobe",
                n,
                producers=(rows("up.weight", 0, n), rows("up.bias", 0, n)),
                consumers=(rows("down.weight", 1, n, fold=True),),
                gates=(site("inner", n),),
            )
        ]

    def macs(self) -> list[MacTerm]:
        return [MacTerm(lambda timing: 1, parameter=name) for name in ("up.weight", "down.weight")]
