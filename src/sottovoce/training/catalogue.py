"""The recipes that come with sottovoce, as tables for a person."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..deployment.environment import environment
from ..pruning.cost import human
from .packaged import known_recipes
from .recipe import About, Recipe
from .recipe_check import UTILISATION, StageCheck
from .recipe_file import plain_recipe


def chain(path: Path) -> list[Path]:
    """A recipe after those that it extends, the first of all first."""
    import yaml

    own = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    parent = own.get("extends")
    return [*(chain(path.parent / parent) if parent else []), path]


def recipes_table() -> RenderableType:
    """All recipes: name, task, encoder, what is removed, what is reproduced with which result."""
    table = Table(title="recipes", show_lines=False)
    for column in ("name", "task", "encoder", "keeps", "system", "paper", "published result"):
        table.add_column(column, overflow="fold")
    for name, path in known_recipes().items():
        data = plain_recipe(path)
        about = About.model_validate(data["about"]) if data.get("about") else None
        table.add_row(
            name,
            next(iter(data["task"])),
            _encoder(data["encoder"]),
            _budgets(data),
            about.system if about else "",
            ", ".join(about.paper) if about else "",
            about.published if about else "",
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
    parts = [f"{amount} {what}" for what, amount in budget.items() if what in ("params", "macs")]
    for part, limits in (budget.get("per") or {}).items():
        parts += [f"{amount} {part} {what}" for what, amount in limits.items()]
    return ", ".join(parts)


def check_table(path: Path, found: Sequence[StageCheck], gpu: str) -> RenderableType:
    """What a check found, stage by stage."""
    recipe = Recipe.model_validate({k: v for k, v in plain_recipe(path).items() if k != "toy"})
    precision = recipe.compute.precision
    table = Table(title=f"{path.stem}: one step of every stage was taken")
    for column in (
        "stage",
        "encoder",
        "steps",
        "utterances a step",
        "MACs a step",
        "peak here",
        "took",
        f"{gpu} hours",
    ):
        table.add_column(column, justify="left" if column == "stage" else "right")
    hours = []
    for each in found:
        cropped = f"{each.batch} x {each.crop:g} s" if each.crop else f"{each.batch}, whole"
        estimate = each.hours(gpu, precision) if each.steps else 0.0
        hours.append(estimate)
        table.add_row(
            each.name if each.name == each.kind else f"{each.name} ({each.kind})",
            human(each.params),
            f"{each.steps:,}" if each.steps else "–",
            cropped if each.steps else "–",
            human(each.macs) if each.steps else "–",
            "–" if each.peak is None else f"{each.peak / 2**30:.1f} GiB",
            f"{each.seconds:.0f} s",
            "–" if not estimate else f"{estimate:.1f}",
        )
    facts = environment()
    known = [h for h in hours if h is not None]
    total = f"about {sum(known):.0f} hours" if len(known) == len(hours) else f"no {precision} there"
    return Group(
        table,
        Text(
            f"{gpu}: {total}, at {100 * UTILISATION:g} % of its {precision} peak. Here: batch 1, {precision}, "
            f"{facts['threads']} threads, {facts['processor']}, torch {facts['torch']}."
        ),
    )
