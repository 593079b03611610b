"""Corpora that hold their audio themselves, or are cuts already: Lhotse, Shar, Hugging Face."""

import gzip
import io
import json
import sys
import types

import numpy as np
import pytest
import soundfile
from lhotse import CutSet

from importing import told
from sottovoce.data.corpora.cuts import load_cut, make_cut, read_cuts, write_cuts
from sottovoce.data.corpora.manifests import import_corpus
from sottovoce.errors import DataError
from tone import tone


def encoded(seconds=1.0, pitch=300, subtype="PCM_16", kind="WAV"):
    buffer = io.BytesIO()
    soundfile.write(buffer, tone(seconds, pitch), 16_000, format=kind, subtype=subtype)
    return buffer.getvalue()


class TestCutSets:
    def test_cuts_stay_as_they_are(self, tones, tmp_path):
        cuts = [tones[0], tones[1].truncate(offset=0.1, duration=0.4), tones[2].append(tones[3])]
        CutSet.from_cuts(cuts).to_file(tmp_path / "theirs.jsonl.gz")
        made = import_corpus(tmp_path / "theirs.jsonl.gz", tmp_path / "out", layout="lhotse", split="train")
        assert list(read_cuts(made["train"])) == cuts

    def test_relative_paths_become_absolute(self, tmp_path):
        soundfile.write(tmp_path / "a.wav", tone(1, 300), 16_000)
        write_cuts([make_cut(name="a", source="a.wav", samples=16_000, rate=16_000)], tmp_path / "c.jsonl.gz")
        made = import_corpus(tmp_path / "c.jsonl.gz", tmp_path / "far/out", layout="lhotse")
        (cut,) = read_cuts(made["all"])
        assert cut.recording.sources[0].source == str(tmp_path / "a.wav")

    def test_faults(self, tones, tmp_path):
        def line(number, **changes):
            item = json.loads(json.dumps(tones[number].to_dict()))
            for path, value in changes.items():
                place = item
                *way, last = path.split("__")
                for key in way:
                    place = place[int(key)] if key.isdigit() else place[key]
                place[last] = value
            return json.dumps(item)

        lines = [
            line(0),
            line(1, recording__sources__0__source="/none.wav"),
            line(2, recording__num_samples=5),
            line(3, supervisions__0__start=9.0),
            line(4, recording__sources__0__type="command"),
            line(5, id="s0-0"),
            "{}",
            json.dumps(tones[0].recording.to_dict()),
        ]
        (tmp_path / "c.jsonl").write_text("\n".join(lines))
        faults = told("lhotse", tmp_path / "c.jsonl", tmp_path / "out")
        messages = {
            2: "/none.wav: no such file", 3: "but 5 at 16000 Hz are listed", 4: "is not inside its",
            5: "its audio is a command", 6: "s0-0 is listed before", 7: "no cut of Lhotse", 8: "a Recording, not a cut",
        }  # fmt: skip
        for number, message in messages.items():
            assert any(f"c.jsonl line {number}: " in fault and message in fault for fault in faults), (number, faults)
        assert len(faults) == len(messages)
        (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress("\n".join(lines).encode())[:-60])
        assert "cannot be read" in told("lhotse", tmp_path / "cut.jsonl.gz", tmp_path / "out")[0]


class TestShar:
    @pytest.fixture
    def shar(self, tones, tmp_path):
        place = tmp_path / "shar"
        place.mkdir()
        cuts = [cut.truncate(offset=0.1, duration=0.4) for cut in tones[:5]]
        CutSet.from_cuts(cuts).to_shar(place, fields={"recording": "flac"}, shard_size=2)
        return place, cuts

    def test_audio_and_cuts_are_the_same(self, shar, tmp_path):
        place, cuts = shar
        made = import_corpus(place, tmp_path / "out", layout="lhotse", split="train")
        found = list(read_cuts(made["train"]))
        assert [cut.id for cut in found] == [cut.id for cut in cuts] and len(list(place.glob("*.tar"))) == 3
        for ours, theirs in zip(found, cuts, strict=True):
            assert ours.supervisions[0].speaker == theirs.supervisions[0].speaker
            assert np.abs(load_cut(ours).numpy() - load_cut(theirs).numpy()).max() <= 1 / 32_768
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["train.jsonl.gz"]  # the audio stays in the tars

    def test_faults(self, shar, tmp_path):
        place, cuts = shar
        tars = sorted(place.glob("*.tar"))
        tars[0].unlink()
        tars[1].write_bytes(tars[1].read_bytes()[:1_000])
        faults = told("lhotse", place, tmp_path / "out")
        assert len(faults) == 2 and all(
            fault.startswith(f"{tar}: cannot be read as a shard") for tar, fault in zip(tars, faults, strict=False)
        )
        (place / "cuts.000001.jsonl.gz").unlink()
        (place / "cuts.000000.jsonl.gz").replace(place / "cuts.000002.jsonl.gz")
        faults = told("lhotse", place, tmp_path / "out")
        assert [fault.split(": ")[1] for fault in faults] == [
            f"{cut.id} has no audio in {tars[2].name}" for cut in cuts[:2]
        ]
        (tmp_path / "empty").mkdir()
        assert "no Shar directory" in told("lhotse", tmp_path / "empty", tmp_path / "out")[0]


