"""A linear map as the product of two narrow ones (2502.05837): its ranks are a unit."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from ...errors import CheckpointError
from ..config import Shape
from ..units import Factored, Gateable, Unit, rows, site


class LowRankLinear(Factored):
    """``x -> up(down(x))``: ``[..., n] -> [..., ranks] -> [..., m]`` in place of a Linear of the same name.

    It costs ``ranks (m + n)`` where the Linear costs ``m n``: less below the break-even of ``m n / (m + n)`` ranks.

    Args:
        inputs: input features ``n``.
        outputs: output features ``m``.
        ranks: number of ranks.
        bias: whether ``up`` has a bias.
    """

    def __init__(self, inputs: int, outputs: int, ranks: int, *, bias: bool):
        super().__init__()
        self.down = nn.Linear(inputs, ranks, bias=False)
        self.inner = Gateable()
        self.up = nn.Linear(ranks, outputs, bias=bias)

    @property
    def in_features(self) -> int:
        """Input features ``n``."""
        return self.down.in_features

    @property
    def out_features(self) -> int:
        """Output features ``m``."""
        return self.up.out_features

    @property
    def ranks(self) -> int:
        """Number of ranks."""
        return self.up.in_features

    @property
    def weight(self) -> Tensor:
        """``[m, n]``: the product, with gates, for code that multiplies by the weight itself."""
        return self.up.weight @ self.inner(self.down.weight.t()).t()

    @property
    def bias(self) -> Tensor | None:
        return self.up.bias

    def forward(self, x: Tensor) -> Tensor:
        """``[..., n] -> [..., m]``."""
        return self.up(self.inner(self.down(x)))

    def units(self) -> list[Unit]:
        n = self.ranks
        producers, consumers = (rows("down.weight", 0, n),), (rows("up.weight", 1, n, fold=True),)
        return [Unit("ranks", "rank", n, producers=producers, consumers=consumers, gates=(site("inner", n),))]


def pays(inputs: int, outputs: int, ranks: int) -> bool:
    """Whether the two narrow maps have fewer weights than the one wide map."""
    return ranks * (inputs + outputs) < inputs * outputs


def factored_paths(shape: object, path: str = "") -> dict[str, int]:
    """Module path -> ranks of every linear map that is factorized in a shape.

    >>> factored_paths({"layers": [{"feed_forward": {"units": 8, "up": {"ranks": 3}}}]})
    {'layers.0.feed_forward.up': 3}
    """
    if isinstance(shape, dict) and isinstance(shape.get("ranks"), int):
        return {path: shape["ranks"]}
    items = shape.items() if isinstance(shape, dict) else enumerate(shape) if isinstance(shape, list) else ()
    found: dict[str, int] = {}
    for key, value in items:
        found |= factored_paths(value, f"{path}.{key}" if path else str(key))
    return found


def without_factors(shape: Shape) -> Shape:
    """A shape without its factorized linear maps, and without parts that are then empty.

    >>> without_factors({"joiner": {"width": 8, "encoder": {"ranks": 3}}, "ctc": {"ranks": 2}})
    {'joiner': {'width': 8}}
    """
    inner = {key: without_factors(value) if isinstance(value, dict) else value for key, value in shape.items()}
    return {key: value for key, value in inner.items() if key != "ranks" and value != {}}


def use_factors(model: nn.Module, shape: Shape) -> None:
    """Replace each Linear that is factorized in ``shape`` by a `LowRankLinear` with new weights.

    Args:
        model: the network, which is changed.
        shape: its shape.

    Raises:
        CheckpointError: there is no such Linear.
    """
    for path, ranks in factored_paths(shape).items():
        try:
            old: Any = model.get_submodule(path)
        except AttributeError:  # torch raises it for a module that does not exist
            old = None
        if not hasattr(old, "in_features"):
            raise CheckpointError(
                f"config: the shape has {path} in factors, and there is no such linear map in the network"
            )
        model.set_submodule(path, LowRankLinear(old.in_features, old.out_features, ranks, bias=old.bias is not None))
