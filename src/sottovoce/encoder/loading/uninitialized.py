"""Modules whose weights are about to be loaded need none before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor
from torch.overrides import TorchFunctionMode


class Uninitialized(TorchFunctionMode):
    """Within it, the functions of ``torch.nn.init`` leave tensors as they are: those of a large model take seconds,
    and without memory for values they import half a compiler."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(function, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        if function in (Tensor.normal_, Tensor.uniform_):  # some functions of torch.nn.init are only seen by these
            return args[0]
        return function(*args, **kwargs)
