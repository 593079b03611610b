"""The recipes that come with sottovoce, as a table for a person. Loads nothing heavy."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from .packaged import known_recipes
from .yaml_file import plain_recipe


def recipes_table() -> Table:
    """All recipes: name, task, encoder, what is removed, what is reproduced with which result."""
    table = Table(title="recipes", show_lines=False)
    for column in ("name", "task", "encoder", "keeps", "system", "paper", "published result"):
        table.add_column(column, overflow="fold")
    for name, path in known_recipes().items():
        data = plain_recipe(path)
        about = data.get("about") or {}
        table.add_row(
            name,
            next(iter(data["task"])),
            _encoder(data["encoder"]),
            _budgets(data),
            about.get("system", ""),
            ", ".join(about.get("paper", ())),
            about.get("published", ""),
        )
    return table


def _encoder(encoder: dict[str, Any]) -> str:
    if encoder.get("from"):
        return str(encoder["from"])
    config = encoder.get("config") or {}
    return f"new, {config.get('layers', 12)} x {config.get('hidden_size', 768)}"


def _budgets(data: dict[str, Any]) -> str:
    """What the budgets of a recipe leave."""
    found = [data.get("budget")]
    for entry in data["stages"]:
        found += [options.get("budget") for options in entry.values() if options] if isinstance(entry, dict) else []
    return "; ".join(dict.fromkeys(_amounts(budget) for budget in found if budget)) or "all"


def _amounts(budget: dict[str, Any]) -> str:
    parts = [f"{amount} {what}" for what, amount in budget.items() if what in ("params", "macs") and amount]
    for part, limits in (budget.get("per") or {}).items():
        parts += [f"{amount} {part} {what}" for what, amount in limits.items()]
    return ", ".join(parts)
