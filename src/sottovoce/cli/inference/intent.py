"""``sottovoce classify``: intents and slots of utterances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .recordings import (
    Channel,
    CommonOptions,
    Json,
    Out,
    Recordings,
    SkipFaulty,
    on_each,
    run_on_recordings,
    tab_separated,
)

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
    """Print the intents and slots of each utterance with their probabilities."""
    from sottovoce.inference.intent import check_length
    from sottovoce.inference.intent import classify as library

    def check(item: Recording) -> None:
        check_length(item.name, item.seconds())

    run_on_recordings(
        CommonOptions(recordings, channel, skip_faulty, as_json, out),
        on_each(model, "intent", library),
        _lines,
        _data,
        check=check,
        columns="recording, then intents and slots, each with its probability",
    )


def _lines(item: Recording, prediction: SLUPrediction) -> list[str]:
    meaning = prediction.semantics
    cells = [f"{name}={what} {100 * prediction.intents[name]:.1f} %" for name, what in meaning.intents.items()]
    for (kind, filler), sure in zip(meaning.slots, prediction.slots, strict=True):
        cells.append(f"{kind}={filler} {100 * sure:.1f} %")
    return [tab_separated(item.name, *(cells or ["nothing was understood"]))]


def _data(item: Recording, prediction: SLUPrediction) -> dict[str, Any]:
    meaning = prediction.semantics
    return {
        "file": item.name,
        "intents": [
            {"field": name, "intent": what, "probability": prediction.intents[name]}
            for name, what in meaning.intents.items()
        ],
        "slots": [
            {"type": kind, "filler": filler, "probability": sure}
            for (kind, filler), sure in zip(meaning.slots, prediction.slots, strict=True)
        ],
    }
