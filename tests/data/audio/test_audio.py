"""Reading audio: what comes out, and what each kind of unusable file is told."""

import logging

import numpy as np
import pytest
import soundfile
import torch

from sottovoce.data.audio import reading as audio
from sottovoce.data.audio.reading import (
    SilenceWarning,
    as_waveform,
    audio_shape,
    is_silent,
    read_audio,
    refuse_silence,
)
from sottovoce.errors import AudioError

FORMATS = {
    "a.wav": {},
    "a.flac": {},
    "a.ogg": {"subtype": "VORBIS"},
    "a.opus": {"format": "OGG", "subtype": "OPUS"},
    "a.mp3": {"format": "MP3"},
}


def tone(seconds=1.0, rate=16_000, pitch=440.0):
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def write(path, samples, rate=16_000, **options):
    soundfile.write(path, samples, rate, **options)
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_gives_the_same_tone(tmp_path, name):
    waveform = read_audio(write(tmp_path / name, tone(), **FORMATS[name]))
    assert waveform.dtype == torch.float32 and waveform.shape == (16_000,)
    error = waveform[2000:14_000] - torch.from_numpy(tone())[2000:14_000]
    assert error.abs().max() < 0.05


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000])
def test_other_rates_are_resampled_and_said_once(tmp_path, rate, caplog, monkeypatch):
    monkeypatch.setattr(audio, "_logged_rates", set())
    path = write(tmp_path / "a.wav", tone(rate=rate), rate)
    with caplog.at_level(logging.WARNING):
        waveform = read_audio(path)
        read_audio(path)
    assert waveform.shape == (16_000,)
    error = waveform[1000:15_000] - torch.from_numpy(tone())[1000:15_000]
    assert error.abs().max() < 1e-3
    assert [record.message for record in caplog.records] == [
        f"{path}: {rate} Hz audio is resampled to 16000 Hz (said once for this rate)"
    ]


def test_a_channel_must_be_chosen(tmp_path):
    path = write(tmp_path / "a.wav", np.stack([tone(pitch=440), tone(pitch=880)], 1))
    with pytest.raises(AudioError, match=r"a.wav: has 2 channels, one is needed; choose with --channel 0 .. 1"):
        read_audio(path)
    second = read_audio(path, channel=1)
    assert (second - torch.from_numpy(tone(pitch=880))).abs().max() < 1e-4
    with pytest.raises(AudioError, match=r"has no channel 2; its channels are 0 .. 1"):
        read_audio(path, channel=2)
    with pytest.raises(AudioError, match="has no channel 1"):
        read_audio(write(tmp_path / "mono.wav", tone()), channel=1)


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_stretch_is_a_slice_of_the_whole(tmp_path, name):
    path = write(tmp_path / name, tone(2.0))
    whole = read_audio(path)
    assert torch.equal(read_audio(path, start=0.5, duration=0.25), whole[8_000:12_000])
    assert torch.equal(read_audio(path, start=1.5), whole[24_000:])
    assert torch.equal(read_audio(path, start=1.5, duration=9.0), whole[24_000:])
    with pytest.raises(AudioError, match="cannot read from 3 s"):
        read_audio(path, start=3.0)
    with pytest.raises(AudioError, match="cannot read from -1 s"):
        read_audio(path, start=-1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers(tmp_path, value):
    samples = tone()
    samples[8_000:8_002] = value
    path = write(tmp_path / "a.wav", samples, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"2 of 16000 samples are NaN or infinite \(the first at 0.500 s\)"):
        read_audio(path)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("kept", [0.5, 0.97])
def test_cut_off_files(tmp_path, name, kept):
    path = write(tmp_path / name, np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32), **FORMATS[name])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * kept)])
    with pytest.raises(AudioError, match=r"cut off|cannot be decoded \((flac|.*malformed)"):
        read_audio(path)
    if path.suffix != ".mp3":  # which promises nothing
        with pytest.raises(AudioError, match=r"cut off|cannot be decoded \(.*malformed"):  # what importers go by
            audio_shape(path)


@pytest.mark.parametrize("name", ["a.ogg", "a.opus"])
def test_a_stream_cut_between_pages(tmp_path, name):
    path = write(tmp_path / name, np.random.default_rng(0).normal(0, 0.1, 64_000).astype(np.float32), **FORMATS[name])
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rfind(b"OggS")])
    with pytest.raises(AudioError, match="cut off: the Ogg stream has no last page"):
        read_audio(path)


def test_a_streamed_wav_of_unknown_size_is_whole(tmp_path):
    path = write(tmp_path / "a.wav", tone())
    whole = bytearray(path.read_bytes())
    whole[4:8] = whole[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(whole)
    assert read_audio(path).shape == (16_000,)


@pytest.mark.parametrize("count", [0, 3, 399])
def test_less_than_a_frame(tmp_path, count):
    with pytest.raises(AudioError, match=rf"too short: {count} samples at 16 kHz, one frame needs 400"):
        read_audio(write(tmp_path / "a.wav", tone()[:count]))


def test_one_frame_is_enough(tmp_path):
    assert read_audio(write(tmp_path / "a.wav", tone()[:400])).shape == (400,)
    # 399 samples at 44.1 kHz are fewer than 400 at 16 kHz, and 400 samples at 8 kHz are more.
    with pytest.raises(AudioError, match="too short"):
        read_audio(write(tmp_path / "b.wav", tone()[:1000], 44_100))
    assert read_audio(write(tmp_path / "c.wav", tone()[:200], 8_000)).shape == (400,)


def test_files_that_are_not_audio(tmp_path):
    (tmp_path / "text.wav").write_text("not audio at all")
    (tmp_path / "empty.wav").touch()
    for name, message in {
        "text.wav": "cannot be decoded .*; convert it, for example",
        "empty.wav": r"empty \(0 bytes\)",
        "none.wav": "no such file",
        ".": "is a folder",
    }.items():
        with pytest.raises(AudioError, match=message) as caught:
            read_audio(tmp_path / name)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("level", [0.0, 0.25])
def test_silence_can_be_read_but_not_scored(tmp_path, level):
    path = write(tmp_path / "a.wav", np.full(16_000, level, np.float32))
    with pytest.warns(SilenceWarning, match=r"digital silence \(1.00 s\)"):
        waveform = read_audio(path)
    assert is_silent(waveform)
    with pytest.raises(AudioError, match="a.wav: digital silence, so there is nothing to score"):
        refuse_silence(waveform, str(path))


def test_quiet_speech_is_not_silence():
    quiet = torch.from_numpy(tone()) * 1e-3
    assert not is_silent(quiet)
    refuse_silence(quiet, "quiet")


def test_samples_in_memory():
    waveform = as_waveform(np.stack([tone(), tone(pitch=880)], 1).astype(np.float64), 16_000, "memory", channel=0)
    assert waveform.dtype == torch.float32 and torch.equal(waveform, torch.from_numpy(tone()))


def test_the_shape_comes_from_the_header(tmp_path):
    path = write(tmp_path / "a.wav", np.stack([tone(rate=8_000)] * 2, 1), 8_000)
    assert audio_shape(path) == (8_000, 8_000, 2)
    with pytest.raises(AudioError, match="no such file"):
        audio_shape(tmp_path / "none.wav")
    path.write_bytes(path.read_bytes()[:9_000])
    with pytest.raises(AudioError, match="cut off"):
        audio_shape(path)


def test_real_telephone_speech(data):
    waveform = read_audio(data / "wuw2/audio/00001/00001_001.opus")
    assert abs(len(waveform) / 16_000 - 2.004) < 1e-3 and not is_silent(waveform)
