"""``sottovoce detect``: is a recording a person's voice, or was it made by a machine?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def detect(
    model: Annotated[str, typer.Argument(help="An anti-spoofing model, as a run leaves it in models/.")],
    file: Annotated[Path, typer.Argument(help="An audio file.")],
    channel: Annotated[int | None, typer.Option(help="Which channel of files with several, from 0.", min=0)] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For another program.")] = False,
) -> None:
    """Say whether a recording is bona fide: score, calibrated log-likelihood ratio, threshold and decision."""
    from sottovoce.cli.terminal import busy, console, print_json
    from sottovoce.deployment.spoofing import detect as library
    from sottovoce.deployment.spoofing import load_detector

    with busy("listening"):
        found = library(load_detector(model), file, channel=channel)
    if as_json:
        told = {"score": found.score, "llr": found.llr, "threshold": found.threshold, "bonafide": found.bonafide}
        print_json(told)
    elif found.llr is None:
        console().print(f"score {found.score:.3f} (not calibrated: the model's recipe had no data.dev)")
    else:
        word = "bona fide" if found.bonafide else "spoofed"
        console().print(f"{word}: log-likelihood ratio {found.llr:.3f}, threshold {found.threshold:.3f}")
        console().print(f"score {found.score:.3f}; the threshold is for the costs of ASVspoof 5 (pi_spoof 0.05, 1, 10)")