class TestEmbedded:
    """By way of Shar-like memory: what cannot be decoded is told, and 24-bit stays 24-bit."""

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (encoded()[:9_000], "cut off: the header promises"),
            (b"no audio", "cannot be decoded"),
            (b"", "the file is empty"),
            (encoded(subtype="FLOAT").replace(tone(1, 300)[8:12].tobytes(), np.full(4, np.nan, "f4").tobytes()), "NaN"),
        ],
    )
    def test_faults(self, content, message, tmp_path):
        (tmp_path / "content").write_bytes(content)
        (tmp_path / "wav.scp").write_text(f"a cat {tmp_path}/content |\n")
        (fault,) = told("kaldi", tmp_path, tmp_path / "out", allow_pipes=True)
        assert fault.startswith(f"{tmp_path}/wav.scp line 1: a: ") and message in fault

    @pytest.mark.parametrize(("kind", "subtype"), [("PCM_16", "PCM_16"), ("FLOAT", "PCM_24"), ("ULAW", "PCM_16")])
    def test_depth(self, kind, subtype, tmp_path):
        (tmp_path / "content").write_bytes(encoded(subtype=kind))
        (tmp_path / "wav.scp").write_text(f"a/b cat {tmp_path}/content |\n")
        import_corpus(tmp_path, tmp_path / "out", layout="kaldi", allow_pipes=True)
        made = tmp_path / "out/audio/all/000000-a-b.flac"
        assert soundfile.info(made).subtype == subtype
        assert np.abs(soundfile.read(made)[0] - soundfile.read(io.BytesIO(encoded(subtype=kind)))[0]).max() < 1e-6


def test_without_datasets_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "datasets" else True)
    with pytest.raises(DataError, match="pip install datasets"):
        import_corpus(tmp_path, tmp_path / "out", layout="huggingface")


class TestHuggingFace:
    @pytest.fixture
    def dataset(self, tmp_path, monkeypatch):
        datasets = pytest.importorskip("datasets", reason="needs datasets: pip install datasets")
        soundfile.write(tmp_path / "c.wav", tone(1, 900), 16_000)
        audio = [{"bytes": encoded(pitch=300), "path": "a.wav"}, {"bytes": encoded(pitch=600, kind="FLAC"), "path": None},
                 {"bytes": None, "path": str(tmp_path / "c.wav")}]  # fmt: skip
        features = datasets.Features(
            {"sound": datasets.Audio(), "who": datasets.Value("string"), "text": datasets.Value("string"),
             "label": datasets.ClassLabel(names=["bonafide", "spoof"]), "n": datasets.Value("int64")}
        )  # fmt: skip
        columns = {
            "sound": audio,
            "who": ["x", "y", None],
            "text": ["one", "two", None],
            "label": [0, 1, 1],
            "n": [1, 2, 3],
        }
        # datasets imports torchcodec before it sees that these bytes need no encoding.
        monkeypatch.setitem(sys.modules, "torchcodec", types.ModuleType("torchcodec"))
        monkeypatch.setitem(sys.modules, "torchcodec.encoders", types.ModuleType("torchcodec.encoders"))
        monkeypatch.setattr(sys.modules["torchcodec.encoders"], "AudioEncoder", None, raising=False)
        return datasets.Dataset.from_dict(columns, features=features)

    def check(self, made, name="train-000000"):
        found = {cut.id: cut for cut in read_cuts(made["train"])}
        (said,) = found[name].supervisions
        assert (said.speaker, said.text, said.custom) == ("x", "one", {"label": "bonafide", "n": 1})
        for cut, pitch in zip(found.values(), (300, 600, 900), strict=True):
            assert np.abs(load_cut(cut).numpy() - tone(1, pitch)).max() < 1e-4

    def test_saved_to_disk(self, dataset, tmp_path):
        import datasets

        columns = {"speaker": "who"}
        datasets.DatasetDict(train=dataset).save_to_disk(tmp_path / "saved")
        self.check(import_corpus(tmp_path / "saved", tmp_path / "out", layout="huggingface", columns=columns))
        dataset.save_to_disk(tmp_path / "one")
        made = import_corpus(tmp_path / "one", tmp_path / "again", layout="huggingface", columns=columns, split="train")
        self.check(made, "all-000000")

    def test_parquet(self, dataset, tmp_path):
        (tmp_path / "data").mkdir()
        dataset.to_parquet(tmp_path / "data/train-00000-of-00001.parquet")
        self.check(import_corpus(tmp_path / "data", tmp_path / "out", layout="huggingface", columns={"speaker": "who"}))

    def test_faults(self, dataset, tmp_path):
        import datasets

        items = dataset.cast_column("sound", datasets.Audio(decode=False)).to_list()
        items[0]["sound"] = {"bytes": b"no", "path": "x"}
        items[1] |= {"sound": None, "text": " "}
        items[2] |= {"text": " "}
        bad = datasets.Dataset.from_list(items, features=dataset.features)
        bad.save_to_disk(tmp_path / "bad")
        faults = told("huggingface", tmp_path / "bad", tmp_path / "out", columns={"audio": "sound"})
        assert [fault.removeprefix(f"{tmp_path / 'bad'} all ") for fault in faults] == [
            "row 1: no audio",
            "row 2: the transcript is empty",
        ]
        assert (
            "no column 'none'" in told("huggingface", tmp_path / "bad", tmp_path / "out", columns={"text": "none"})[0]
        )
        (tmp_path / "x.parquet").write_text("no parquet")
        assert "neither a saved dataset" in told("huggingface", tmp_path / "x.parquet", tmp_path / "out")[0]
        (tmp_path / "empty").mkdir()
        assert "neither a saved dataset" in told("huggingface", tmp_path / "empty", tmp_path / "out")[0]
