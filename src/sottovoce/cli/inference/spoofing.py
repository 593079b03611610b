"""``sottovoce detect``: whether recordings are bona fide or spoofed speech."""

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
    from sottovoce.inference.inputs import Recording
    from sottovoce.inference.spoofing import Detection
    from sottovoce.models.task_network import TaskNetwork


def detect(
    model: Annotated[str, typer.Argument(help="An anti-spoofing model, as a run leaves it in models/.")],
    recordings: Recordings,
    channel: Channel = None,
    skip_faulty: SkipFaulty = False,
    as_json: Json = False,
    out: Out = None,
) -> None:
    """Print for each recording whether it is bona fide: decision, calibrated log-likelihood ratio and score."""
    from warnings import warn

    from sottovoce.inference.inputs import Recording
    from sottovoce.inference.spoofing import detect as library
    from sottovoce.metrics.detection.spoofing import THRESHOLD

    warned = False

    def process(network: TaskNetwork, item: Recording) -> Detection:
        nonlocal warned
        found = library(network, item)
        if found.llr is None and not warned:
            warned = True
            warn("the model is not calibrated (its recipe had no data.dev), so it decides nothing", stacklevel=1)
        return found

    run_on_recordings(
        CommonOptions(recordings, channel, skip_faulty, as_json, out),
        on_each(model, "spoofing", process),
        _lines,
        _data,
        check=Recording.seconds,
        columns=f"recording, decision (costs of ASVspoof 5), log-likelihood ratio (bona fide from {THRESHOLD:.3f}), score",
    )


def _lines(item: Recording, found: Detection) -> list[str]:
    word = "-" if found.llr is None else "bonafide" if found.bonafide else "spoof"
    return [tab_separated(item.name, word, "-" if found.llr is None else f"{found.llr:.4f}", f"{found.score:.4f}")]


def _data(item: Recording, found: Detection) -> dict[str, Any]:
    values = {"score": found.score, "llr": found.llr, "threshold": found.threshold, "bonafide": found.bonafide}
    return {"file": item.name, **values}
