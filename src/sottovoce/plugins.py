"""What other packages can add: heads, tasks, stages, layouts, families and kinds of unit, found through entry points.

A registry holds the entries that come with sottovoce and those that installed distributions declare for its group:

    [project.entry-points."sottovoce.heads"]
    my_pooling = "my_package.my_pooling:MyPooling"

An entry of another package is imported when it is first used, so that listing the names imports nothing. A portable copy
of a model has only the entries that were shipped with it, whatever else is installed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from .errors import PluginError
from .text.suggestions import did_you_mean

Entry = TypeVar("Entry")


class Registry(Mapping[str, Entry], Generic[Entry]):
    """The entries of one kind by the name that configs, recipes and commands use.

    Args:
        noun: The word for one entry in messages, such as ``head``.
        group: The entry point group in which other packages declare entries, such as ``sottovoce.heads``.
        own: The entries that come with sottovoce.
    """

    def __init__(self, noun: str, group: str, own: Mapping[str, Entry]):
        self.noun, self.group = noun, group
        self._entries = dict(own)
        self._own = frozenset(own)

    def __getitem__(self, name: str) -> Entry:
        """The entry of this name.

        Raises:
            KeyError: there is none; `find` raises an error with a message for the user.
            PluginError: another package declares it, but it cannot be imported.
        """
        if name not in self._entries:
            declared = self._declared[name]
            self._entries[name] = _imported(declared, self.noun) if isinstance(declared, EntryPoint) else declared
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        yield from (name for name in self._entries if name in self._own)  # in the order of the table
        yield from (name for name in self._declared if name not in self._own)

    def __len__(self) -> int:
        return len(self._own | self._declared.keys())

    def __contains__(self, name: object) -> bool:
        return name in self._own or name in self._declared

    def find(self, name: str) -> Entry:
        """The entry of this name.

        Raises:
            PluginError: there is none, and the message suggests the nearest name; or it cannot be imported.
        """
        if name not in self:
            raise PluginError(f"no {self.noun} is called {name!r}; {did_you_mean(name, self)}")
        return self[name]

    def from_elsewhere(self, name: str) -> bool:
        """Whether an installed distribution other than sottovoce declares this name."""
        return isinstance(self._declared.get(name), EntryPoint)

    @cached_property
    def _declared(self) -> Mapping[str, EntryPoint | Entry]:
        """What other distributions declare; in a portable copy, what was shipped with it.

        Raises:
            PluginError: two of them, or one of them and sottovoce, use the same name.
        """
        if not __name__.startswith("sottovoce."):
            from .shipped import SHIPPED  # late: what is in it may import this module

            return SHIPPED.get(self.group, {})  # type: ignore[return-value]
        found: dict[str, EntryPoint] = {}
        for each in entry_points(group=self.group):
            other = found.get(each.name)
            if other is not None and other.value == each.value:
                continue  # one distribution that is on the path twice
            if other is not None or each.name in self._own:
                raise PluginError(
                    f"{self.group}: {_owner(each)} and {'sottovoce' if other is None else _owner(other)} both declare the "
                    f"{self.noun} {each.name!r}; uninstall one, or rename its entry point"
                )
            found[each.name] = each
        return found


def _imported(declared: EntryPoint, noun: str) -> Any:
    try:
        return declared.load()
    except Exception as error:  # code of another package may raise anything; the message names the package
        raise PluginError(
            f"the {noun} {declared.name!r} of {_owner(declared)} cannot be imported "
            f"({type(error).__name__}: {error}); update or uninstall that package"
        ) from error


def _owner(declared: EntryPoint) -> str:
    return declared.dist.name if declared.dist is not None else declared.value
