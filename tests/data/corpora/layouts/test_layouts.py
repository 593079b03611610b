"""Every layout of a corpus that lists its audio: what becomes of a good one, and what a faulty one is told."""

import json

import pytest
import soundfile

from importing import expect, imported, told
from sottovoce.data.corpora.cuts import load_cut, read_cuts
from sottovoce.data.corpora.layouts import LAYOUTS
from sottovoce.data.corpora.layouts.options import options_model
from sottovoce.data.corpora.manifests import import_corpus
from sottovoce.errors import DataError


def test_options_that_a_layout_does_not_have(tmp_path):
    with pytest.raises(DataError, match="the layout nemo: uem: unknown; known here: audio"):
        import_corpus(tmp_path, tmp_path / "out", layout="nemo", uem=tmp_path)
    assert not options_model(LAYOUTS["lhotse"]).model_fields


class TestKaldi:
    @pytest.fixture
    def folder(self, tmp_path, audio):
        audio("kaldi/audio/m1.wav", 4.0)
        audio("kaldi/audio/m2.wav", 3.0)
        self.write(tmp_path / "kaldi", "wav.scp", "m1 audio/m1.wav", "m2  audio/m2.wav")
        self.write(tmp_path / "kaldi", "segments", "a-1 m1 0.5 1.25", "b-1 m1 1.0 2.0", "a-2 m2 1.00 -1")
        self.write(tmp_path / "kaldi", "utt2spk", "a-1 a", "b-1 b", "a-2\ta")
        self.write(tmp_path / "kaldi", "text", "a-1 GOOD  MORNING", "b-1 HÉ\u2028LLO", "a-2 YES")
        self.write(tmp_path / "kaldi", "spk2gender", "a f")
        return tmp_path / "kaldi"

    @staticmethod
    def write(folder, name, *lines):
        (folder / name).write_text("".join(f"{line}\n" for line in lines))

    def test_segments(self, folder, tmp_path):
        cuts = imported("kaldi", folder, tmp_path / "out", split="train")
        split, cut = cuts["a-1"]
        (said,) = cut.supervisions
        assert split == "train" and (cut.start, cut.duration, cut.recording.id) == (0.5, 0.75, "m1")
        assert (said.speaker, said.text, said.gender, said.start, said.duration) == ("a", "GOOD  MORNING", "f", 0, 0.75)
        assert cuts["b-1"][1].supervisions[0].text == "HÉ\u2028LLO"
        assert (cuts["a-2"][1].start, cuts["a-2"][1].duration) == (1.0, 2.0)
        assert len(load_cut(cut)) == 12_000

    def test_without_segments_recordings_are_utterances(self, folder, tmp_path):
        for name in ("segments", "utt2spk", "text", "spk2gender"):
            (folder / name).unlink()
        cuts = imported("kaldi", folder, tmp_path / "out")
        assert {name: cut.duration for name, (_, cut) in cuts.items()} == {"m1": 4.0, "m2": 3.0}

    def test_faults(self, folder, tmp_path):
        self.write(
            folder, "wav.scp", "m1 audio/m1.wav", "m2 audio/m2.wav", "m2 x.wav", "m3", "m4 x.ark:12", "m5 cat x|"
        )
        self.write(
            folder, "segments", "a-1 m1 0.5 1.25", "b-1 m1 1.0 2.0", "a-2 m2 1 9", "c m9 0 1", "d m1 1", "e m1 x 2",
            "f m1 2 1", "g m2 0 1", "a-3 m1 1.2 1.5",
        )  # fmt: skip
        self.write(folder, "utt2spk", "a-1 a", "b-1 b", "a-2 a", "g a", "h a", "a-3 a")
        self.write(folder, "text", "a-1", "b-1 YES", "a-2 NO", "a-3 NO")
        expect(
            told("kaldi", folder, tmp_path / "out"),
            [
                "wav.scp line 3: m2 is listed before",
                "wav.scp line 4: m3 has no value",
                "wav.scp line 5: m4 lies in an archive",
                "wav.scp line 6: m5 is a command",
                "segments line 3: ",
                "segments line 4: the recording m9 is not in wav.scp",
                "segments line 5: 3 columns",
                "segments line 6: the start 'x' is not a number",
                "segments line 7: from 2 to 1 s",
                "segments line 8: g is not in text",
                "utt2spk line 5: h is not in segments",
                "text line 1: the transcript of a-1 is empty",
                "segments line 9: a-3 overlaps a-1",
            ],
        )

    @pytest.mark.parametrize("name", ["text", "utt2spk"])
    def test_an_empty_list_lacks_every_utterance(self, name, folder, tmp_path):
        self.write(folder, name)
        expect(
            told("kaldi", folder, tmp_path / "out"), [f": {each} is not in {name}" for each in ("a-1", "b-1", "a-2")]
        )

    def test_overlap_may_be_allowed(self, folder, tmp_path):
        self.write(folder, "utt2spk", "a-1 a", "b-1 a", "a-2 a")
        expect(told("kaldi", folder, tmp_path / "out"), ["b-1 overlaps a-1"])
        assert len(imported("kaldi", folder, tmp_path / "out", allow_overlap=True)) == 3

    def test_pipes_run_once_where_they_are_allowed(self, folder, tmp_path):
        count = tmp_path / "count"
        self.write(folder, "wav.scp", f"m1 echo x >> {count}; cat {folder}/audio/m1.wav |", "m2 audio/m2.wav")
        expect(told("kaldi", folder, tmp_path / "out"), ["m1 is a command"])
        assert not count.exists()
        cuts = imported("kaldi", folder, tmp_path / "out", allow_pipes=True)
        assert count.read_text() == "x\n"  # two segments of one recording
        assert cuts["a-1"][1].recording.sources[0].source == str(tmp_path / "out/audio/all/000000-m1.flac")
        direct, _ = soundfile.read(folder / "audio/m1.wav", dtype="float32")
        assert (load_cut(cuts["a-1"][1]).numpy() == direct[8_000:20_000]).all()
        (tmp_path / "out").rename(tmp_path / "moved")
        assert len(load_cut(next(iter(read_cuts(tmp_path / "moved/all.jsonl.gz"))))) == 12_000

    def test_pipes_that_fail(self, folder, tmp_path):
        self.write(folder, "wav.scp", "m1 echo no >&2; exit 3 |", f"m2 head -c 9000 {folder}/audio/m2.wav |")
        faults = told("kaldi", folder, tmp_path / "out", allow_pipes=True)
        expect(faults, ["segments line 1: a-1: the command failed with 3: no", "segments line 3: a-2: cut off"])


