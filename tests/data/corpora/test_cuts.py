"""Manifests of cuts: written whole and alike, read from anywhere, refused when damaged."""

import gzip
import json
import shutil

import pytest
import soundfile
import torch
from lhotse import CutSet
from lhotse.cut import MixedCut

from sottovoce.data.audio.reading import read_audio
from sottovoce.data.corpora.cuts import cut_speaker, load_cut, make_cut, read_cuts, require_lhotse, write_cuts
from sottovoce.errors import AudioError, DataError
from tone import tone


def test_lhotse_reads_what_is_written_and_the_other_way_round(tones, tmp_path):
    path = write_cuts(tones, tmp_path / "new" / "cuts.jsonl.gz")
    assert list(CutSet.from_file(path)) == list(tones)
    assert list(read_cuts(path)) == list(tones)
    CutSet.from_cuts(tones).to_file(tmp_path / "theirs.jsonl.gz")
    CutSet.from_cuts(tones).to_file(tmp_path / "plain.jsonl")
    assert list(read_cuts(tmp_path / "theirs.jsonl.gz")) == list(read_cuts(tmp_path / "plain.jsonl")) == list(tones)


def test_the_same_cuts_give_the_same_bytes_and_nothing_else(tones, tmp_path):
    first, second = (write_cuts(tones, tmp_path / name / "cuts.jsonl.gz") for name in "ab")
    assert first.read_bytes() == second.read_bytes()
    assert [path.name for path in first.parent.iterdir()] == ["cuts.jsonl.gz"]
    with pytest.raises(DataError, match="written as .jsonl.gz"):
        write_cuts(tones, tmp_path / "cuts.json")
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        write_cuts(tones, tmp_path / "file" / "cuts.jsonl.gz")


def test_a_folder_can_be_moved(tmp_path):
    folder = tmp_path / "here"
    (folder / "audio").mkdir(parents=True)
    soundfile.write(folder / "audio/a.wav", tone(1, 440), 16_000)
    write_cuts([make_cut(name="a", source="audio/a.wav", samples=16_000, rate=16_000)], folder / "cuts.jsonl.gz")
    shutil.move(folder, tmp_path / "there")
    (cut,) = read_cuts(tmp_path / "there/cuts.jsonl.gz")
    assert torch.equal(load_cut(cut), read_audio(tmp_path / "there/audio/a.wav"))


def test_damaged_and_foreign_files(tones, tmp_path):
    path = write_cuts(tones, tmp_path / "cuts.jsonl.gz")
    whole = path.read_bytes()
    lines = gzip.decompress(whole).splitlines(keepends=True)

    def refuse(content, message, name="bad.jsonl.gz"):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_cuts(tmp_path / name)

    refuse(whole[:-100], r"bad.jsonl.gz: cannot be read \(Compressed file ended")
    refuse(b"", "no cuts in it")
    refuse(b"\x00\xff not text", r"not a text file \(line 1", "bad.jsonl")
    refuse(lines[0] + b'{"id": "x"}\n', "not a manifest of cuts, or damaged, after line 2", "bad.jsonl")
    refuse(lines[0] + lines[1] + lines[0], "line 3 has the id 's0-0' of an earlier cut", "bad.jsonl")
    recording = json.dumps(tones[0].recording.to_dict()).encode()
    refuse(lines[0] + recording, "line 2 is a Recording, not a cut", "bad.jsonl")
    with pytest.raises(DataError, match="no such file"):
        read_cuts(tmp_path / "none.jsonl.gz")


def test_loading_a_stretch_a_channel_and_a_mixture(tmp_path):
    import numpy as np

    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([tone(2, 440), tone(2, 880)], 1), 16_000)
    from lhotse import Recording

    recording = Recording.from_file(path)
    right = recording.to_cut().to_mono()[1]
    assert torch.equal(load_cut(right), read_audio(path, channel=1))
    part = right.truncate(offset=0.5, duration=0.25)
    assert torch.equal(load_cut(part), read_audio(path, channel=1)[8_000:12_000])
    mixed = right.mix(recording.to_cut().to_mono()[0])
    assert isinstance(mixed, MixedCut)
    total = read_audio(path, channel=0) + read_audio(path, channel=1)
    assert (load_cut(mixed) - total).abs().max() < 1e-3
    path.unlink()
    with pytest.raises(AudioError, match="cannot load it"):
        load_cut(mixed)


def test_a_manifest_that_becomes_far_more_than_it_is(tmp_path):
    path = tmp_path / "train.jsonl.gz"
    path.write_bytes(gzip.compress((b" " * 1000 + b"\n") * 8000))
    with pytest.raises(DataError, match="far too large when it is unpacked"):
        read_cuts(path)


def test_one_speaker_a_cut(tones):
    assert cut_speaker(tones[0]) == "s0"
    assert cut_speaker(make_cut(name="x", source="x", samples=1, rate=1)) is None
    two = tones[0].append(tones[-1])
    with pytest.raises(DataError, match="has the speakers s0, s3"):
        cut_speaker(two)


def test_without_lhotse_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"pip install 'sottovoce\[train\]'"):
        require_lhotse()
