"""Folders: what is read when it is named is found, and hidden files are not, which is said."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import soundfile

from audio_files import encoded
from sottovoce.data.audio.file_search import audio_files
from sottovoce.data.audio.reading import read_audio
from sottovoce.data.audio.suffixes import AUDIO, LIBSNDFILE
from sottovoce.data.corpora.layouts.listing import AudioIndex
from sottovoce.data.corpora.manifests import import_corpus

FOUND = {"a.caf": ("CAF", "PCM_16"), "b.aifc": ("AIFF", "ULAW"), "c.snd": ("AU", "PCM_16"), "d.w64": ("W64", "PCM_16"),
         "e.sph": ("NIST", "PCM_16"), "f.mp3": ("MP3", "MPEG_LAYER_III"), "g.opus": ("OGG", "OPUS"),
         "h.OGA": ("OGG", "VORBIS"), "i.rf64": ("RF64", "PCM_16"), "j.wv1": ("NIST", "ULAW"),
         "k.voc": ("VOC", "PCM_16")}  # fmt: skip


@pytest.fixture
def corpus(tmp_path):
    place = tmp_path / "corpus" / "anna"
    (place / ".cache").mkdir(parents=True)
    for name, kind in FOUND.items():
        (place / name).write_bytes(encoded(*kind))
    (place / "._a.caf").write_bytes(bytes(82))  # what macOS puts beside a file
    (place / ".hidden.wav").write_bytes(encoded("WAV", "PCM_16"))
    (place / ".cache" / "x.wav").write_bytes(encoded("WAV", "PCM_16"))
    (place / "notes.txt").write_text("words")
    return tmp_path / "corpus"


def test_every_container_is_found_and_read(corpus, caplog):
    with caplog.at_level(logging.WARNING):
        files = audio_files(corpus)
    assert [file.name for file in files] == sorted(FOUND)
    assert all(len(read_audio(file)) >= 24_000 for file in files)
    assert f"{corpus}: skipped 3 hidden files" in caplog.text


def test_import_of_a_folder(corpus, tmp_path, caplog):
    from sottovoce.data.corpora.cuts import read_cuts

    with caplog.at_level(logging.WARNING):
        made = import_corpus(corpus, tmp_path / "out", layout="folder")
    assert sorted(cut.id for cut in read_cuts(made["all"])) == sorted(f"anna/{name}" for name in FOUND)
    assert "3 hidden files" in caplog.text and "skipped 1 files that are not audio (1 .txt)" in caplog.text


def test_audio_by_its_name(corpus):
    index = AudioIndex(corpus)
    assert index.find("a").name == "a.caf" and index.find("anna/h").name == "h.OGA"
    for hidden in ("._a", "x", ".hidden"):
        with pytest.raises(LookupError):
            index.find(hidden)


def test_one_list_of_endings():
    """Everything that libsndfile calls by its own ending, but what mostly is something else."""
    assert {f".{name.lower()}" for name in soundfile.available_formats()} - LIBSNDFILE == {
        ".wavex", ".raw", ".sd2", ".mat4", ".mat5", ".mpc2k", ".xi"
    }  # fmt: skip
    assert {".m4a", ".mp4", ".webm", ".aac", ".wma"} < AUDIO


def test_other_containers_are_imported_as_flac(tmp_path):
    import shutil
    import subprocess

    from sottovoce.data.corpora.cuts import load_cut, read_cuts

    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    (tmp_path / "corpus" / "anna").mkdir(parents=True)
    soundfile.write(tmp_path / "a.wav", 0.3 * np.sin(np.arange(32_000) / 5), 16_000)
    made = ["ffmpeg", "-v", "error", "-i", tmp_path / "a.wav", "-c:a", "alac", tmp_path / "corpus" / "anna" / "a.m4a"]
    subprocess.run(made, check=True)
    (cut,) = read_cuts(import_corpus(tmp_path / "corpus", tmp_path / "out", layout="folder")["all"])
    assert cut.id == "anna/a.m4a" and cut.recording.sources[0].source.endswith(".flac")
    assert len(load_cut(cut)) == 32_000
