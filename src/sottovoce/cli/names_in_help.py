"""Commands whose help lists names from registries, including names of other packages.

The registries are imported only when the help is printed, so that commands start fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.core import TyperCommand


class PruneCommand(TyperCommand):
    """A command whose help lists the kinds of unit."""

    def format_help(self, *arguments: Any) -> None:
        from sottovoce.encoder.unit_kinds import KINDS

        add_to_help(self, "kinds", f"Known: {', '.join(KINDS)}.")
        super().format_help(*arguments)


class CompressCommand(TyperCommand):
    """A command whose help lists the tasks, stages and embedding heads of recipes."""

    def format_help(self, *arguments: Any) -> None:
        from sottovoce.heads.embedders import EMBEDDERS
        from sottovoce.runs.stages import STAGES
        from sottovoce.tasks.registry import TASKS

        tasks, stages, heads = (", ".join(names) for names in (list(TASKS), list(STAGES), list(EMBEDDERS)))
        add_to_help(self, "recipe", f"Tasks: {tasks}; stages: {stages}; heads that make an embedding: {heads}.")
        super().format_help(*arguments)


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