class TestRttm:
    @pytest.fixture
    def folder(self, tmp_path, audio):
        for name in ("m1", "m2", "silent"):
            audio(f"d/audio/{name}.wav", 4.0)
        (tmp_path / "d/all.rttm").write_text(
            "SPEAKER m1 1 0.5 2.000 <NA> <NA> anna <NA> <NA>\n"
            "SPEAKER m1 1 1.5 2.55 <NA> <NA> ben <NA> <NA>\n"
            "SPEAKER m2 1 0 1 <NA> <NA> anna <NA> <NA>\n"
        )
        (tmp_path / "d/all.uem").write_text("m1 1 0 3\nm1 1 3.5 4\nm2 1 0 4\nsilent 1 0 4\n")
        return tmp_path / "d"

    def test_turns_and_regions(self, folder, tmp_path):
        cuts = imported("rttm", folder / "all.rttm", tmp_path / "out", uem=folder / "all.uem")
        cut = cuts["m1"][1]
        assert [(s.start, s.end, s.speaker) for s in cut.supervisions] == [(0.5, 2.5, "anna"), (1.5, 4.0, "ben")]
        assert cut.uem == [[0.0, 3.0], [3.5, 4.0]] and cuts["silent"][1].supervisions == []
        again = imported("rttm", folder, tmp_path / "again", audio=folder / "audio")  # a folder of RTTM, no UEM
        assert again.keys() == {"m1", "m2"} and again["m1"][1].custom is None

    def test_faults(self, folder, tmp_path):
        with (folder / "all.rttm").open("a") as file:
            file.write("SPEAKER nobody 1 0 1 <NA> <NA> x <NA> <NA>\nSPEAKER m2 1 3 5 <NA> <NA> x <NA> <NA>\n")
        expect(
            told("rttm", folder / "all.rttm", tmp_path / "out"),
            ["all.rttm line 4: unknown recording nobody", "all.rttm line 5: x from 3.000 to 8.000 s, but "],
        )
        (folder / "all.rttm").write_text("SPEAKER m1 1 0\nSPEAKER m1 1 a 1 <NA> <NA> x <NA> <NA>\nLINE\n")
        expect(
            told("rttm", folder / "all.rttm", tmp_path / "out"),
            ["all.rttm line 1: 4 columns", "all.rttm line 2: the onset 'a'", "all.rttm line 3: unknown record"],
        )
        (folder / "all.rttm").write_text("".join(f"SPEAKER {m} 1 0 1 <NA> <NA> x <NA> <NA>\n" for m in ("m1", "m2")))
        (folder / "all.uem").write_text("m1 1 0 3\n")
        expect(
            told("rttm", folder / "all.rttm", tmp_path / "out", uem=folder / "all.uem"),
            [f"all.rttm line 2: {folder / 'all.uem'} has no region of m2"],
        )
        (folder / "all.uem").write_text("m1 1 0 9\n")
        (folder / "all.rttm").write_text("SPEAKER m1 1 0 1 <NA> <NA> x <NA> <NA>\n")
        expect(
            told("rttm", folder / "all.rttm", tmp_path / "out", uem=folder / "all.uem"), ["a region from 0.000 to 9"]
        )
        audio = folder / "other/m1.wav"
        audio.parent.mkdir()
        audio.write_bytes((folder / "audio/m1.wav").read_bytes())
        expect(told("rttm", folder / "all.rttm", tmp_path / "out"), ["2 files are called 'm1'"])


