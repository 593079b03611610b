"""Faulty audio is one line that names the file, exit code 2, for every command that listens."""

from __future__ import annotations

import pytest

import bad_audio
from bad_audio import FAULTS


@pytest.fixture
def prune(sottovoce, models, tmp_path):
    """``prune(method, audio)`` into ``tmp_path / "out"``."""
    budget = ["--budget", "params=50%", "-o", tmp_path / "out"]
    return lambda method, audio: sottovoce("prune", models / "ours", *budget, "--method", method, "--audio", audio)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_prune_names_the_file(prune, tmp_path, fault):
    bad = fault(tmp_path)
    said = prune("activation", bad)
    assert said.code == 2, said
    assert len(said.err.splitlines()) == 1 and bad.name in said.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("make", [bad_audio.other_rate, bad_audio.silence], ids=lambda f: f.__name__)
def test_prune_takes_other_rates_and_silence_and_says_so(prune, tmp_path, make):
    audio = make(tmp_path)
    said = prune("taylor", audio)
    assert said.code == 0, said
    assert ("digital silence" in said.err) == (make is bad_audio.silence)


def test_one_bad_file_in_a_folder_is_found(prune, tmp_path):
    (tmp_path / "speech").mkdir()
    bad_audio.other_rate(tmp_path / "speech")
    bad = bad_audio.stereo(tmp_path / "speech")
    said = prune("taylor", bad.parent)
    assert said.code == 2 and bad.name in said.err and not (tmp_path / "out").exists()


def test_prune_hears_the_channel_that_is_named(prune, sottovoce, models, tmp_path):
    bad = bad_audio.stereo(tmp_path)
    assert "choose with --channel 0 .. 1" in prune("activation", bad).err
    budget = ["--budget", "params=50%", "-o", tmp_path / "out", "--method", "activation", "--audio", bad]
    said = sottovoce("prune", models / "ours", *budget, "--channel", "1")
    assert said.code == 0, said
