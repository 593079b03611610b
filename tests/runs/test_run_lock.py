"""Two runs in one directory: one works, the other is told whose it is, or waits."""

import io
import multiprocessing
import os
import signal
import socket
import threading

import pytest
from rich.console import Console

from sottovoce.errors import RecipeError
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.runs.run_directory import RunDirectory
from toy_recipe import toy, write


def hold(path, connection) -> None:
    with RunDirectory(path).locked():
        connection.send("held")
        connection.recv()


@pytest.fixture
def held(tmp_path):
    """A process that holds ``tmp_path / "run"``, and the pipe by which it is let go."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    child = context.Process(target=hold, args=(tmp_path / "run", theirs))
    child.start()
    assert ours.recv() == "held"
    yield child, ours
    if child.is_alive():
        ours.send("leave")
    child.join()


def test_the_second_is_told_whose_it_is(held, tmp_path):
    """Two runs in one directory wrote over each other's files."""
    child, ours = held
    recipe = read_recipe(write(toy(tmp_path, stages=[{"fine_tune": {"steps": 1}}]), tmp_path / "recipe.yaml"))
    with pytest.raises(RecipeError) as caught:
        compress(recipe, tmp_path / "run")
    assert str(caught.value).startswith(f"{tmp_path}/run: process {child.pid} on {socket.gethostname()}, since 20")
    assert "--wait" in str(caught.value) and len(str(caught.value).splitlines()) == 1
    assert {each.name for each in (tmp_path / "run").iterdir()} == {".lock", ".lock.owner"}  # nothing was made
    with RunDirectory(tmp_path / "other").locked():
        pass
    ours.send("leave")
    child.join()
    with RunDirectory(tmp_path / "run").locked():
        pass


def test_a_killed_one_holds_nothing(held, tmp_path):
    """A lock that a killed run left behind would keep the run from being resumed."""
    child, _ = held
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    with RunDirectory(tmp_path / "run").locked():
        assert str(os.getpid()) in (tmp_path / "run/.lock.owner").read_text()


def test_it_waits_where_it_is_told_to(held, tmp_path):
    child, ours = held
    data = toy(tmp_path, stages=[{"fine_tune": {"steps": 1}}])
    path, said = write(data, tmp_path / "recipe.yaml"), io.StringIO()
    later = threading.Timer(0.3, ours.send, ["leave"])
    later.start()
    run = compress(read_recipe(path), tmp_path / "run", console=Console(file=said, width=300), wait=True)
    later.join()
    assert f"waiting for process {child.pid}" in said.getvalue()
    assert run.finished("fine_tune") is not None
    assert RunDirectory(tmp_path / "run").recorded_recipe()["name"] == "toy"  # whoever reads need not ask


def test_several_processes_of_a_launcher_are_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(RecipeError, match="WORLD_SIZE=2: training runs in one process so far"):
        compress("demo", tmp_path / "run")
    assert not any(tmp_path.iterdir())
