"""The report of a run: read what the run left behind, measure dense against slim, draw the page."""

from __future__ import annotations

import json
import re
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import yaml

from sottovoce.errors import RecipeError
from sottovoce.files import write_bytes, write_json, write_text
from sottovoce.metrics.detection.error_tradeoff import DET
from sottovoce.models.loading import load
from sottovoce.profiling.benchmark import Benchmark, measure
from sottovoce.profiling.benchmark_settings import BenchmarkSettings
from sottovoce.profiling.profiled_model import profile_network, weight_file_bytes
from sottovoce.profiling.published import PUBLISHED, published_models
from sottovoce.pruning.slimming import TOLERANCE
from sottovoce.recipe.stage_names import starting_points
from sottovoce.report.html_page import html
from sottovoce.report.layer_rows import layer_widths
from sottovoce.report.numbers import METRICS
from sottovoce.report.pictures.det_curves import det_picture
from sottovoce.report.pictures.layer_picture import layers_png
from sottovoce.report.pictures.training_curves import plots_of_run, plots_picture
from sottovoce.report.report_data import Curve, Estimate, Metric, ReportData, Stage
from sottovoce.runs.run_directory import RunDirectory
from sottovoce.tasks.registry import TASKS
from sottovoce.tasks.scoring.cost_options import NAMES, named_cost
from sottovoce.tasks.task import Task

from ..text.plain_data import number_in, table_in, whole_in


def write_report(run: str | Path, *, setting: BenchmarkSettings | None = None, at_size: str | None = None) -> Path:
    """Write ``report.html`` and ``figures/`` into a run's directory.

    Time is measured once; later calls read the measurement from ``bench.json``.

    Args:
        run: directory of the run; it need not be finished.
        setting: conditions under which time is measured.
        at_size: size of a published slim shape that is measured as well: ``base`` or ``large``, see `PUBLISHED`.

    Returns:
        the path of the page.

    Raises:
        RecipeError: the directory is no run, or nothing in it is finished.
    """
    report = read_report_data(run, setting=setting or BenchmarkSettings(), at_size=at_size)
    path = Path(run) / "report.html"
    pictures = {"curves": plots_picture(plots_of_run(report)), "layers": layers_png(report.rows)}
    pictures |= {f"det {test}": det_picture(curves) for test, curves in report.trade_offs.items()}
    for name, png in pictures.items():
        file = re.sub(r"[^\w.]+", "-", name)  # the name of a test set may contain any character
        write_bytes(Path(run) / "figures" / f"{file}.png", png)
    write_text(path, html(report, pictures))
    return path


def read_report_data(run: str | Path, *, setting: BenchmarkSettings, at_size: str | None = None) -> ReportData:
    """The contents of the report of a run; the arguments are those of `write_report`."""
    if not (Path(run) / "recipe.yaml").is_file():
        raise RecipeError(f"{run}: not a run (it has no recipe.yaml); give the directory that compress wrote")
    directory = RunDirectory(run)
    recipe = directory.recorded_recipe()
    chain = starting_points(recipe)
    stages = [s for name in chain if (s := _stage(directory, name)) is not None]
    if not stages:
        raise RecipeError(f"{run}: no stage is finished yet; run the same compress command again to go on")
    slim, dense = _compared([s.name for s in stages], chain, directory)
    config = load(directory.model(slim)).config
    encoder = getattr(config, "encoder", config)
    speed, larger = _measured(directory, [slim, dense] if slim != dense else [slim], setting, at_size)
    return ReportData(
        title=str(recipe["name"]),
        summary=_summary(recipe, slim, dense),
        created=time.strftime("%Y-%m-%d %H:%M"),
        speed=speed,
        speed_at_size=larger,
        source_at_size=PUBLISHED[at_size].source if at_size is not None else "",
        stages=stages,
        dense=dense,
        slim=slim,
        metrics=_metrics(next(iter(table_in(recipe, "task"))), directory, stages),
        rows=layer_widths(encoder.shape, encoder.original_shape),
        curves=_curves(directory),
        trade_offs=_trade_offs(directory, list(dict.fromkeys([dense, slim]))),
        tolerance=TOLERANCE,
        environment=directory.recorded_environment() if directory.environment.exists() else {},
        recipe=yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110),
    )


def _stage(directory: RunDirectory, name: str) -> Stage | None:
    results = directory.finished(name)
    if results is None:
        return None
    return Stage(
        name,
        params=whole_in(results, "cost", "params"),
        params_with_head=whole_in(results, "params_with_head"),
        macs=whole_in(results, "cost", "macs"),
        seconds=number_in(results, "cost", "seconds"),
        minutes=number_in(results, "seconds") / 60,
        equality=number_in(results, "equality") if results.get("equality") is not None else None,
    )


