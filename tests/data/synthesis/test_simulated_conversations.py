"""Conversations laid out from single voices: who is said to speak is who is heard."""

import numpy as np
import pytest
import soundfile

from sottovoce.data.audio.speech_detection import detect_speech
from sottovoce.data.batches.speaker_activity import turns_of_cut
from sottovoce.data.corpora.cuts import load_cut, make_cut, read_cuts
from sottovoce.data.synthesis.simulated_conversations import ConversationStyle, simulate_conversations
from sottovoce.errors import DataError

RATE = 16_000
HERTZ = [400, 900, 1700, 3000, 5000]


def tone(hertz, seconds):
    return np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)


@pytest.fixture(scope="module")
def voices(tmp_path_factory):
    """Five "speakers", each a tone of its own, that say two things with a pause between."""
    folder = tmp_path_factory.mktemp("voices")
    generator = np.random.default_rng(0)
    cuts = []
    for speaker, hertz in enumerate(HERTZ):
        for number in range(2):
            parts = [np.zeros(4000), tone(hertz, 3.0), np.zeros(8000), tone(hertz, 2.0), np.zeros(4000)]
            wave = np.concatenate(parts) * 0.1 * (1 + speaker)
            name = f"{speaker}-{number}.wav"
            soundfile.write(folder / name, wave + 1e-4 * generator.normal(size=len(wave)), RATE)
            cuts.append(make_cut(name=name, source=folder / name, samples=len(wave), rate=RATE, speaker=f"s{speaker}"))
    return cuts


def heard(wave):
    """``[T, 5]`` which tones sound in each 50 ms."""
    size = 800
    frames = wave[: len(wave) // size * size].reshape(-1, size) * np.hanning(size)
    power = np.abs(np.fft.rfft(frames, 4 * size)) ** 2
    places = [round(hertz * 4 * size / RATE) for hertz in HERTZ]
    levels = np.stack([power[:, place - 4 : place + 5].max(1) for place in places], 1)
    return levels > 1e-3 * levels.max()


def test_turns_are_where_voices_are(voices, tmp_path):
    style = ConversationStyle(speakers=(2, 4), seconds=(10, 20))
    made = simulate_conversations({"train": voices}, tmp_path / "c", conversations={"train": 12}, style=style, seed=1)
    cuts = list(read_cuts(made["train"]))
    assert len(cuts) == 12 and all(10 <= cut.duration <= 20 for cut in cuts)
    wrong = total = overlapped = 0
    for cut in cuts:
        turns = turns_of_cut(cut)
        assert 1 <= len({turn.speaker for turn in turns}) <= 4
        found = heard(load_cut(cut).numpy())
        middles = 0.05 * np.arange(len(found)) + 0.025
        said = np.zeros_like(found)
        for turn in turns:
            said[(middles > turn.start) & (middles < turn.end), int(turn.speaker[1:])] = True
        assert said.sum(1).max() <= 2
        wrong, total, overlapped = (
            wrong + (said != found).sum(),
            total + said.sum(),
            overlapped + (said.sum(1) == 2).sum(),
        )
    assert wrong / total < 0.05  # boundaries within a frame
    assert 0.03 < overlapped / total < 0.3


def test_the_same_again_and_what_differs(voices, tmp_path):
    options = dict(conversations={"train": 3}, style=ConversationStyle(seconds=(5, 6)))
    one, other, third = (
        simulate_conversations({"train": voices}, tmp_path / name, seed=seed, **options)["train"]
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert one.read_bytes() == other.read_bytes() != third.read_bytes()
    files = [(tmp_path / name / "audio/train/00002.flac").read_bytes() for name in "abc"]
    assert files[0] == files[1] != files[2]
    before = one.stat().st_mtime_ns
    assert (
        simulate_conversations({"train": voices}, tmp_path / "a", seed=0, **options)["train"].stat().st_mtime_ns
        == before
    )
    with pytest.raises(DataError, match=r"of other options \(seed 0 -> 5\)"):
        simulate_conversations({"train": voices}, tmp_path / "a", seed=5, **options)
    assert not list(tmp_path.glob(".*"))


def test_faults(voices, tmp_path):
    with pytest.raises(DataError, match="train has 2 speakers, fewer than the 4"):
        simulate_conversations({"train": voices[:4]}, tmp_path / "few", conversations={"train": 1})
    silent = tmp_path / "silent.wav"
    soundfile.write(silent, np.zeros(RATE), RATE)
    cut = make_cut(name="mute", source=silent, samples=RATE, rate=RATE, speaker="mute")
    with pytest.raises(DataError, match="no speech is found in mute"):
        simulate_conversations(
            {"train": [cut]}, tmp_path / "x", conversations={"train": 1}, style=ConversationStyle(speakers=(1, 1))
        )
    assert not (tmp_path / "x").exists()
    for wrong in (dict(speakers=(3, 2)), dict(overlap=1.5), dict(turn=0), dict(seconds=(0, 5))):
        with pytest.raises(DataError, match="does not make sense"):
            ConversationStyle(**wrong)


def test_loud_stretches():
    generator = np.random.default_rng(0)
    quiet = 0.001 * generator.normal(size=5 * RATE)
    quiet[RATE : 2 * RATE] += 0.3 * tone(500, 1.0)
    quiet[round(2.1 * RATE) : round(2.5 * RATE)] += 0.3 * tone(500, 0.4)  # a pause of 0.1 s belongs to speech
    quiet[4 * RATE : 4 * RATE + 400] += 0.3  # a click
    (found,) = detect_speech(quiet)
    assert found == pytest.approx((1.0, 2.5), abs=0.03)
    assert len(detect_speech(quiet, pause=0.05)) == 2
    for nothing in (np.zeros(RATE), np.zeros(0), np.ones(3)):
        assert detect_speech(nothing.astype(np.float32)) == []
