"""What other packages can add: heads, tasks, stages, layouts, families and kinds of unit, found through entry points.

A registry holds the entries that come with sottovoce and those that installed distributions declare for its group:

    [project.entry-points."sottovoce.heads"]
    my_pooling = "my_package.my_pooling:MyPooling"

An entry of another package is imported when it is first used, so that listing the names imports nothing. An entry that
cannot be used is an error where it is asked for by name, and a warning where all entries are gone through; it never stops
what does without it. A portable copy of a model has only the entries that were shipped with it, whatever else is installed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from importlib.metadata import EntryPoint, entry_points
from typing import Generic, TypeVar

from .errors import PluginError
from .text.suggestions import did_you_mean

Entry = TypeVar("Entry")
Used = TypeVar("Used")


class PluginWarning(UserWarning):
    """An extension of another package was left out of a list, because it cannot be used."""


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
            PluginError: another package declares it, but it cannot be imported, or two packages declare it.
        """
        declared = self._declared.get(name)
        if isinstance(declared, PluginError):
            raise declared
        if name not in self._entries:
            if declared is None:
                raise KeyError(name)
            self._entries[name] = (
                _use(declared, self.noun, declared.load) if isinstance(declared, EntryPoint) else declared
            )
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
            PluginError: there is none, and the message suggests the nearest name; or it cannot be used.
        """
        if name not in self:
            raise PluginError(f"no {self.noun} is called {name!r}; {did_you_mean(name, self)}")
        return self[name]

    def usable(self) -> Iterator[tuple[str, Entry]]:
        """The name and the value of every entry. An entry that cannot be used is left out, with a warning."""
        for name in self:
            try:
                yield name, self[name]
            except PluginError as error:
                warnings.warn(str(error), PluginWarning, stacklevel=2)

    def made_of(self, make: Callable[[Entry], Used]) -> tuple[dict[str, Used], dict[str, PluginError]]:
        """What ``make`` makes of every entry, such as a section of options; and why some cannot be used, by name.

        An error that ``make`` raises for an entry of another package counts as a defect of that package.
        """
        made: dict[str, Used] = {}
        faults: dict[str, PluginError] = {}
        for name in self:
            try:
                make_it = partial(make, self[name])
                declared = self._declared.get(name)
                made[name] = _use(declared, self.noun, make_it) if isinstance(declared, EntryPoint) else make_it()
            except PluginError as error:
                faults[name] = error
        return made, faults

    def from_elsewhere(self, name: str) -> bool:
        """Whether an installed distribution other than sottovoce declares this name."""
        return isinstance(self._declared.get(name), EntryPoint)

    @cached_property
    def _declared(self) -> Mapping[str, EntryPoint | PluginError | Entry]:
        """What other distributions declare, and an error for a name that is declared twice; in a portable copy, what was
        shipped with it."""
        if not __name__.startswith("sottovoce."):
            from .shipped import SHIPPED  # late: what is in it may import this module

            return SHIPPED.get(self.group, {})  # type: ignore[return-value]
        found: dict[str, EntryPoint | PluginError] = {}
        for each in entry_points(group=self.group):
            other = found.get(each.name)
            if isinstance(other, EntryPoint) and other.value == each.value:
                continue  # one distribution that is on the path twice
            if other is None and each.name not in self._own:
                found[each.name] = each
            elif not isinstance(other, PluginError):
                found[each.name] = PluginError(
                    f"{self.group}: {_owner(each)} and {'sottovoce' if other is None else _owner(other)} both declare the "
                    f"{self.noun} {each.name!r}; uninstall one, or rename its entry point"
                )
        return found


def _use(declared: EntryPoint, noun: str, action: Callable[[], Used]) -> Used:
    """The value of ``action``, which runs code of another package."""
    try:
        return action()
    except Exception as error:  # that code may raise anything; the message names the package
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise PluginError(
            f"the {noun} {declared.name!r} of {_owner(declared)} cannot be used ({reason}); update or uninstall that package"
        ) from error


def _owner(declared: EntryPoint) -> str:
    return declared.dist.name if declared.dist is not None else declared.value
