"""How much faster the published 80 % shapes run than the stock dense class, and our dense encoder beside it.

    python benchmarks/encoder_speed.py                                  # 8 s, batch 1, float32, 2 threads
    python benchmarks/encoder_speed.py large --device cuda --dtype bfloat16 --batch 16

Weights are random: time does not depend on their values. Runs alternate; printed are medians with the smallest and the
largest, and the ratio of each round's pair.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from rich.console import Console

from sottovoce.profiling.benchmark import check_device, measure
from sottovoce.profiling.benchmark_settings import BenchmarkSettings
from sottovoce.profiling.published import PUBLISHED, published_models
from sottovoce.report.tables.benchmarks import bench_table


def main() -> None:
    parse = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parse.add_argument("sizes", nargs="*", default=list(PUBLISHED), help="base, large (default: both)")
    parse.add_argument("--seconds", type=float, default=8.0)
    parse.add_argument("--batch", type=int, default=1)
    parse.add_argument("--threads", type=int, default=2)
    parse.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parse.add_argument("--device", default="cpu")
    parse.add_argument("--repeats", type=int, default=10)
    parse.add_argument("--json", type=Path, help="also write the results to this file")
    given = vars(parse.parse_args())
    sizes, target = given.pop("sizes"), given.pop("json")
    setting = BenchmarkSettings(**given)
    check_device(setting.device)
    console = Console(width=None if Console().is_terminal else 150)
    results = {}
    for size in sizes:
        results[size] = measure(published_models(size, setting), setting)
        console.print(bench_table(results[size], f"WavLM {size}, random weights; {PUBLISHED[size].source}"))
    if target is not None:
        target.write_text(json.dumps({size: r.to_dict() for size, r in results.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
