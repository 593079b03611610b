"""``sottovoce bench``: time and memory of a model, compared with another."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class Precision(StrEnum):
    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


def bench(
    model: Annotated[str, typer.Argument(help="A model directory, a checkpoint file or a hub id.")],
    against: Annotated[
        str | None,
        typer.Option(help="What it is compared with; a stock Transformers checkpoint runs as its stock class."),
    ] = None,
    seconds: Annotated[float, typer.Option(help="Length of each utterance.", min=0.1, max=86_400)] = 8.0,
    batch: Annotated[int, typer.Option(help="Utterances at once.", min=1)] = 1,
    threads: Annotated[int, typer.Option(help="Threads of torch on the processor.", min=1)] = 2,
    dtype: Annotated[Precision, typer.Option(help="Of weights and activations.")] = Precision.float32,
    device: Annotated[str, typer.Option(help="cpu, cuda or cuda:N.")] = "cpu",
    repeats: Annotated[int, typer.Option(help="Rounds; in each, every model runs once.", min=1)] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Plain data, every single time included.")] = False,
) -> None:
    """Measure time and memory of a model, in turn with another."""
    from sottovoce.cli.terminal import busy, console, print_json
    from sottovoce.profiling.benchmark import bench as library
    from sottovoce.profiling.benchmark_settings import BenchmarkSettings
    from sottovoce.report.tables.benchmarks import bench_table

    setting = BenchmarkSettings(seconds, batch, threads, dtype.value, device, repeats)
    with busy("measuring"):
        result = library(model, against, setting)
    if as_json:
        print_json(result.to_dict())
    else:
        console().print(bench_table(result))
