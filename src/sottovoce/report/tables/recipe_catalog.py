"""The recipes that come with sottovoce, as a table. It is made without loading a model."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table

from ...encoder.checks.config_rules import WITHOUT_LAYERS
from ...recipe.packaged import known_recipes
from ...recipe.yaml_file import plain_recipe

PARAMETERS = {
    "facebook/hubert-base-ls960": 94_370_816,
    "facebook/w2v-bert-2.0": 580_492_096,
    "facebook/wav2vec2-base": 94_370_816,
    "facebook/wav2vec2-conformer-rel-pos-large": 610_168_320,
    "microsoft/wavlm-base": 94_381_040,
    "microsoft/wavlm-base-plus": 94_381_040,
    "microsoft/wavlm-large": 315_451_968,
}
"""Number of parameters of each encoder by its hub id, so that the table need not build the encoder."""


def recipes_table() -> Group:
    """All recipes: those of published systems, with what they reproduce, and those for small machines."""
    published, small = _table("published systems"), _table("for two cores, and probes")
    published.add_column("system", overflow="fold", ratio=3)
    published.add_column("published result", overflow="fold", ratio=5)
    for name, path in known_recipes().items():
        data: dict[str, Any] = plain_recipe(path)
        about = data.get("about")
        size = PARAMETERS.get(data["encoder"].get("from"))
        row = (name, next(iter(data["task"])), _encoder(data["encoder"], size), _budgets(data, size))
        if about:
            published.add_row(*row, f"{about['system']} ({', '.join(about['paper'])})", about.get("published", ""))
        else:
            small.add_row(*row)
    return Group(published, small)


def _table(title: str) -> Table:
    table = Table(title=title, expand=True)
    table.add_column("name", no_wrap=True)
    table.add_column("task", no_wrap=True)
    for column in ("encoder", "keeps"):
        table.add_column(column, overflow="fold", ratio=2)
    return table


def _encoder(encoder: dict[str, Any], size: int | None) -> str:
    if source := encoder.get("from"):
        name = source.removeprefix("runs/").replace("/models/", ": ")
        return name if size is None else f"{name}, {_millions(size)}"
    config = encoder.get("config") or {}
    if (front := config.get("front_end")) in WITHOUT_LAYERS:
        return f"no layers, {front}"
    return f"new, {config.get('layers', 12)} x {config.get('hidden_size', 768)}"


def _budgets(data: dict[str, Any], size: int | None) -> str:
    """The parameters and MACs that the budgets of a recipe leave, as text; ``all`` without a budget."""
    found = [data.get("budget")]
    for entry in data["stages"]:
        found += [options.get("budget") for options in entry.values() if options] if isinstance(entry, dict) else []
    return "; ".join(dict.fromkeys(_amounts(budget, size) for budget in found if budget)) or "all"


def _amounts(budget: dict[str, Any], size: int | None) -> str:
    parts = [f"{amount} {what}" for what, amount in budget.items() if what in ("params", "macs") and amount]
    for part, limits in (budget.get("per") or {}).items():
        parts += [f"{amount} {part} {what}" for what, amount in limits.items()]
    share = str(budget.get("params", ""))
    left = f", {_millions(size * float(share[:-1]) / 100)}" if size and share.endswith("%") else ""
    return ", ".join(parts) + left


def _millions(parameters: float) -> str:
    return f"{parameters / 1e6:.1f} M"
