"""What a network may cost after pruning: one or several limits, all of which must hold."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from ..errors import BudgetError
from ..quantities import Seconds
from ..text.suggestions import did_you_mean
from .costs import Cost, CostModel, human

Amount = int | float | str
"""A limit: ``20_000_000`` or ``"20M"`` is a number; ``0.2`` or ``"20%"`` is the fraction of the reference that is KEPT."""

QUANTITIES = ("params", "macs")
REFERENCES = ("original", "current")
_PREFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "b": 1e9, "t": 1e12}


@dataclass(frozen=True)
class Constraint:
    """An upper limit on something that follows from the widths of a network.

    Parameters and MACs are two such quantities. Any other, such as milliseconds measured on a device, is another object of
    this class with its own ``measure``; the choice of a plan and the Lagrangian treat all constraints alike.

    Args:
        name: the quantity, as messages and logs call it: ``params``, ``frontend macs``, ...
        target: the limit.
        reference: the same quantity of the network that fractions refer to; sparsity is ``1 - measure / reference``.
        measure: a function from widths ``[..., U]``, in the order of `CostModel.names`, to the quantity ``[...]``. It must
            not grow when a width shrinks, and must be differentiable if gates are to be trained towards the limit.
        unit: the unit of the quantity, for messages.
    """

    name: str
    target: float
    reference: float
    measure: Callable[[Tensor], Tensor]
    unit: str = ""

    @property
    def sparsity(self) -> float:
        """The fraction of the reference that has to be removed."""
        return 1.0 - self.target / self.reference

    def show(self, amount: float) -> str:
        """An amount in words: ``18.88 M parameters (20.0 % of the reference)``."""
        return f"{human(amount)} {self.unit} ({100 * amount / max(self.reference, 1e-30):.1f} % of the reference)"


@dataclass(frozen=True)
class Budget:
    """Limits on parameters and multiply-accumulates, of the whole network and of parts of it.

        Budget(params=0.2)                               # a fifth of the parameters is kept
        Budget(params="20M", macs="1.1G", seconds=1)     # both hold
        Budget(per={"frontend": {"macs": 0.3}, "layers": {"params": 0.2}})

    Args:
        params: largest number of parameters of the result, see `Amount`.
        macs: largest number of multiply-accumulates of the result for one utterance, see `Amount`.
        seconds: length of that utterance in seconds.
        per: limits on parts of the network: part -> quantity -> limit. The parts are the keys of `Cost.parts`.
        reference: what fractions refer to: ``original``, the network before any pruning, so that a budget means the
            same for a model that is already slim; or ``current``, the network as it is.

    Raises:
        BudgetError: there is no limit, an amount cannot be read or is not positive, a fraction is above 1, or a key or
            the reference is unknown.
    """

    params: Amount | None = None
    macs: Amount | None = None
    seconds: Seconds = 1.0
    per: Mapping[str, Mapping[str, Amount]] = field(default_factory=dict)
    reference: str = "original"

    def __post_init__(self) -> None:
        if self.reference not in REFERENCES:
            raise BudgetError(f"budget: reference is {self.reference!r}; it can be {' or '.join(REFERENCES)}")
        if not (isinstance(self.seconds, int | float) and 0 < self.seconds < math.inf):
            raise BudgetError(f"budget: seconds is {self.seconds!r}; give a positive number")
        for part, limits in self.per.items():
            if not isinstance(limits, Mapping):
                raise BudgetError(f"budget: per {part} is {limits!r}; write per={{{part!r}: {{'params': ...}}}}")
            for quantity in limits:
                if quantity not in QUANTITIES:
                    raise BudgetError(
                        f"budget: {part} {quantity!r} is unknown; {did_you_mean(str(quantity), QUANTITIES)}"
                    )
        given = list(self._limits())
        if not given:
            raise BudgetError("budget: no limit given; give params, macs, or per={part: {...}}")
        for name, _, amount in given:
            parse_amount(amount, name)

    def _limits(self) -> Iterable[tuple[str, tuple[str | None, str], Amount]]:
        """(name, (part, quantity), amount) of each limit."""
        for quantity in QUANTITIES:
            if (amount := getattr(self, quantity)) is not None:
                yield quantity, (None, quantity), amount
        for part, limits in self.per.items():
            for quantity, amount in limits.items():
                yield f"{part} {quantity}", (part, quantity), amount

    @classmethod
    def parse(cls, text: str) -> Budget:
        """A budget in one line: ``params=20%``, ``params=20M,macs=1.1G,seconds=8``, ``frontend.macs=0.3``.

        Raises:
            BudgetError: the text is not of this form, or the constructor refuses its values.
        """
        fields: dict[str, Any] = {}
        per: dict[str, dict[str, Amount]] = {}
        for item in filter(None, re.split(r"[,;\s]+", text)):
            key, sign, value = item.partition("=")
            part, _, quantity = key.rpartition(".")
            if not sign or not value:
                raise BudgetError(f"budget: {item!r} is not of the form key=amount, such as params=20%")
            if part:
                per.setdefault(part, {})[quantity] = value
            elif key in fields:
                raise BudgetError(f"budget: {key} is given twice")
            elif key in (*QUANTITIES, "seconds", "reference"):
                fields[key] = value
            else:
                raise BudgetError(
                    f"budget: {key!r} is unknown; {did_you_mean(key, [*QUANTITIES, 'seconds', 'reference'])}"
                )
        if "seconds" in fields:
            try:
                fields["seconds"] = float(fields["seconds"])
            except ValueError:
                raise BudgetError(f"budget: seconds is {fields['seconds']!r}; give a positive number") from None
        return cls(**fields, per=per)

    def constraints(self, costs: CostModel, reference: Cost) -> list[Constraint]:
        """The limits as functions of the widths of one network.

        Args:
            costs: the cost model of the network that is to be pruned, at ``self.seconds``.
            reference: the cost that fractions refer to, see `reference_cost`.

        Raises:
            BudgetError: the network lacks one of the parts, a part costs nothing, or a part may cost more than the whole.
        """
        out = []
        for name, (part, quantity), amount in self._limits():
            if part is not None and part not in reference.parts:
                raise BudgetError(f"budget: there is no part {part!r}; {did_you_mean(part, reference.parts)}")
            whole = getattr(reference if part is None else reference.parts[part], quantity)
            if whole == 0:
                raise BudgetError(f"budget: {name} is limited, but {part} has none in the reference; leave it out")
            target = _target(amount, name, whole)
            index = QUANTITIES.index(quantity)
            unit = "parameters" if quantity == "params" else f"MACs at {self.seconds:g} s"
            out.append(Constraint(name, target, float(whole), _measure(costs, part, index), unit))
        targets = {c.name: c.target for c in out}
        for constraint in out:
            part, _, quantity = constraint.name.rpartition(" ")
            if part and constraint.target > targets.get(quantity, math.inf):
                raise BudgetError(
                    f"budget: {constraint.name} may be {human(constraint.target)}, but the whole network only "
                    f"{human(targets[quantity])}; lower the one or raise the other"
                )
        return out


def _measure(costs: CostModel, part: str | None, index: int) -> Callable[[Tensor], Tensor]:
    if part is not None and part not in costs.parts:  # a part that was removed completely
        return lambda widths: widths.new_zeros(widths.shape[:-1])
    return lambda widths: costs.evaluate(widths, part)[index]


def _target(amount: Amount, name: str, whole: float) -> float:
    number, fraction = parse_amount(amount, name)
    return number * whole if fraction else number


def parse_amount(amount: Amount, name: str = "amount") -> tuple[float, bool]:
    """The number of a limit, and whether it is a fraction of the reference.

    >>> parse_amount("20%"), parse_amount(0.2), parse_amount("1.1G"), parse_amount(18_880_000)
    ((0.2, True), (0.2, True), (1100000000.0, False), (18880000.0, False))

    Raises:
        BudgetError: the amount cannot be read, is not positive, or is a fraction above 1.
    """
    help = "give a fraction kept (0.2, 20%) or an amount (20M, 1.1G)"
    if isinstance(amount, bool) or not isinstance(amount, int | float | str):
        raise BudgetError(f"budget: {name} is {amount!r}; {help}")
    if isinstance(amount, str):
        match = re.fullmatch(r"\s*([0-9_.]+(?:e[+-]?\d+)?)\s*([kmgbt%]?)\s*", amount.lower())
        if match is None:
            raise BudgetError(f"budget: {name} is {amount!r}; {help}")
        try:
            number, suffix = float(match[1]), match[2]
        except ValueError:
            raise BudgetError(f"budget: {name} is {amount!r}; {help}") from None
    else:
        number, suffix = float(amount), ""
    if not 0 < number < math.inf:
        raise BudgetError(f"budget: {name} is {amount!r}, which leaves nothing; {help}")
    if suffix == "%":
        number /= 100
        if number > 1:
            raise BudgetError(f"budget: {name} is {amount!r}, more than the whole reference; {help}")
        return number, True
    if not suffix and number <= 1:
        return number, True
    if not suffix and number <= 100:
        # Nobody means 1.5 or 20 parameters: a percent sign or a prefix is missing.
        raise BudgetError(f"budget: {name} is {amount!r}, neither a fraction up to 1 nor a plausible amount; {help}")
    return number * _PREFIXES[suffix], False
