"""``sottovoce classify``: what do recordings ask for, and with which details?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .recordings import Asked, Channel, Json, Out, Recordings, SkipFaulty, answer, row, through

if TYPE_CHECKING:
    from sottovoce.decoding.slu.slu_prediction import SLUPrediction
    from sottovoce.inference.inputs import Recording


def classify(
    model: Annotated[str, typer.Argument(help="An intent model, as a run leaves it in models/.")],
    recordings: Recordings,
    channel: Channel = None,
    skip_faulty: SkipFaulty = False,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Say the intent and the slots of each utterance, with probabilities."""
    from sottovoce.inference.intent import check_length
    from sottovoce.inference.intent import classify as library

    def check(item: Recording) -> None:
        check_length(item.name, item.seconds())

    answer(
        Asked(recordings, channel, skip_faulty, as_json, out),
        through(model, "intent", library),
        _lines,
        _data,
        check=check,
        columns="recording, then intents and slots, each with its probability",
    )


def _lines(item: Recording, understood: SLUPrediction) -> list[str]:
    meaning = understood.semantics
    told = [f"{name}={what} {100 * understood.intents[name]:.1f} %" for name, what in meaning.intents.items()]
    for (kind, filler), sure in zip(meaning.slots, understood.slots, strict=True):
        told.append(f"{kind}={filler} {100 * sure:.1f} %")
    return [row(item.name, *(told or ["nothing was understood"]))]


def _data(item: Recording, understood: SLUPrediction) -> dict[str, Any]:
    meaning = understood.semantics
    return {
        "file": item.name,
        "intents": [
            {"field": name, "intent": what, "probability": understood.intents[name]}
            for name, what in meaning.intents.items()
        ],
        "slots": [
            {"type": kind, "filler": filler, "probability": sure}
            for (kind, filler), sure in zip(meaning.slots, understood.slots, strict=True)
        ],
    }
