"""What a stage's model went through: the stages on its way, in the words of a model card."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..checkpoints.origin import name_of

if TYPE_CHECKING:
    from lhotse.cut import Cut

    from ..recipe.training_stage_options import StageOptions

START = "start"
"""Name of the model before all stages."""

CARD_OPTIONS = ("steps", "method", "budget", "ranks", "task", "freeze", "loss")
"""Options of stages that a reader of a card wants to know."""


def stage_name(kind: str, options: StageOptions | Mapping[str, Any]) -> str:
    """How a stage is referred to."""
    named = options.get("name") if isinstance(options, Mapping) else options.name
    return named or kind


def starts(recipe: Mapping[str, Any]) -> dict[str, str]:
    """Stage -> the stage that it starts from, in the order of the recipe (as resolved)."""
    chain: dict[str, str] = {}
    previous = START
    for name, _, options in _stages(recipe):
        chain[name] = options.get("start") or previous
        previous = name
    return chain


def stage_lines(recipe: Mapping[str, Any], stage: str) -> list[str]:
    """What was done to arrive at the model of a stage, a line each. Paths are told by their last part only."""
    chain, entries = starts(recipe), {name: (kind, options) for name, kind, options in _stages(recipe)}
    way = []
    while stage in chain:
        way.append(stage)
        stage = chain[stage]
    source = (recipe.get("encoder") or {}).get("from")
    begin = f"started from {name_of(source)}" if source else "started from random weights"
    return [
        f"recipe {recipe['name']}, seed {recipe['seed']}: {begin}",
        *(_told(name, *entries[name], recipe) for name in reversed(way)),
    ]


def data_line(name: str, cuts: Iterable[Cut]) -> str:
    """How much of a corpus there is."""
    lengths = [cut.duration for cut in cuts]
    return f"{name}: {len(lengths):,} utterances, {sum(lengths) / 3600:.2f} h"


def _stages(recipe: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for entry in recipe["stages"]:
        kind, options = next((k, v) for k, v in entry.items() if v is not None)
        yield stage_name(kind, options), kind, options


def _told(name: str, kind: str, options: Mapping[str, Any], recipe: Mapping[str, Any]) -> str:
    facts = [f"{key} {_plain(options[key])}" for key in CARD_OPTIONS if options.get(key) not in (None, {}, [], False)]
    if kind in ("prune", "slim") and not options.get("budget") and recipe.get("budget"):
        facts.append(f"budget {_plain(recipe['budget'])}")
    if distillation := options.get("distillation"):
        what = " of logits alone" if distillation.get("layers") == [] else " of features and logits"
        facts.append(f"distillation{what * bool(distillation.get('logits'))} from {name_of(distillation['teacher'])}")
    called = "" if name == kind else f" ({kind})"
    return f"{name}{called}: {', '.join(facts) or 'as it is by default'}"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{key} {_plain(each)}" for key, each in value.items() if each is not None)
    return f"{value:g}" if isinstance(value, float) else str(value)
