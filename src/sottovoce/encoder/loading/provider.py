"""How a part of the package uses another part that it must not import."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

Provided = TypeVar("Provided")


class Provider(Generic[Provided]):
    """Holds a function that imports something when it is first needed.

    ``sottovoce/__init__`` registers the functions. Modeling code that was copied into a model directory runs without
    them, and then nothing is provided.
    """

    def __init__(self) -> None:
        self._load: Callable[[], Provided] | None = None

    def register(self, load: Callable[[], Provided]) -> None:
        """Register a function that imports and returns what is provided."""
        self._load = load

    def get(self) -> Provided | None:
        """What is provided; ``None`` where nothing was registered."""
        return None if self._load is None else self._load()
