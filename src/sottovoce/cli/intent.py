"""``sottovoce classify``: what do recordings ask for, and with which details?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sottovoce.decoding.understood import Understood


def classify(
    model: Annotated[str, typer.Argument(help="An intent model, as a run leaves it in models/.")],
    files: Annotated[list[Path], typer.Argument(help="Audio files, one utterance each.", metavar="FILE...")],
    channel: Annotated[int | None, typer.Option(help="Which channel of files with several, from 0.", min=0)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For another program.")] = False,
) -> None:
    """Say the intent and the slots of utterances, with probabilities."""
    from sottovoce.cli.terminal import busy, print_json
    from sottovoce.deployment.intent import check_utterance, load_classifier
    from sottovoce.deployment.intent import classify as library

    for file in files:
        check_utterance(file)  # a fault in the last one shows before the first is heard
    network = load_classifier(model)
    found = []
    for file in files:
        with busy(f"listening to {file}"):
            understood = library(network, file, channel=channel)
        found.append({"file": str(file), **_plain(understood)})
        if not as_json:
            typer.echo("\n".join(([f"{file}:"] if len(files) > 1 else []) + _lines(understood)))
    if as_json:
        print_json(found)


def _plain(understood: Understood) -> dict[str, Any]:
    meaning = understood.semantics
    return {
        "intents": [
            {"field": name, "intent": what, "probability": understood.intents[name]}
            for name, what in meaning.intents.items()
        ],
        "slots": [
            {"type": kind, "filler": filler, "probability": sure}
            for (kind, filler), sure in zip(meaning.slots, understood.slots, strict=True)
        ],
    }


def _lines(understood: Understood) -> list[str]:
    meaning = understood.semantics
    told: list[tuple[str, str, float]] = [(k, what, understood.intents[k]) for k, what in meaning.intents.items()]
    told += [(kind, filler, sure) for (kind, filler), sure in zip(meaning.slots, understood.slots, strict=True)]
    if not told:
        return ["nothing was understood"]
    wide, wider = max(len(name) for name, _, _ in told), max(len(what) for _, what, _ in told)
    return [f"{name:<{wide}}  {what:<{wider}}  {100 * sure:5.1f} %" for name, what, sure in told]
