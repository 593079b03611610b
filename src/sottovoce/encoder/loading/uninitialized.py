"""Building modules without initializing their weights, for when weights are loaded afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Uninitialized(TorchFunctionMode):
    """In this mode the functions of ``torch.nn.init`` leave tensors as they are.

    Otherwise these functions take seconds for a large model, and on the device ``meta`` they import a part of the compiler.
    """

    def __torch_function__(
        self,
        function: Callable[..., object],
        types: Sequence[type],
        args: Sequence[object] = (),
        kwargs: dict[str, object] | None = None,
    ) -> object:
        kwargs = kwargs or {}
        if getattr(function, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        if function in (Tensor.normal_, Tensor.uniform_):  # some functions of torch.nn.init call only these
            return args[0]
        return function(*args, **kwargs)


@contextmanager
def without_memory() -> Iterator[None]:
    """Build modules on the device ``meta``: they have shapes, names and costs, but no memory for their values."""
    with torch.device("meta"), Uninitialized():
        yield
