"""``sottovoce inspect``: widths, parameters and MACs of a model."""

from __future__ import annotations

from typing import Annotated

import typer


def inspect(
    model: Annotated[str, typer.Argument(help="A model directory, a checkpoint file or a hub id.")],
    seconds: Annotated[
        float, typer.Option(help="Length of the utterance that MACs are counted for.", min=0.1, max=86_400)
    ] = 8.0,
    as_json: Annotated[bool, typer.Option("--json", help="Plain data instead of a table.")] = False,
) -> None:
    """Show widths, parameters and MACs of a model, layer by layer."""
    from sottovoce.cli.terminal import busy, console, print_json
    from sottovoce.models.loading import load
    from sottovoce.report.inspection import inspect as library
    from sottovoce.report.tables.networks import network_table

    with busy(f"loading {model}"):
        found = library(load(model), seconds, name=model)
    if as_json:
        print_json(found.to_dict())
    else:
        out = console()
        out.print(network_table(found, out.width))
