"""Lhotse Shar read where it lies: the same samples, whatever is done with the cuts, and faults that are told."""

import io
import tarfile

import numpy as np
import pytest
import soundfile
from lhotse import CutSet

from sottovoce.data.audio.reading import decode_audio
from sottovoce.data.batches.batches import StepBatches
from sottovoce.data.corpora.audio_check import check_audio
from sottovoce.data.corpora.cuts import load_cut, read_cuts, write_cuts
from sottovoce.data.corpora.manifests import import_corpus
from sottovoce.data.corpora.shar import Member, export_shar, load_into_memory
from sottovoce.errors import AudioError, DataError


@pytest.fixture
def indexed(tones, tmp_path):
    """The same cuts in files, and in Shar."""
    export_shar(tones, tmp_path / "shar", shard_size=5)
    made = import_corpus(tmp_path / "shar", tmp_path / "index", layout="lhotse", split="train")
    return tones, list(read_cuts(made["train"]))


def test_few_large_files_and_the_audio_stays_in_them(indexed, tmp_path):
    names = sorted(path.name for path in (tmp_path / "shar").iterdir())
    assert names == sorted(f"{kind}.00000{k}.{end}" for k in range(3) for kind, end in
                           (("cuts", "jsonl.gz"), ("recording", "tar")))  # fmt: skip
    assert [path.name for path in (tmp_path / "index").iterdir()] == ["train.jsonl.gz"]
    lhotse_reads = list(CutSet.from_shar(in_dir=tmp_path / "shar"))
    for ours, theirs in zip(indexed[1], lhotse_reads, strict=True):
        assert ours.id == theirs.id and np.abs(load_cut(ours).numpy() - theirs.load_audio()[0]).max() < 1e-6


def test_batches_are_the_same(indexed):
    in_files, in_tars = (StepBatches(cuts, batch_size=3, seed=5, crop=(0.2, 0.4)) for cuts in indexed)
    for step in range(6):
        one, other = in_files[step], in_tars[step]
        assert one["ids"] == other["ids"] and one["waveform"].equal(other["waveform"])


def test_cuts_can_be_changed_and_mixed(indexed):
    for files, tars in zip(*indexed, strict=True):
        for change in (
            lambda cut: cut,
            lambda cut: cut.truncate(offset=0.2, duration=0.3),
            lambda cut: cut.perturb_speed(1.1),
            lambda cut: cut.append(cut.truncate(duration=0.1)),
            lambda cut: cut.pad(duration=3.0),
            lambda cut: cut.resample(8_000),
        ):
            assert load_cut(change(files)).equal(load_cut(change(tars)))
        assert load_into_memory(files) is files


def test_again_and_after_a_round_trip(indexed, tmp_path):
    files, tars = indexed
    write_cuts([cut.perturb_speed(0.9) for cut in tars], tmp_path / "slow.jsonl.gz")
    for cut, slow in zip(files, read_cuts(tmp_path / "slow.jsonl.gz"), strict=True):
        assert load_cut(slow).equal(load_cut(cut.perturb_speed(0.9)))
    export_shar(tars, tmp_path / "again", shard_size=100)
    made = import_corpus(tmp_path / "again", tmp_path / "other", layout="lhotse")
    assert all(load_cut(a).equal(load_cut(b)) for a, b in zip(files, read_cuts(made["all"]), strict=True))


def test_nothing_but_headers_is_read(indexed, monkeypatch):
    read = []
    original = Member.read
    monkeypatch.setattr(Member, "read", lambda self: read.append(self) or original(self))
    shapes = [Member.from_source(cut.recording.sources[0].source).shape() for cut in indexed[1]]
    assert not read
    assert shapes == [(cut.recording.num_samples, 16_000, 1) for cut in indexed[0]]


def test_faults(indexed, tmp_path):
    tar = tmp_path / "shar/recording.000001.tar"
    whole = tar.read_bytes()
    cut = indexed[1][6]
    member = Member.from_source(cut.recording.sources[0].source)
    assert member.tar == tar and Member.from_source(str(member)) == member
    tar.write_bytes(whole[: member.offset] + bytes(member.size) + whole[member.offset + member.size :])
    with pytest.raises(AudioError, match="cut s2-1: cannot be decoded"):
        load_cut(cut)
    with pytest.raises(DataError, match=f"line 2: {cut.id}: .*cannot be decoded"):
        import_corpus(tmp_path / "shar", tmp_path / "again", layout="lhotse")
    tar.write_bytes(whole[: member.offset + 10])
    with pytest.raises(AudioError, match="ends before byte"):
        load_cut(cut)
    audit = check_audio(indexed[1])
    assert audit.faults and all("ends before byte" in fault for fault in audit.faults)
    tar.unlink()
    with pytest.raises(AudioError, match="No such file"):
        load_cut(cut)
    with pytest.raises(AudioError, match="no file in a tar"):
        Member.from_source("recording.000000.tar")


def test_a_recording_that_is_not_as_listed(indexed, tmp_path):
    tar, other = tmp_path / "shar/recording.000000.tar", io.BytesIO()
    soundfile.write(other, np.zeros(40_000), 16_000, format="FLAC")
    with tarfile.open(tar) as before:
        members = [(each, before.extractfile(each).read()) for each in before]
    with tarfile.open(tar, "w") as after:
        for each, content in members:
            if each.name == "s0-0.flac":
                content = other.getvalue()
                each.size = len(content)
            after.addfile(each, io.BytesIO(content))
    with pytest.raises(DataError, match="s0-0: .* has 40000 samples at 16000 Hz, but 9600 at 16000 Hz are listed"):
        import_corpus(tmp_path / "shar", tmp_path / "again", layout="lhotse")


def test_places_that_cannot_be_written(tones, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis").touch()
    (tmp_path / "file").touch()
    for place, message in (("full", "not an empty folder"), ("file", "not an empty"), ("file/x", "cannot be written")):
        with pytest.raises(DataError, match=message):
            export_shar(tones, tmp_path / place)
    with pytest.raises(DataError, match="at least 1 cut, got 0"):
        export_shar(tones, tmp_path / "out", shard_size=0)
    missing = tones[0].drop_supervisions()
    missing.recording = type(missing.recording).from_dict(missing.recording.to_dict())
    missing.recording.sources[0].source = "/none.wav"
    with pytest.raises(DataError, match="out: Lhotse cannot write it"):
        export_shar([missing], tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]


@pytest.mark.parametrize(("kind", "message"), [("WAV", "cut off: the header promises"), ("OGG", "no last page")])
def test_encoded_audio_that_is_cut_off(kind, message):
    file = io.BytesIO()
    soundfile.write(file, 0.1 * np.random.default_rng(0).standard_normal(16_000), 16_000, format=kind)
    assert len(decode_audio(file.getvalue(), "it")) == 16_000
    with pytest.raises(AudioError, match=f"it: .*{message}"):
        decode_audio(file.getvalue()[:-900], "it")
