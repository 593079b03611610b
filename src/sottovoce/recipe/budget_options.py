"""The budget section of a recipe."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..options import Options
from ..options.bounds import MOST_SECONDS
from ..pruning.budget import Budget

MOST = 10**18
"""Maximum number of parameters or multiply-accumulates."""

Amount = (
    Annotated[int, Field(ge=0, le=MOST)] | Annotated[float, Field(ge=0, le=MOST)] | Annotated[str, Field(max_length=40)]
)
"""See `sottovoce.pruning.budget.Amount`."""


class BudgetOptions(Options):
    """Limits on the size of the resulting encoder, see `Budget`. Only stages with ``scope: model`` count the head."""

    params: Amount | None = None
    macs: Amount | None = None
    seconds: float = Field(1.0, gt=0, le=MOST_SECONDS)
    per: dict[str, dict[str, Amount]] = {}
    reference: Literal["original", "current"] = "original"

    @model_validator(mode="after")
    def _makes_sense(self) -> BudgetOptions:
        self.build()
        return self

    def build(self) -> Budget:
        return Budget(**{name: getattr(self, name) for name in type(self).model_fields})
