"""Commands whose help lists names from registries, including names of other packages.

The registries are imported only when the help is printed, so that commands start fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

if TYPE_CHECKING:
    from sottovoce.plugins import Registry


class PruneCommand(TyperCommand):
    """A command whose help lists the kinds of unit."""

    def format_help(self, *arguments: Any) -> None:
        from sottovoce.encoder.unit_kinds import KINDS

        add_to_help(self, "kinds", f"Known: {', '.join(usable_names(KINDS))}.")
        super().format_help(*arguments)


class CompressCommand(TyperCommand):
    """A command whose help lists the tasks, stages and embedding heads of recipes."""

    def format_help(self, *arguments: Any) -> None:
        from sottovoce.heads.embedders import EMBEDDERS
        from sottovoce.runs.stages import STAGES
        from sottovoce.tasks.registry import TASKS

        tasks, stages, heads = (", ".join(usable_names(registry)) for registry in (TASKS, STAGES, EMBEDDERS))
        add_to_help(self, "recipe", f"Tasks: {tasks}; stages: {stages}; heads that make an embedding: {heads}.")
        super().format_help(*arguments)


def usable_names(registry: Registry) -> list[str]:
    """The names of a registry. There is a warning for each that cannot be used, because its package is broken."""
    return [name for name, _ in registry.usable()]


def add_to_help(command: TyperCommand, parameter: str, text: str) -> None:
    """Append a sentence to the help of one parameter."""
    for each in command.params:
        if each.name == parameter:
            each.help = f"{each.help} {text}"  # type: ignore[attr-defined]


def one_of_in_help(command: TyperCommand, parameter: str, names: Sequence[str]) -> None:
    """Replace the help of one parameter by the list of its possible values."""
    for each in command.params:
        if each.name == parameter:
            each.help = f"{', '.join(names[:-1])} or {names[-1]}."  # type: ignore[attr-defined]
