"""diarize, on tiny models and noise: the file that it writes, its picture, its errors."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sottovoce.data.rttm import read_rttm
from sottovoce.heads.task_model import TaskModel
from sottovoce.tasks.diarization import Diarization
from tiny_models import randomised, tiny_model


@pytest.fixture
def place(tmp_path):
    """A diarization and a speaker model, and 3 s and 12 s of noise."""
    options = {"speakers": 3, "width": 12, "blocks": 1, "inner": 24, "heads": 2, "kernel": 7}
    local = TaskModel(Diarization(head=options).config(tiny_model().config.encoder))
    randomised(local)
    local.head.output.bias.data[0] = -3.0  # somebody speaks
    local.save_pretrained(tmp_path / "local")
    tiny_model().save_pretrained(tmp_path / "speaker")
    generator = np.random.default_rng(0)
    for name, seconds in (("a short", 3), ("long", 12)):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * generator.normal(size=seconds * 16_000), 16_000)
    return tmp_path


def test_a_file_becomes_an_rttm_and_a_picture(sottovoce, place):
    arguments = ("diarize", place / "local", place / "long.wav", "-o", place / "out.rttm")
    embedding = ("--embedding", place / "speaker", "--step", "2")
    said = sottovoce(*arguments, *embedding, "--picture", place / "out.png")
    assert said.code == 0, said.err
    turns = read_rttm(place / "out.rttm")["long"]
    assert f"{len(turns)} turns" in said.out and "in 12.0 s" in said.out
    assert turns[0].start >= 0 and max(turn.end for turn in turns) <= 12.0
    assert (place / "out.png").read_bytes().startswith(b"\x89PNG")
    assert sottovoce(*arguments, *embedding, "--speakers", "1").code == 0
    assert {turn.speaker for turn in read_rttm(place / "out.rttm")["long"]} == {"speaker1"}


def test_one_window_needs_no_speaker_model(sottovoce, place):
    said = sottovoce("diarize", place / "local", place / "a short.wav", "-o", place / "out.rttm", "--exclusive")
    assert said.code == 0, said.err
    turns = read_rttm(place / "out.rttm")["a_short"]
    assert all(b.start >= a.end for a, b in zip(turns, turns[1:], strict=False))


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("local", "long.wav"), "12.0 s is more than a window of 8 s; give --embedding"),
        (("speaker", "a short.wav"), "speaker: this is a model for verification and no diarization model"),
        (("local", "long.wav", "--embedding", "local"), "local: this is a model for diarization and no speaker model"),
        (("local", "absent.wav"), "absent.wav: no such file"),
        (("absent", "a short.wav"), "absent"),
        (("local", "a short.wav", "--speakers", "2", "--max-speakers", "3"), "the known number or bounds, not both"),
        (("local", "a short.wav", "--min-speakers", "3", "--max-speakers", "2"), "leaves no number"),
        (("local", "a short.wav", "--step", "9"), "the step is no longer than the window"),
        (("local", "a short.wav", "--channel", "1"), "has no channel 1"),
        (("local", "a short.wav", "--plda", "absent"), "absent: no PLDA can be read"),
        (("local", "a short.wav", "--picture", "out.bmp"), "out.bmp: pictures are written as .png, .svg or .pdf"),
    ],
)
def test_faults_are_one_line(sottovoce, place, monkeypatch, arguments, message):
    monkeypatch.chdir(place)
    paths = [place / each if (place / each).exists() or each.startswith("absent") else each for each in arguments]
    said = sottovoce("diarize", *paths, "-o", place / "out.rttm")
    assert said.code == 2
    assert message in said.err and len(said.err.strip().splitlines()) == 1
