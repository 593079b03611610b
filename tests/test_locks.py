"""Several processes that want to make one thing: one does, the others wait; what a killed one left is no harm."""

import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from sottovoce.locks import exclusive_folder, new_folder


def make(place: Path, out: Path, log: Path, number: int) -> None:
    for _ in range(15):
        with exclusive_folder(place) as work:
            assert not any(work.iterdir())
            with log.open("a") as lines:
                lines.write(f"in {number}\n")
            (work / "file").write_text(str(number))
            time.sleep(0.002)
            assert (work / "file").read_text() == str(number)
            with log.open("a") as lines:
                lines.write(f"out {number}\n")
            (work / "file").replace(out)


def test_one_at_a_time(tmp_path):
    place, log = tmp_path / "a/.out.partial", tmp_path / "log"
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=make, args=(place, tmp_path / "out", log, n)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    lines = log.read_text().splitlines()
    assert len(lines) == 2 * 4 * 15
    for entered, left in zip(lines[::2], lines[1::2], strict=True):
        assert entered.replace("in", "out") == left  # nobody came in between
    assert not place.exists()


def test_after_a_kill(tmp_path):
    def die() -> None:
        with exclusive_folder(tmp_path / "place") as work:
            (work / "half").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    child = multiprocessing.get_context("fork").Process(target=die)
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL and (tmp_path / "place/new/half").exists()
    with exclusive_folder(tmp_path / "place") as work:
        assert not any(work.iterdir())
        work.rename(tmp_path / "done")
    assert [path.name for path in tmp_path.iterdir()] == ["done"]


def test_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), exclusive_folder(tmp_path / "place") as work:
        (work / "half").touch()
        1 / 0  # noqa: B018
    assert not any(tmp_path.iterdir())
    (tmp_path / "file").touch()
    with pytest.raises(OSError), exclusive_folder(tmp_path / "file/place"):
        pass


def test_a_new_folder_takes_the_place_of_an_empty_one_and_no_other(tmp_path):
    (tmp_path / "out").mkdir()
    with new_folder(tmp_path / "out") as work:
        (work / "file").write_text("first")
    with new_folder(tmp_path / "out") as work:  # made meanwhile by another process: nothing is written
        pass
    assert (tmp_path / "out/file").read_text() == "first"
    with pytest.raises(OSError), new_folder(tmp_path / "out") as work:
        (work / "file").write_text("second")
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "other") as work:
        (work / "half").touch()
        1 / 0  # noqa: B018
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (tmp_path / "out/file").read_text() == "first"