class TestAsvspoof:
    LINES = {
        "ASVspoof2019.LA.cm.train.trn.txt": ("LA_79 F1 - A01 spoof", "LA_80 F2 - - bonafide"),
        "trial_metadata.txt": ("LA_9 F1 alaw ita_tx A01 spoof notrim eval", "LA_9 F2 none lo - bonafide trim hidden"),
        "df_metadata.txt": ("L F1 nocodec asv A01 spoof notrim progress v - - - -", "L F2 n a - bonafide t eval b - - - -"),
        "ASVspoof5.dev.track_1.tsv": ("T_1 F1 F C01 2 7 AC3 A01 spoof -", "T_2 F2 M - - - bonafide - bonafide -"),
        "ASVspoof5.train.tsv": ("T_1 F1 F - A01 spoof", "T_2 F2 M - bonafide bonafide"),
    }  # fmt: skip

    @pytest.mark.parametrize("name", LINES)
    def test_each_generation(self, name, tmp_path, audio):
        audio("flac/F1.flac")
        audio("flac/F2.flac")
        (tmp_path / name).write_text("".join(f"{line}\n" for line in self.LINES[name]))
        cuts = imported("asvspoof", tmp_path / name, tmp_path / "out", audio=tmp_path / "flac")
        custom = {name: cut.supervisions[0].custom for name, (_, cut) in cuts.items()}
        assert (custom["F1"]["label"], custom["F1"]["attack"]) == ("spoof", "A01")
        assert (
            custom["F2"]["label"] == "bonafide"
            and cuts["F1"][1].supervisions[0].speaker == self.LINES[name][0][: self.LINES[name][0].index(" ")]
        )
        splits = {"trial_metadata.txt": ["eval", "hidden"], "df_metadata.txt": ["progress", "eval"]}
        expected = splits.get(name, ["dev" if "dev" in name else "train"] * 2)
        assert [cuts["F1"][0], cuts["F2"][0]] == expected
        assert (cuts["F1"][1].supervisions[0].gender == "f") == ("ASVspoof5" in name)
        if name == "ASVspoof5.dev.track_1.tsv":
            assert custom["F1"]["codec"] == "C01" and "codec" not in custom["F2"]

    def test_faults(self, tmp_path, audio):
        audio("F1.flac")
        path = tmp_path / "p.txt"
        path.write_text("s F1 - A1 spoof\ns F1 - A1 fake\ns F9 - A1 spoof\ns F1 A1 spoof\ns F1 - - bonafide\n")
        expect(
            told("asvspoof", path, tmp_path / "out"),
            [
                "p.txt line 2: the key (column 5) is 'fake'",
                "p.txt line 3: no audio file 'F9'",
                "p.txt line 4: 4 columns, the lines before have 5",
                "p.txt line 5: F1 is listed before",
            ],
        )
        path.write_text("F1\nF2\n")
        expect(
            told("asvspoof", path, tmp_path / "out"), ["1 columns; protocols have 5, 6, 8, 10, 13; a list without keys"]
        )