def _tests(directory: RunDirectory, stage: str) -> dict[str, dict[str, Any]]:
    """The numbers of a stage on each test set."""
    found: Any = directory.finished(stage) or {}
    return found.get("test") or {}


def _compared(finished: Sequence[str], chain: dict[str, str], directory: RunDirectory) -> tuple[str, str]:
    """The stage whose model is the result of the run, and the last stage before it whose model was still dense."""
    slim = dense = finished[-1]
    while dense in chain and _slimmed_since(dense, chain, directory):
        dense = chain[dense]
    return slim, dense


def _slimmed_since(name: str, chain: dict[str, str], directory: RunDirectory) -> bool:
    """Whether the stage, or a stage that it descends from, made the network smaller."""
    while name in chain:
        if "equality" in (directory.finished(name) or {}):
            return True
        name = chain[name]
    return False


def _summary(recipe: dict[str, Any], slim: str, dense: str) -> str:
    kinds = [next(k for k, v in entry.items() if v is not None).replace("_", "-") for entry in recipe["stages"]]
    task = next(iter(table_in(recipe, "task")))
    against = f" The model after “{slim}” is compared with the one after “{dense}”." if slim != dense else ""
    return f"{task.capitalize()}: {', '.join(kinds)}.{against}"


def _metrics(task: str, directory: RunDirectory, stages: Sequence[Stage]) -> list[Metric]:
    """Every known score on every test set."""
    known = _known_metrics(task)
    found: dict[tuple[str, str], dict[str, Estimate]] = defaultdict(dict)
    protocols: dict[str, str] = {}
    names: dict[tuple[str, str], str] = {}
    for stage in stages:
        for test, numbers in _tests(directory, stage.name).items():
            for key in known.keys() & numbers.keys():
                if numbers[key] is None:  # the score was not finite; the results of the stage give the reason
                    continue
                interval = numbers.get(f"{key}_interval") or {}
                names[key, test] = named_cost(key, numbers) if key in NAMES else known[key][0]
                found[key, test][stage.name] = Estimate(numbers[key], interval.get("low"), interval.get("high"))
            protocols[test] = f"{test}, {numbers['protocol']}"
    order = list(known)
    keys = sorted(found, key=lambda pair: (list(protocols).index(pair[1]), order.index(pair[0])))
    return [
        Metric(names[key, test], found[key, test], is_rate=known[key][1], protocol=protocols[test])
        for key, test in keys
    ]


def _known_metrics(task: str) -> dict[str, tuple[str, bool]]:
    """`METRICS`, followed by the metric that a task of another package selects models by."""
    own = cast(type[Task], TASKS.find(task)).metric
    return METRICS if own in METRICS else METRICS | {own: (own.replace("_", " "), False)}


def _trade_offs(directory: RunDirectory, stages: Sequence[str]) -> dict[str, dict[str, DET]]:
    """The DET curve of each of these stages on every test set, where there are any."""
    found: dict[str, dict[str, DET]] = defaultdict(dict)
    for stage in stages:
        for test, numbers in _tests(directory, stage).items():
            if curve := numbers.get("det"):
                found[test][stage] = DET(np.array(curve["miss"]), np.array(curve["false_alarm"]))
    return dict(found)


def _curves(directory: RunDirectory) -> list[Curve]:
    steps: dict[tuple[str, str], list[int]] = defaultdict(list)
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for row in directory.history():
        for name, value in row.items():
            if name not in ("stage", "step") and isinstance(value, int | float):
                steps[str(row["stage"]), name].append(whole_in(row, "step"))
                values[str(row["stage"]), name].append(value)
    return [Curve(stage, name, steps[stage, name], values[stage, name]) for stage, name in steps]


def _measured(
    directory: RunDirectory, stages: list[str], setting: BenchmarkSettings, at_size: str | None
) -> tuple[Benchmark, Benchmark | None]:
    path = directory.path / "bench.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    key = " against ".join(stages)
    if key not in known:
        known[key] = _measure_stages(directory, stages, setting).to_dict()
        write_json(path, known)
    if at_size is not None and at_size not in known:
        known[at_size] = measure(published_models(at_size, setting), setting).to_dict()
        write_json(path, known)
    larger = Benchmark.from_dict(known[at_size]) if at_size is not None else None
    return Benchmark.from_dict(known[key]), larger


def _measure_stages(directory: RunDirectory, stages: list[str], setting: BenchmarkSettings) -> Benchmark:
    subjects = [
        profile_network(load(path), setting, name=stage, file_bytes=weight_file_bytes(path))
        for stage, path in ((stage, directory.model(stage)) for stage in stages)
    ]
    with torch.random.fork_rng():
        return measure(subjects, setting)
