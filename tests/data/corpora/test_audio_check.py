"""Decoding all of a manifest: each kind of bad audio is named, and good audio is not."""

import re

import numpy as np
import pytest
import soundfile

from sottovoce.data.audio.decoder import Decoder
from sottovoce.data.corpora.audio_check import check_audio
from sottovoce.data.corpora.cuts import make_cut
from tone import tone


@pytest.fixture
def cut(tmp_path):
    """``cut(name, samples)`` writes a file and gives its cut."""

    def make(name, samples, samples_listed=None, **options):
        subtype = "FLOAT" if name.endswith("nan.wav") else "PCM_16"
        soundfile.write(tmp_path / name, samples, 16_000, subtype=subtype)
        listed = samples_listed or len(samples)
        return make_cut(name=name, source=tmp_path / name, samples=listed, rate=16_000, **options)

    return make


def test_good_audio(tones):
    seen = []
    audit = check_audio(tones, lambda done, total: seen.append((done, total)))
    assert (audit.faults, audit.notes) == ([], [])
    assert (audit.cuts, audit.files) == (12, 12) and seen[-1] == (12, 12)
    assert audit.seconds == pytest.approx(sum(cut.duration for cut in tones))


def test_every_kind_of_bad_audio(cut, tones, tmp_path):
    spoiled = tone(1, 300)
    spoiled[100:103] = np.nan
    missing = cut("missing.wav", tone(1, 300))
    (tmp_path / "missing.wav").unlink()
    # Noise, because a FLAC whose frames are all alike may be decoded to its end although bytes are gone.
    short = cut("short.flac", 0.1 * np.random.default_rng(0).standard_normal(64_000))
    whole = (tmp_path / "short.flac").read_bytes()
    (tmp_path / "short.flac").write_bytes(whole[: len(whole) // 2])
    bad = {
        "missing.wav": (missing, "no such file"),
        "short.flac": (short, "cut off|cannot be decoded to its end"),
        "nan.wav": (cut("nan.wav", spoiled), "3 of 16000 samples are NaN"),
        "other.wav": (
            cut("other.wav", tone(1, 300), samples_listed=17_000),
            "16000 samples at 16000 Hz can be decoded, but 17000",
        ),
    }
    late = cut("late.wav", tone(1, 300), segments=[(0.0, 0.5, "a", None), (3.0, 4.0, "b", None)])
    audit = check_audio([*tones, *(made for made, _ in bad.values()), late])
    assert audit.notes == [] and len(audit.faults) == len(bad) + 1, audit.faults
    for name, (_, message) in bad.items():
        assert any(str(tmp_path / name) in fault and re.search(message, fault) for fault in audit.faults), name
    assert any("late.wav: the supervision late.wav#1 from 3.000 to 4.000 s is not inside" in f for f in audit.faults)


def test_silence_and_clipping_are_notes(cut, tmp_path):
    loud = np.clip(8 * tone(1, 300), -1, 1)
    peak = tone(1, 300)
    peak[50] = 1.0  # one sample at full scale is no clipping
    audit = check_audio([cut("zero.wav", np.zeros(16_000)), cut("loud.wav", loud), cut("peak.wav", peak)])
    assert audit.faults == []
    zero, clipped = audit.notes
    assert zero == f"{tmp_path / 'zero.wav'}: digital silence"
    # |sin| is over 1 / 2.4 during 1 - 2 / pi * asin(1 / 2.4) = 73 % of a period
    assert re.fullmatch(rf"{tmp_path}/loud.wav: clipped \(7[234].* % of the samples are at full scale\)", clipped)


def test_a_file_is_decoded_once_and_stretches_are_looked_at_apart(cut, tmp_path, monkeypatch):
    wave = np.concatenate([tone(1, 300), np.zeros(16_000)])
    cut("a.wav", wave)
    halves = [
        make_cut(name=name, source=tmp_path / "a.wav", samples=32_000, rate=16_000, stretch=stretch)
        for name, stretch in (("speech", (0.0, 1.0)), ("pause", (1.0, 2.0)))
    ]
    reads = []
    original = Decoder.read
    monkeypatch.setattr(Decoder, "read", lambda *a, **k: reads.append(a) or original(*a, **k))
    audit = check_audio(halves)
    assert len(reads) == 1 and (audit.cuts, audit.files) == (2, 1)
    assert audit.notes == [f"pause ({tmp_path / 'a.wav'} from 1.000 s): digital silence"]


def test_cuts_that_are_put_together(tones):
    audit = check_audio([tones[0].append(tones[1]), tones[2].perturb_speed(1.1)])
    assert audit.faults == [] and audit.cuts == 2 and audit.seconds > 1
