"""The report of a real (tiny) run: what it measured and what it tells."""

from __future__ import annotations

import base64
import json
import re

import pytest

from sottovoce.errors import RecipeError
from sottovoce.models.task_model import TaskModel
from sottovoce.profiling.benchmark import Benchmark
from sottovoce.profiling.benchmark_settings import BenchmarkSettings
from sottovoce.pruning.costs import human
from sottovoce.report.run_report import read_report_data, write_report
from sottovoce.report.tables.outcomes import outcome_table
from sottovoce.runs.compression import compress
from sottovoce.runs.run_directory import RunDirectory
from toy_recipe import toy, write

QUICK = BenchmarkSettings(seconds=0.5, threads=1, repeats=2)


STAGES = [
    {"fine_tune": {"steps": 4, "log_every": 1}},
    {"prune": {"steps": 4, "log_every": 1, "distillation": {"teacher": "fine_tune"}}},
    {"distill": {"steps": 3, "log_every": 1, "distillation": {"teacher": "fine_tune"}}},
    {"slim": {"name": "by_hand", "start": "fine_tune", "budget": {"params": 0.7}, "evaluate": False}},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    recipe = toy(folder / "corpus", name="tiny & <quick>", stages=STAGES)
    return compress(write(recipe, folder / "tiny.yaml"), folder / "out").path


@pytest.fixture(scope="module")
def page(run):
    return write_report(run, setting=QUICK).read_text()


def text_of(page: str) -> str:
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_the_result_is_compared_with_the_dense_model_it_came_from(run):
    report = read_report_data(run, setting=QUICK)
    assert (report.slim, report.dense) == ("by_hand", "fine_tune")
    assert [stage.name for stage in report.stages] == ["fine_tune", "prune", "distill", "by_hand"]
    models = [TaskModel.from_pretrained(str(RunDirectory(run).model(name))) for name in ("by_hand", "fine_tune")]
    assert [r.params for r in report.speed.results] == [sum(p.numel() for p in m.parameters()) for m in models]
    files = [(RunDirectory(run).model(name) / "model.safetensors").stat().st_size for name in ("by_hand", "fine_tune")]
    assert [r.file_bytes for r in report.speed.results] == files


def test_misses_against_false_alarms_of_dense_and_slim(run, page):
    report = read_report_data(run, setting=QUICK)
    # The last stage was not evaluated, so the picture has the dense model alone.
    assert list(report.trade_offs["bands"]) == ["fine_tune"]
    saved = json.loads((run / "stages" / "fine_tune.json").read_text())["test"]["bands"]["det"]
    assert report.trade_offs["bands"]["fine_tune"].miss.tolist() == saved["miss"]
    png = (run / "figures" / "det-bands.png").read_bytes()
    assert png[:4] == b"\x89PNG" and base64.b64encode(png).decode() in page


def test_every_number_of_every_stage_is_on_the_page(run, page):
    text = text_of(page)
    for name in ("fine_tune", "prune", "distill", "by_hand"):
        results = json.loads((run / "stages" / f"{name}.json").read_text())
        assert name in text and human(results["cost"]["params"]) in text
        if "test" in results:
            numbers = results["test"]["bands"]
            assert f"{100 * numbers['eer']:.2f} %" in text
            interval = numbers["eer_interval"]
            assert f"{100 * interval['low']:.2f} – {100 * interval['high']:.2f}" in text
        if "equality" in results:
            assert f"{results['equality']:.1e}" in text
    assert "bands" in text and "2 alternating rounds" in text


def test_the_ramp_and_the_losses_are_drawn(run, page):
    curves = {(c.stage, c.name) for c in read_report_data(run, setting=QUICK).curves}
    assert {("prune", "sparsity/params"), ("prune", "target/params"), ("fine_tune", "loss/task")} <= curves
    assert "Sparsity against its target" in page and "Loss: distillation" in page


def test_the_page_needs_nothing_but_itself(page):
    outside = re.sub(r"<script\b.*?</script>", "", page, flags=re.S)
    assert not re.findall(r"""(?:src|href)\s*=\s*["'](?!data:|#)""", outside)
    assert not re.findall(r"@import|url\(", outside)
    assert not re.findall(r"<script[^>]+src|<link", page)
    assert "BEGIN bokeh" in page


def test_pictures_lie_beside_the_page_and_inside_it(run, page):
    for name in ("curves", "layers"):
        png = (run / "figures" / f"{name}.png").read_bytes()
        assert png.startswith(b"\x89PNG")
        assert base64.b64encode(png).decode() in page


def test_what_comes_from_the_user_is_escaped(page):
    assert "tiny &amp; &lt;quick&gt;" in page and "<quick>" not in re.sub(
        r"<script\b.*?</script>", "", page, flags=re.S
    )


def test_time_is_measured_once(run, page):
    before = (run / "bench.json").read_bytes()
    write_report(run, setting=QUICK)
    assert (run / "bench.json").read_bytes() == before
    benchmark = Benchmark.from_dict(json.loads(before)["by_hand against fine_tune"])
    assert benchmark.setting == QUICK
    assert benchmark.to_dict() == json.loads(before)["by_hand against fine_tune"]


def test_the_outcome_is_one_table(run):
    from rich.console import Console

    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(outcome_table(read_report_data(run, setting=QUICK)))
    text = console.export_text()
    for word in ("dense", "slim", "EER", f"MACs at {QUICK.seconds:g} s", "× less"):
        assert word in text
    assert re.search(r"faster|slower|as fast", text) and not re.search(r"\b0\.\d+×", text)


def test_an_unfinished_run_is_told_as_far_as_it_went(run, tmp_path):
    part = tmp_path / "part"
    for name in ("models/fine_tune", "stages"):
        (part / name).mkdir(parents=True)
    for name in ("recipe.yaml", "stages/fine_tune.json", "metrics.jsonl"):
        (part / name).write_bytes((run / name).read_bytes())
    for file in (run / "models" / "fine_tune").iterdir():
        (part / "models" / "fine_tune" / file.name).write_bytes(file.read_bytes())
    text = text_of(write_report(part, setting=QUICK).read_text())
    assert "fine_tune" in text and "The slim network" not in text


def test_a_folder_that_is_no_run_is_refused_and_left_alone(tmp_path):
    with pytest.raises(RecipeError, match="not a run"):
        write_report(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    (tmp_path / "begun").mkdir()
    write(toy(tmp_path / "corpus"), tmp_path / "begun" / "recipe.yaml")
    with pytest.raises(RecipeError, match="no stage is finished"):
        write_report(tmp_path / "begun")
