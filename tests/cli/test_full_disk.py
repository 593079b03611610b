"""Where there is no room, or no leave, to write: one line, exit code 2, and nothing half-written."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tiny_models import tiny_model
from toy_recipe import toy, write


@pytest.fixture
def volume(tmp_path):
    """Mounts a small file system: ``volume(options)`` -> its folder. Only root can."""
    mounted = []

    def mount(options: str) -> Path:
        place = tmp_path / "volume"
        place.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True
        )
        if done.returncode:
            pytest.skip(f"a test volume cannot be mounted here: {done.stderr.strip()}")
        mounted.append(place)
        return place

    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", str(place)], check=True)  # lazily: a log may still be open


@pytest.fixture
def read_only(tmp_path, request) -> Path:
    """A folder in which nothing can be made, not even by root."""
    if os.geteuid() == 0:
        return request.getfixturevalue("volume")("ro")
    place = tmp_path / "read-only"
    place.mkdir(mode=0o500)
    return place


def one_line(said, *words):
    assert said.code == 2, said
    lines = [line for line in said.err.splitlines() if "left out" not in line]
    assert len(lines) == 1 and "Traceback" not in said.err, said.err
    assert any(word in lines[0] for word in words), lines[0]


def test_prune_on_a_full_disk(sottovoce, models, volume):
    disk = volume("size=64k")  # the model needs about 500 kB
    one_line(sottovoce("prune", models / "ours", "--budget", "params=90%", "-o", disk / "out"), "No space left")
    assert list(disk.iterdir()) == []


def test_prune_into_a_read_only_folder(sottovoce, models, read_only):
    said = sottovoce("prune", models / "ours", "--budget", "params=90%", "-o", read_only / "out")
    one_line(said, "Read-only file system", "Permission denied")
    assert str(read_only) in said.err


def test_synthesize_on_a_full_disk(sottovoce, volume):
    pytest.importorskip("espeakng_loader", reason="needs the extra 'demo'")
    disk = volume("size=200k")
    arguments = ["--speakers-train", 2, "--speakers-test", 2, "--utterances", 3]
    one_line(sottovoce("data", "synthesize", "verification", "-o", disk / "corpus", *arguments), "No space left")
    assert not (disk / "corpus").exists()


def test_synthesize_into_a_read_only_folder(sottovoce, read_only):
    pytest.importorskip("espeakng_loader", reason="needs the extra 'demo'")
    said = sottovoce("data", "synthesize", "verification", "-o", read_only / "corpus")
    one_line(said, "Read-only file system", "Permission denied")


def test_embed_on_a_full_disk(sottovoce, speech, volume, tmp_path):
    tiny_model().save_pretrained(tmp_path / "model")
    disk = volume("size=8k")
    (disk / "full").write_bytes(bytes(8192))
    one_line(sottovoce("embed", tmp_path / "model", speech, "-o", disk / "out.npz"), "No space left")
    assert [p.name for p in disk.iterdir()] == ["full"]


def test_a_run_on_a_disk_that_fills_up_goes_on_elsewhere(sottovoce, volume, tmp_path):
    recipe = write(toy(tmp_path / "corpus", stages=[{"fine_tune": {"steps": 2}}]), tmp_path / "toy.yaml")
    disk = volume("size=100k")  # for the recipe and the data, but not for a model
    one_line(sottovoce("compress", recipe, "--run", disk / "run"), "No space left")
    (disk / "run").rename(disk / "moved")
    shutil.copytree(disk / "moved", tmp_path / "run")
    assert sottovoce("compress", recipe, "--run", tmp_path / "run", "--no-report").code == 0


def test_a_run_in_a_read_only_folder(sottovoce, read_only, tmp_path):
    recipe = write(toy(tmp_path / "corpus", stages=[{"fine_tune": {"steps": 2}}]), tmp_path / "toy.yaml")
    one_line(sottovoce("compress", recipe, "--run", read_only / "run"), "Read-only file system", "Permission denied")


def test_diarize_into_a_read_only_folder(sottovoce, read_only, tmp_path):
    """Told before the models are even looked for."""
    for out in (["-o", read_only / "x.rttm"], ["-o", tmp_path / "x.rttm", "--picture", read_only / "x.png"]):
        one_line(sottovoce("diarize", tmp_path / "none", tmp_path / "x.wav", *out), "no permission to write to")