class TestSlurp:
    ITEM = {
        "slurp_id": 4, "sentence": "wake me at five am", "intent": "alarm_wake", "scenario": "alarm", "action": "set",
        "tokens": [{"surface": word, "id": k} for k, word in enumerate(["Wake", "me", "at", "Five", "am"])],
        "entities": [{"span": [3, 4], "type": "time"}],
        "recordings": [{"file": "a.flac", "status": "correct"}, {"file": "b.flac"}],
    }  # fmt: skip

    def test_a_sentence_and_its_recordings(self, tmp_path, audio):
        audio("audio/slurp_real/a.flac")
        audio("audio/slurp_real/b.flac")
        audio("audio/slurp_synth/c.flac")
        (tmp_path / "devel.jsonl").write_text(json.dumps(self.ITEM) + "\n")
        synthetic = {**self.ITEM, "recordings": [{"file": "c.flac"}], "entities": []}
        (tmp_path / "train_synthetic.jsonl").write_text(json.dumps(synthetic))
        cuts = imported("slurp", tmp_path, tmp_path / "out", audio=tmp_path / "audio")
        assert {name: split for name, (split, _) in cuts.items()} == {
            "a.flac": "devel", "b.flac": "devel", "c.flac": "train_synthetic",
        }  # fmt: skip
        (said,) = cuts["a.flac"][1].supervisions
        assert said.text == "wake me at five am" and said.custom["intent"] == "alarm_set"
        assert said.custom["slots"] == [{"type": "time", "filler": "five am"}] and said.custom["status"] == "correct"
        assert cuts["c.flac"][1].supervisions[0].custom["slots"] == []

    def test_faults(self, tmp_path, audio):
        audio("a.flac")
        items = [
            {**self.ITEM, "entities": [{"span": [9], "type": "time"}]},
            {**self.ITEM, "sentence": " "},
            {**self.ITEM, "action": None},
            {**self.ITEM},
        ]
        (tmp_path / "test.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items) + "{no\n[1]\n")
        expect(
            told("slurp", tmp_path, tmp_path / "out"),
            [
                "test.jsonl line 1: an entity or recording is not as in SLURP (IndexError",
                "test.jsonl line 2: the sentence is empty",
                "test.jsonl line 3: action missing",
                "test.jsonl line 4: no audio file 'b.flac'",
                "test.jsonl line 5: no JSON",
                "test.jsonl line 6: a JSON list",
            ],
        )


class TestNemo:
    def test_utterances_offsets_and_diarization(self, tmp_path, audio):
        audio("wav/1.wav", 3.0)
        (tmp_path / "1.rttm").write_text("SPEAKER 1 1 0 1 <NA> <NA> anna <NA> <NA>\n")
        lines = [
            {"audio_filepath": "wav/1.wav", "duration": 3.0, "text": "good morning", "lang": "en", "speaker": "anna"},
            {"audio_filepath": "wav/1.wav", "offset": 0.5, "duration": 1.25, "text": "morning"},
        ]
        (tmp_path / "m.json").write_text("\n".join(json.dumps(line) for line in lines))
        cuts = imported("nemo", tmp_path / "m.json", tmp_path / "out")
        first, second = cuts["wav/1.wav"][1], cuts["wav/1.wav@0.5"][1]
        (said,) = first.supervisions
        assert (said.text, said.speaker, said.custom) == ("good morning", "anna", {"lang": "en"})
        assert (second.start, second.duration, second.supervisions[0].text) == (0.5, 1.25, "morning")
        meeting = {"audio_filepath": "wav/1.wav", "text": "-", "duration": None, "rttm_filepath": "1.rttm"}
        (tmp_path / "d.json").write_text(json.dumps(meeting))
        ((_, cut),) = imported("nemo", tmp_path / "d.json", tmp_path / "out").values()
        assert [(s.speaker, s.end) for s in cut.supervisions] == [("anna", 1.0)]

    def test_faults(self, tmp_path, audio):
        audio("1.wav")
        (tmp_path / "m.json").write_text(
            '{"audio_filepath": "1.wav", "duration": 2.5, "text": "x"}\n'
            '{"audio_filepath": "2.wav", "duration": 2, "text": "x"}\n'
            '{"audio_filepath": "1.wav", "duration": NaN, "text": "x"}\n'
            '{"audio_filepath": "1.wav", "duration": 2, "text": ""}\n'
            '{"duration": 2, "text": "x"}\n'
            '{"audio_filepath": 3}\n'
            '{"audio_filepath": "1.wav", "offset": 1, "duration": 4}\n'
        )
        expect(
            told("nemo", tmp_path / "m.json", tmp_path / "out"),
            [
                "line 1: " + str(tmp_path / "1.wav") + " lasts 2.000 s, but 2.500 s are listed",
                "line 2: " + str(tmp_path / "2.wav") + ": no such file",
                "line 3: the duration 'nan' is not a number",
                "line 4: the transcript is empty",
                "line 5: no audio_filepath",
                "line 6: audio_filepath is '3', not a string",
                "line 7: " + str(tmp_path / "1.wav") + " lasts 2.000 s, but a stretch from 1.000 to 5.000",
            ],
        )

    def test_turns_and_regions_of_another_recording(self, tmp_path, audio):
        for name in "1234":
            audio(f"{name}.wav")
        (tmp_path / "1.rttm").write_text("SPEAKER 1 1 0 1 <NA> <NA> anna <NA> <NA>\n")
        (tmp_path / "1.uem").write_text("1 1 0 1.5\n")
        (tmp_path / "none.rttm").touch()  # nobody speaks
        (tmp_path / "bad.rttm").write_text("SPEAKER 1 1 x\n")

        def manifest(*lines):
            keys = ("audio_filepath", "rttm_filepath", "uem_filepath")
            made = [dict(zip(keys[: len(line)], line, strict=True)) for line in lines]
            (tmp_path / "m.json").write_text("\n".join(json.dumps(item) for item in made))
            return tmp_path / "m.json"

        unread = [(f"{name}.wav", "bad.rttm", "no.uem") for name in "14"]
        source = manifest(("2.wav", "1.rttm"), ("3.wav", "none.rttm", "1.uem"), *unread)
        expect(
            told("nemo", source, tmp_path / "out"),
            [
                f"line 1: {tmp_path}/1.rttm has no recording 2, only 1",
                f"line 2: {tmp_path}/1.uem has no region of 3",
                "bad.rttm line 1: 4 columns",  # once each, though two lines name them
                "no.uem: cannot be read",
            ],
        )
        cuts = imported("nemo", manifest(("1.wav", "1.rttm", "1.uem"), ("2.wav", "none.rttm")), tmp_path / "out")
        assert cuts["1.wav"][1].uem == [[0.0, 1.5]] and cuts["2.wav"][1].supervisions == []


class TestVoxceleb:
    @pytest.fixture
    def folder(self, tmp_path, audio):
        for name in ("id1/v/1.wav", "id1/w/1.wav", "id2/v/1.wav"):
            audio(f"vox/{name}")
        return tmp_path / "vox"

    @pytest.mark.parametrize("naming", ["{}.wav", "{}", "kaldi"])
    def test_trials(self, folder, tmp_path, naming):
        def called(name):
            return name.replace("/", "-") if naming == "kaldi" else naming.format(name)

        a, b, c = (called(name) for name in ("id1/v/1", "id1/w/1", "id2/v/1"))
        lines = [f"{a} {b} target", f"{a} {c} nontarget"] if naming == "kaldi" else [f"1 {a} {b}", f"0 {a} {c}"]
        (tmp_path / "trials.txt").write_text("\n".join(lines))
        cuts = imported("voxceleb", folder, tmp_path / "out", trials=tmp_path / "trials.txt")
        assert {name: cut.supervisions[0].speaker for name, (_, cut) in cuts.items()} == {a: "id1", b: "id1", c: "id2"}
        assert len(imported("voxceleb", folder, tmp_path / "out")) == 3

    def test_only_what_trials_name(self, folder, tmp_path):
        (tmp_path / "t").write_text("1 id1/v/1.wav id1/v/1.wav\n\n0 id1/v/1.wav id2/v/1.wav\n")
        cuts = imported("voxceleb", folder, tmp_path / "out", trials=tmp_path / "t")
        assert cuts.keys() == {"id1/v/1.wav", "id2/v/1.wav"}

    def test_faults(self, folder, tmp_path):
        (tmp_path / "t").write_text("0 id1/v/1.wav id1/w/1.wav\n\n1 id1/v/1.wav id2/v/1.wav\n1 id3/1.wav id1/v/1.wav\n")
        expect(
            told("voxceleb", folder, tmp_path / "out", trials=tmp_path / "t"),
            [
                "t line 1: says different speaker, the folders are id1 and id1",
                "t line 3: says same speaker, the folders are id1 and id2",
                "t line 4: id3/1.wav is not in the folder",
            ],
        )
        (tmp_path / "t").write_text("1 a\n")
        expect(told("voxceleb", folder, tmp_path / "out", trials=tmp_path / "t"), ["line 1: '1 a' is no trial"])
