"""What can be named where audio is wanted: standard input, pipes, what only ffmpeg reads, samples without a header."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
import soundfile
import torch

from sottovoce.data.audio import ffmpeg, spool
from sottovoce.data.audio.file_search import audio_files
from sottovoce.data.audio.long_audio import audio_pieces
from sottovoce.data.audio.reading import audio_shape, read_audio
from sottovoce.errors import AudioError

RATE = 16_000
needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def tone(seconds=1.0, pitch=440.0, rate=RATE):
    return (0.3 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.fixture
def wav(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    return tmp_path / "a.wav"


def test_standard_input_is_read_once_and_heard_as_often_as_wanted(wav):
    program = (
        "from sottovoce.data.audio.reading import audio_shape, read_audio\n"
        "print(*audio_shape('-'), len(read_audio('-')), len(read_audio('-', start=0.5)))"
    )
    with wav.open("rb") as given, subprocess.Popen(["cat"], stdin=given, stdout=subprocess.PIPE) as cat:
        said = subprocess.run([sys.executable, "-c", program], stdin=cat.stdout, capture_output=True, text=True)
    assert said.stdout.split() == ["16000", "16000", "1", "16000", "8000"], said.stderr


def feed(pipe, content):
    thread = threading.Thread(target=pipe.write_bytes, args=(content,))
    thread.start()
    return thread


def test_a_named_pipe_is_heard_as_its_file_is(wav, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = feed(pipe, wav.read_bytes())
    assert audio_files(pipe) == [pipe]
    assert audio_shape(pipe) == (16_000, 16_000, 1)
    writer.join()
    assert torch.equal(read_audio(pipe), read_audio(wav))
    assert torch.equal(torch.cat(list(audio_pieces(pipe))), read_audio(wav))


def test_what_never_ends_does_not_fill_the_disk(wav, tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "LARGEST", 20_000)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = feed(pipe, wav.read_bytes())
    with pytest.raises(AudioError, match="pipe: more than .* and no end"):
        read_audio(pipe)
    writer.join()


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_devices_are_no_files(device):
    with pytest.raises(AudioError, match=f"{device}: is a device"):
        read_audio(device)


def test_mixed_down_is_the_mean_of_all_channels(tmp_path):
    left, right = tone(pitch=440), tone(pitch=880)
    soundfile.write(tmp_path / "a.wav", np.stack([left, right], 1), RATE)
    mixed = read_audio(tmp_path / "a.wav", channel="mix")
    assert (mixed - torch.from_numpy((left + right) / 2)).abs().max() < 1e-4
    assert torch.equal(torch.cat(list(audio_pieces(tmp_path / "a.wav", channel="mix"))), mixed)
    soundfile.write(tmp_path / "mono.wav", left, RATE)
    assert (read_audio(tmp_path / "mono.wav", channel="mix") - torch.from_numpy(left)).abs().max() < 1e-4


@pytest.mark.parametrize("name", ["a.raw", "a.pcm", "A.RAW"])
def test_samples_without_a_header_are_told_what_they_lack(tmp_path, name):
    (tmp_path / name).write_bytes((32_000 * tone()).astype("<i2").tobytes())
    with pytest.raises(AudioError, match=rf"{name}: samples without a header.*ffmpeg -f s16le -ar 16000") as caught:
        read_audio(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_what_has_a_header_is_read_whatever_it_is_called(wav, tmp_path):
    wav.rename(tmp_path / "a.raw")
    assert read_audio(tmp_path / "a.raw").shape == (16_000,)


def test_names_that_are_no_utf8(wav):
    odd = os.fsencode(wav.parent) + b"/caf\xe9.wav"
    os.rename(wav, odd)
    path = os.fsdecode(odd)
    assert audio_shape(path) == (16_000, 16_000, 1) and read_audio(path).shape == (16_000,)
    with pytest.raises(AudioError, match=r"caf\\xe9.wav: has no channel 1") as caught:
        read_audio(path, channel=1)
    str(caught.value).encode()


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.m4a", ["-c:a", "aac"]),
        ("a.mp4", ["-c:a", "alac"]),
        ("a.webm", ["-c:a", "libopus"]),
        ("a.aac", ["-c:a", "aac"]),
        ("a.wma", ["-c:a", "wmav2"]),
        ("a.mka", ["-c:a", "flac"]),
        ("a.wv", ["-c:a", "wavpack"]),
        ("a.ac3", ["-c:a", "ac3"]),
        ("a.tta", ["-c:a", "tta"]),
    ],
)
def test_other_containers_through_ffmpeg(tmp_path, name, options):
    soundfile.write(tmp_path / "a.wav", np.stack([tone(2.0, rate=48_000), tone(2.0, 880.0, 48_000)], 1), 48_000)
    made = ["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", *options, tmp_path / name]
    subprocess.run(made, check=True)
    samples, rate, channels = audio_shape(tmp_path / name)
    assert (rate, channels) == (48_000, 2) and abs(samples / rate - 2.0) < 0.1
    left = read_audio(tmp_path / name, channel=0)
    spectrum = np.abs(np.fft.rfft(left[8_000:24_000].numpy()))
    assert abs(int(spectrum.argmax()) - 440) <= 1


@needs_ffmpeg
def test_other_containers_that_are_cut_off_or_hold_no_audio(tmp_path, wav):
    whole = tmp_path / "whole.m4a"
    subprocess.run(["ffmpeg", "-v", "error", "-i", wav, "-c:a", "aac", "-movflags", "+faststart", whole], check=True)
    content = whole.read_bytes()
    (tmp_path / "cut.m4a").write_bytes(content[: len(content) * 2 // 3])
    (tmp_path / "noise.m4a").write_bytes(content[:12] + bytes(range(256)) * 8)
    for name in ("cut.m4a", "noise.m4a"):
        with pytest.raises(AudioError, match=rf"{name}: is MP4 .*ffmpeg cannot decode all of it \(.+\)") as caught:
            audio_shape(tmp_path / name)
        assert "\n" not in str(caught.value)


@needs_ffmpeg
def test_a_playlist_is_no_audio(tmp_path, wav):
    """It could name other files, and hosts."""
    (tmp_path / "list.m4a").write_text(f"#EXTM3U\n#EXTINF:1,\n{wav}\n#EXT-X-ENDLIST\n")
    with pytest.raises(AudioError, match="cannot be decoded"):
        read_audio(tmp_path / "list.m4a")


def test_without_ffmpeg_the_message_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(ffmpeg.shutil, "which", lambda _: None)
    (tmp_path / "a.m4a").write_bytes(bytes(4) + b"ftypM4A " + bytes(500))
    with pytest.raises(AudioError, match=r"a.m4a: is MP4 .*ffmpeg is not installed; install it, or convert"):
        read_audio(tmp_path / "a.m4a")


def test_import_of_names_that_are_no_utf8(wav, tmp_path):
    from sottovoce.data.corpora.manifests import CorpusError, import_corpus

    (tmp_path / "corpus" / "anna").mkdir(parents=True)
    os.rename(wav, os.fsencode(tmp_path) + b"/corpus/anna/caf\xe9.wav")
    with pytest.raises(CorpusError, match=r"caf\\xe9.wav: its name is no UTF-8.*rename it") as caught:
        import_corpus(tmp_path / "corpus", tmp_path / "cuts", layout="folder")
    str(caught.value).encode()
    assert not (tmp_path / "cuts").exists()
