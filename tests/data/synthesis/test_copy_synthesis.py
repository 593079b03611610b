"""Copies of bona fide speech: what is written, what the copies share with the speech, and what is refused."""

import numpy as np
import pytest
import soundfile

from sottovoce.data.corpora.cuts import cut_field, cut_speaker, load_cut, make_cut, read_cuts, write_cuts
from sottovoce.data.synthesis.copy_synthesis import METHODS, copy_synthesize
from sottovoce.errors import AudioError, DataError


def voice(seconds, pitch, seed):
    """Pulses through two resonances, louder and softer: enough of speech for a vocoder."""
    generator = np.random.default_rng(seed)
    samples = round(16_000 * seconds)
    pulses = (np.diff(np.floor(np.arange(samples + 1) * pitch / 16_000)) > 0) + 0.02 * generator.normal(size=samples)
    spectrum, hertz = np.fft.rfft(pulses), np.fft.rfftfreq(samples, 1 / 16_000)
    shape = sum(1 / (1 + ((hertz - peak) / 100) ** 2) for peak in (600, 1_400)) + 0.01
    wave = np.fft.irfft(spectrum * shape, samples) * (1.2 + np.sin(np.arange(samples) / 2_000))
    return (0.1 * wave / wave.std()).astype(np.float32)


@pytest.fixture
def corpus(tmp_path):
    """Two speakers, a spoofed recording, and one that is half silent."""
    cuts = []
    waves = {"a": voice(1.3, 110, 0), "b": voice(0.3, 210, 1), "c": voice(0.6, 150, 2)}
    waves["d"] = np.concatenate([np.zeros(8_000, np.float32), voice(0.5, 130, 3)])
    for name, wave in waves.items():
        soundfile.write(tmp_path / f"{name}.wav", wave, 16_000)
        custom = {"label": "spoof"} if name == "c" else None
        cuts.append(
            make_cut(
                name=name, source=f"{name}.wav", samples=len(wave), rate=16_000, speaker=f"s-{name}", custom=custom
            )
        )
    write_cuts(cuts, tmp_path / "cuts.jsonl.gz")
    return tmp_path / "cuts.jsonl.gz"


def level(wave):
    """Power in dB of each 50 ms."""
    return 10 * np.log10(np.square(wave[: len(wave) // 800 * 800]).reshape(-1, 800).mean(1) + 1e-9)


def test_stretches_and_their_copies(corpus, tmp_path):
    told = []
    path = copy_synthesize(
        read_cuts(corpus), tmp_path / "out", copies=2, seconds=0.5, progress=lambda *at: told.append(at)
    )
    cuts = list(read_cuts(path))
    # a: two stretches of half a second; b: shorter than one; d: one, for the other is silent; c is no bona fide speech.
    real = [cut for cut in cuts if cut_field(cut, "label") == "bonafide"]
    assert sorted(cut.id for cut in real) == ["a-0", "a-8000", "b-0", "d-8000"]
    assert [cut.num_samples for cut in real] == [8_000, 8_000, 4_800, 8_000]
    assert told == [(1, 3), (2, 3), (3, 3)]
    spoofed = [cut for cut in cuts if cut_field(cut, "label") == "spoof"]
    assert len(spoofed) == 8
    attacks = [cut_field(cut, "attack") for cut in spoofed]
    assert {attacks.count(name) for name in METHODS} == {1, 2}  # they take turns
    for cut in spoofed:
        original = next(each for each in real if cut.id.startswith(each.id + "-"))
        assert cut_speaker(cut) == cut_speaker(original) == f"s-{cut.id[0]}"
        wave, copy = load_cut(original).numpy(), load_cut(cut).numpy()
        assert len(wave) == len(copy) and not np.array_equal(wave, copy)
        assert np.corrcoef(level(wave), level(copy))[0, 1] > 0.6  # it says the same
    whole = soundfile.read(corpus.parent / "a.wav", dtype="float32")[0]
    assert np.abs(load_cut(next(c for c in real if c.id == "a-8000")).numpy() - whole[8_000:16_000]).max() < 1e-4


def test_the_same_seed_gives_the_same_files(corpus, tmp_path):
    def files(name, seed):
        copy_synthesize(read_cuts(corpus), tmp_path / name, seconds=0.25, stretches=1, seed=seed)
        return {path.name: path.read_bytes() for path in (tmp_path / name / "audio").iterdir()}

    assert files("one", 0) == files("again", 0) != files("other", 1)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"methods": ["grifin_lim"]}, "there is no method 'grifin_lim'; did you mean 'griffin_lim'"),
        ({"copies": 3, "methods": ["lpc", "lpc", "cepstral"]}, "3 copies by 2 methods"),
        ({"copies": 0}, "0 copies"),
        ({"seconds": 0.01}, "of 0.01 s"),
    ],
)
def test_what_makes_no_sense_is_refused(corpus, tmp_path, options, told):
    with pytest.raises(DataError, match=told):
        copy_synthesize(read_cuts(corpus), tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_spoofed_speech_alone_is_refused(corpus, tmp_path):
    spoofed = [cut for cut in read_cuts(corpus) if cut.id == "c"]
    with pytest.raises(DataError, match="no bona fide speech"):
        copy_synthesize(spoofed, tmp_path / "out")


def test_nothing_is_half_made_and_nothing_is_lost(corpus, tmp_path):
    cuts = list(read_cuts(corpus))
    (tmp_path / "d.wav").unlink()
    with pytest.raises(AudioError, match="d.wav: no such file"):
        copy_synthesize(cuts, tmp_path / "new", seconds=0.5)
    assert not (tmp_path / "new").exists()
    (tmp_path / "mine" / "audio").mkdir(parents=True)
    (tmp_path / "mine" / "audio" / "x.wav").touch()
    with pytest.raises(DataError, match="audio: exists already and would be lost"):
        copy_synthesize(cuts[:2], tmp_path / "mine", seconds=0.5)
    assert [path.name for path in (tmp_path / "mine").rglob("*")] == ["audio", "x.wav"]


def test_names_with_slashes_are_different_files(corpus, tmp_path):
    first, second = (cut for cut in read_cuts(corpus) if cut.id in "ab")
    first.id, second.id = "x/y", "x_y"
    made = list(read_cuts(copy_synthesize([first, second], tmp_path / "out", seconds=0.25, stretches=1)))
    assert len({cut.recording.sources[0].source for cut in made}) == len(made) == 6
