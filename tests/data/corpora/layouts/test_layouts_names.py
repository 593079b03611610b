"""Names that an import gives to utterances: no two have one, and no file is taken for another."""

import json

import pytest

from importing import expect, imported, told
from sottovoce.data.corpora.manifests import CorpusError


class TestNamesOfNemo:
    def names(self, tmp_path, *lines):
        (tmp_path / "m.json").write_text("\n".join(json.dumps({"audio_filepath": "1.wav", **line}) for line in lines))
        return list(imported("nemo", tmp_path / "m.json", tmp_path / "out"))

    def test_two_speakers_at_once(self, tmp_path, audio):
        audio("1.wav")
        both = [{"offset": 0.5, "duration": 1, "speaker": speaker, "text": "x"} for speaker in ("anna", "ben")]
        assert self.names(tmp_path, *both) == ["1.wav@0.5#anna", "1.wav@0.5#ben"]
        assert self.names(tmp_path, {"speaker": "anna"}, {"speaker": "ben"}) == ["1.wav#anna", "1.wav#ben"]

    def test_offsets_past_six_digits(self, tmp_path, audio):
        audio("1.wav", 0.2)
        offsets = (0.1000001, 0.1000002, 0.1, 1e-7)
        names = self.names(tmp_path, *({"offset": offset, "duration": 0.05} for offset in offsets))
        assert names == ["1.wav@0.1000001", "1.wav@0.1000002", "1.wav@0.1", "1.wav@1e-07"]

    def test_lengths_and_numbers(self, tmp_path, audio):
        audio("1.wav")
        lengths = [{"offset": 1, "duration": duration} for duration in (0.5, 0.75)]
        assert self.names(tmp_path, *lengths) == ["1.wav@1+0.5", "1.wav@1+0.75"]
        assert self.names(tmp_path, {"text": "a"}, {"text": "b"}) == ["1.wav#1", "1.wav#2"]

    def test_what_is_listed_twice_is_a_fault(self, tmp_path, audio):
        audio("1.wav")
        with pytest.raises(CorpusError, match="m.json line 3: 1.wav#1 is listed before, at .*m.json line 1"):
            self.names(tmp_path, {"text": "a"}, {"text": "b"}, {"text": "a"})


def test_stretches_of_a_table_without_names(tmp_path, audio):
    audio("1.wav")
    (tmp_path / "t.tsv").write_text("path\tfrom\tto\n1.wav\t0\t0.5\n1.wav\t0.5\t1\n")
    columns = {"start": "from", "end": "to"}
    assert list(imported("table", tmp_path / "t.tsv", tmp_path / "out", columns=columns)) == ["1.wav@0", "1.wav@0.5"]


def test_two_files_of_one_stem_do_not_share_turns(tmp_path, audio):
    audio("a/1.wav"), audio("b/1.wav")
    (tmp_path / "t.tsv").write_text("path\na/1.wav\nb/1.wav\n")
    (tmp_path / "1.rttm").write_text("SPEAKER 1 1 0 1 <NA> <NA> anna <NA> <NA>\n")
    expect(
        told("table", tmp_path / "t.tsv", tmp_path / "out", rttm=tmp_path / "1.rttm"),
        ["t.tsv line 3: " + f"{tmp_path}/b/1.wav and {tmp_path}/a/1.wav are both 1 in the references"],
    )


def test_a_name_of_kaldi_that_two_files_may_have(tmp_path, audio):
    audio("v/id1/a/1.wav"), audio("v/id1/a-1.wav"), audio("v/id2/b/1.wav")
    (tmp_path / "t").write_text("id1-a-1 id2-b-1 nontarget\nid1/a/1.wav id1/a-1.wav target\n")
    (fault,) = told("voxceleb", tmp_path / "v", tmp_path / "out", trials=tmp_path / "t")
    assert (
        fault.startswith(f"{tmp_path}/t line 1: id1-a-1 may be ") and "id1/a/1.wav" in fault and "id1/a-1.wav" in fault
    )
