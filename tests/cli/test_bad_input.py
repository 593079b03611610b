"""Every command that hears files, with audio of every kind and models for every task.

What is wrong is one line that names it, exit code 2, and nothing is written; what is only unusual is heard. Faulty audio
stands in the tests of each command, but for those that have none.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch

import bad_audio
from bad_audio import FAULTS
from sottovoce.data.corpora.cuts import make_cut
from sottovoce.data.corpora.rttm import read_rttm
from sottovoce.encoder.network import EncoderNetwork
from sottovoce.tasks.scoring.embedding import embed_all
from tiny_models import tiny_model


@pytest.fixture(scope="module")
def place(task_models):
    return task_models


def commands(place, audio, out):
    """Command -> its model, and how it is called with that or another one."""
    return {
        "embed": ("verification", lambda model: ["embed", place / model, audio, "-o", out / "x.npz"]),
        "verify": ("verification", lambda model: ["verify", place / model, audio, audio]),
        "detect": ("spoofing", lambda model: ["detect", place / model, audio]),
        "transcribe": ("recognition", lambda model: ["transcribe", place / model, audio]),
        "classify": ("intent", lambda model: ["classify", place / model, audio]),
        "diarize": ("diarization", lambda model: ["diarize", place / model, audio, "-o", out / "x.rttm"]),
        "voices": (
            "verification",
            lambda model: ["diarize", place / "diarization", audio, "--embedding", place / model, "-o", out / "x.rttm"],
        ),
    }


COMMANDS = ["embed", "verify", "detect", "transcribe", "classify", "diarize", "voices"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_model_for_another_task_is_named(sottovoce, place, speech, tmp_path, command):
    own, call = commands(place, speech / "0.wav", tmp_path)[command]
    does = {own, "sequence"} if command == "classify" else {own}
    for model in sorted(path.name for path in place.iterdir()):
        written = set(tmp_path.iterdir())
        said = sottovoce(*call(model))
        if model in does:
            assert said.code == 0, said
            continue
        assert said.code == 2 and said.out == "" and len(said.err.splitlines()) == 1, (model, said)
        assert str(place / model) in said.err
        assert set(tmp_path.iterdir()) == written


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("make", [bad_audio.clipped, bad_audio.other_rate], ids=lambda f: f.__name__)
def test_loud_and_other_rates_are_heard(sottovoce, place, tmp_path, command, make):
    model, call = commands(place, make(tmp_path), tmp_path)[command]
    assert sottovoce(*call(model)).code == 0


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f.__name__)
def test_diarize_names_the_file_and_writes_nothing(sottovoce, place, tmp_path, fault):
    (tmp_path / "in").mkdir()
    bad = fault(tmp_path / "in")
    for command in ("diarize", "voices"):
        model, call = commands(place, bad, tmp_path)[command]
        said = sottovoce(*call(model))
        assert said.code == 2 and bad.name in said.err and len(said.err.splitlines()) == 1 and said.out == "", said
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_in_silence_nobody_speaks(sottovoce, place, tmp_path):
    bad = bad_audio.silence(tmp_path)
    said = sottovoce("diarize", place / "diarization", bad, "-o", tmp_path / "x.rttm", "--picture", tmp_path / "x.png")
    assert said.code == 0 and said.out.startswith(f"{bad}\t0 speakers\t0 turns\t"), said
    assert "silence.wav: digital silence, so nobody speaks in it" in said.err and len(said.err.splitlines()) == 1
    assert read_rttm(tmp_path / "x.rttm") == {} and (tmp_path / "x.png").is_file()


def test_silence_has_no_voice(sottovoce, place, tmp_path):
    said = sottovoce("embed", place / "verification", bad_audio.silence(tmp_path), "-o", tmp_path / "x.npz")
    assert said.code == 2 and "silence.wav: digital silence" in said.err and not (tmp_path / "x.npz").exists()


def test_a_fault_in_the_last_file_is_told_before_the_first_is_heard(sottovoce, place, speech, tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / f"{name}.wav").write_bytes((speech / "0.wav").read_bytes())
    (tmp_path / "c.wav").touch()
    heard = []
    monkeypatch.setattr(EncoderNetwork, "forward", lambda *_, **__: heard.append(1))
    said = sottovoce("embed", place / "verification", tmp_path, "-o", tmp_path / "x.npz")
    assert said.code == 2 and "c.wav: the file is empty" in said.err and not heard
    said = sottovoce("verify", place / "verification", tmp_path / "a.wav", tmp_path / "c.wav")
    assert said.code == 2 and "c.wav: the file is empty" in said.err and not heard


@pytest.fixture
def largest(monkeypatch):
    """Most seconds that are decoded at once, and that the encoder hears at once."""
    import soundfile

    most = {"decoded": 0.0, "heard": 0.0}
    read, forward = soundfile.SoundFile.read, EncoderNetwork.forward

    def reads(file, *arguments, **options):
        samples = read(file, *arguments, **options)
        most["decoded"] = max(most["decoded"], len(samples) / file.samplerate)
        return samples

    def hears(model, waveform=None, *arguments, **options):
        most["heard"] = max(most["heard"], waveform.shape[-1] / 16_000)
        return forward(model, waveform, *arguments, **options)

    monkeypatch.setattr(soundfile.SoundFile, "read", reads)
    monkeypatch.setattr(EncoderNetwork, "forward", hears)
    return most


@pytest.mark.parametrize("command", ["embed", "verify", "detect", "transcribe", "voices"])
def test_a_file_of_any_length_is_never_held_as_a_whole(sottovoce, place, tmp_path, largest, command, monkeypatch):
    """What is decoded and heard at once does not grow with the file; numbers a frame and activations do not count."""
    import soundfile

    monkeypatch.setattr("sottovoce.data.audio.long_audio.LONGEST", 20.0)  # a minute, to be faster
    wave = 0.1 * np.random.default_rng(0).standard_normal(8_000 * 95)
    soundfile.write(tmp_path / "long.flac", wave, 8_000)
    model, call = commands(place, tmp_path / "long.flac", tmp_path)[command]
    said = sottovoce(*call(model), *(["--step", "8"] if command == "voices" else []))
    assert said.code == 0, said
    assert 0 < largest["decoded"] <= 31 and 0 < largest["heard"] <= 31, largest


def test_what_is_no_single_utterance_is_not_classified(sottovoce, place, speech, tmp_path, largest):
    import soundfile

    soundfile.write(tmp_path / "long.flac", np.zeros(16_000 * 61), 16_000)
    said = sottovoce("classify", place / "intent", speech / "0.wav", tmp_path / "long.flac")
    assert said.code == 2 and said.out == "" and len(said.err.splitlines()) == 1
    assert "long.flac: 61 s is no single utterance; at most 60 s are classified" in said.err
    assert largest["decoded"] < 1  # the end of a FLAC file is looked at


def test_the_embedding_of_a_long_file_is_the_mean_over_equal_parts(sottovoce, place, tmp_path, monkeypatch):
    import soundfile

    monkeypatch.setattr("sottovoce.data.audio.long_audio.LONGEST", 1.0)
    wave = (0.1 * np.random.default_rng(0).standard_normal(40_000)).astype(np.float32)
    soundfile.write(tmp_path / "long.wav", wave, 16_000, subtype="FLOAT")
    assert sottovoce("embed", place / "verification", tmp_path / "long.wav", "-o", tmp_path / "x.npz").code == 0
    parts = [torch.from_numpy(wave[a:b])[None] for a, b in ((0, 13_333), (13_333, 26_666), (26_666, 40_000))]
    with torch.no_grad():
        wanted = torch.stack([tiny_model()(part).output[0] for part in parts])
    assert wanted.std(0).max() > 1e-3
    monkeypatch.setattr("sottovoce.tasks.scoring.embedding.LONGEST", 1.0)
    cut = make_cut(name="long", source=tmp_path / "long.wav", samples=40_000, rate=16_000)
    assert torch.allclose(embed_all(tiny_model(), [cut, cut])[1], wanted.mean(0), atol=1e-5)
    assert np.allclose(np.load(tmp_path / "x.npz")["embeddings"][0], wanted.mean(0).numpy(), atol=1e-5)
