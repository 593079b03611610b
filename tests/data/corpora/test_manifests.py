"""Corpora become checked cuts, or one error with all their faults and nothing written."""

import logging

import numpy as np
import pytest
import soundfile

from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.data.corpora.manifests import CorpusError, import_corpus
from sottovoce.errors import PluginError
from sottovoce.metrics import read_trials
from tone import tone

HEADER = "path\tsplit\tspeaker\tduration\tgender\ttext\tsession\n"


@pytest.fixture
def corpus(tmp_path):
    """Four good files and a table of them."""
    folder = tmp_path / "corpus"
    (folder / "audio").mkdir(parents=True)
    rows = []
    for number in range(4):
        soundfile.write(folder / f"audio/{number}.wav", tone(1 + number / 10, 300), 16_000)
        split = "train" if number < 3 else "dev"
        rows.append(f'audio/{number}.wav\t{split}\ts{number}\t{1 + number / 10}\tf\tsay "{number}"\tcall{number}\n')
    (folder / "manifest.tsv").write_text(HEADER + "".join(rows))
    return folder


def faults(source, out, **options):
    with pytest.raises(CorpusError) as caught:
        import_corpus(source, out, **options)
    assert not out.exists()
    return caught.value.faults


def test_a_table(corpus, tmp_path):
    made = import_corpus(corpus, tmp_path / "out")
    assert made == {split: tmp_path / f"out/{split}.jsonl.gz" for split in ("train", "dev")}
    cuts = list(read_cuts(made["train"]))
    assert [cut.id for cut in cuts] == [f"audio/{number}.wav" for number in range(3)]
    (supervision,) = cuts[1].supervisions
    assert (supervision.speaker, supervision.gender, supervision.text) == ("s1", "f", 'say "1"')
    assert supervision.custom == {"session": "call1"}
    assert cuts[1].duration == 1.1 and cuts[1].recording.num_samples == 17_600
    assert cuts[1].recording.sources[0].source == str((corpus / "audio/1.wav").resolve())
    assert import_corpus(corpus / "manifest.tsv", tmp_path / "again").keys() == made.keys()


def test_a_csv_with_only_paths(corpus, tmp_path):
    (corpus / "list.csv").write_text("path,sex,speaker\naudio/0.wav,m,\naudio/1.wav,,x\n")
    (made,) = import_corpus(corpus / "list.csv", tmp_path / "out").items()
    first, second = read_cuts(made[1])
    assert made[0] == "all"
    assert (first.supervisions[0].speaker, first.supervisions[0].gender) == (None, "m")
    assert (second.supervisions[0].speaker, second.supervisions[0].gender) == ("x", None)


def test_all_faults_of_a_table_are_told_at_once(corpus, tmp_path):
    audio = corpus / "audio"
    (audio / "empty.wav").touch()
    (audio / "text.wav").write_text("no audio")
    soundfile.write(audio / "short.wav", tone(0.02, 300), 16_000)
    soundfile.write(audio / "stereo.wav", np.stack([tone(1, 300)] * 2, 1), 16_000)
    (audio / "cut.wav").write_bytes((audio / "0.wav").read_bytes()[:9_000])
    rows = [
        "audio/none.wav\ttrain\ts\t\tf\t\t",
        "audio/empty.wav\ttrain\ts\t\tf\t\t",
        "audio/text.wav\ttrain\ts\t\tf\t\t",
        "audio/short.wav\ttrain\ts\t\tf\t\t",
        "audio/stereo.wav\ttrain\ts\t\tf\t\t",
        "audio/cut.wav\ttrain\ts\t\tf\t\t",
        "audio/1.wav\ttrain\ts\t\tf\t\t",
        "audio/2.wav\ttrain\ts\t\tf",
        "\ttrain\ts\t\tf\t\t",
        "audio/1.wav\t../up\ts\t\tf\t\t",
        "audio/1.wav\ttrain\ts\tlong\tf\t\t",
    ]
    with (corpus / "manifest.tsv").open("a") as file:
        file.write("\n".join(rows) + "\n")
    told = faults(corpus, tmp_path / "out")
    expected = {
        6: "no such file",
        7: "the file is empty",
        8: "cannot be decoded",
        9: "too short: 0.0200 s",
        10: "has 2 channels",
        11: "cut off",
        12: "audio/1.wav is listed before, at ",
        13: "5 columns, the header has 7",
        14: "the path is empty",
        15: "cannot be a file name",
        16: "'long' is not a number of seconds",
    }
    for line, message in expected.items():
        assert any(f"manifest.tsv line {line}: " in fault and message in fault for fault in told), (line, told)
    assert len(told) == len(expected) + 1  # line 15 also repeats audio/1.wav


def test_a_duration_that_is_not_the_files(corpus, tmp_path):
    text = (corpus / "manifest.tsv").read_text().replace("\t1.2\t", "\t2.2\t")
    (corpus / "manifest.tsv").write_text(text)
    (told,) = faults(corpus, tmp_path / "out")
    assert "line 4: " in told and "lasts 1.200 s, but 2.200 s are listed" in told


def test_faulty_audio_can_be_left_out_but_not_a_faulty_list(corpus, tmp_path, caplog):
    (corpus / "audio/1.wav").write_bytes(b"")
    with caplog.at_level(logging.WARNING):
        made = import_corpus(corpus, tmp_path / "out", skip_faulty=True)
    assert [cut.id for cut in read_cuts(made["train"])] == ["audio/0.wav", "audio/2.wav"]
    assert [r.message for r in caplog.records if "left out" in r.message and "line 3" in r.message]
    with (corpus / "manifest.tsv").open("a") as file:
        file.write("audio/0.wav\n")
    told = faults(corpus, tmp_path / "not", skip_faulty=True)
    assert any("1 columns" in fault for fault in told)
    for number in range(4):
        (corpus / f"audio/{number}.wav").write_bytes(b"")
    (corpus / "manifest.tsv").write_text(HEADER + "audio/0.wav\ttrain\ts\t\tf\t\t\n")
    assert len(faults(corpus, tmp_path / "nothing", skip_faulty=True)) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no column 'path'"),
        ("file,speaker\na.wav,b\n", "no column 'path' among .* \\(tab-separated\\)"),
        ("path\tpath\na\tb\n", "a column is named twice"),
        (HEADER, "no utterances found"),
        (
            'path\ttext\na.wav\t"open\tb"\n',
            "line 2: 3 columns, the header has 2; cells quoted as in CSV need quotes csv",
        ),
        ('"path"\t"text"\na.wav\tb\n', "no column 'path' among .*; cells quoted as in CSV need quotes csv"),
    ],
)
def test_tables_that_are_none(corpus, tmp_path, text, message):
    (corpus / "manifest.tsv").write_text(text)
    with pytest.raises(CorpusError, match=message):
        import_corpus(corpus, tmp_path / "out")


def test_sources_that_are_none(corpus, tmp_path):
    for source, message in ((corpus / "audio", "cannot be read"), (corpus / "audio/0.wav", "not a text file")):
        with pytest.raises(CorpusError, match=message):
            import_corpus(source, tmp_path / "out")
    with pytest.raises(PluginError, match=r"no layout is called 'tabel'; did you mean 'table'\?"):
        import_corpus(corpus, tmp_path / "out", layout="tabel")


def test_long_lists_of_faults_are_shortened_in_print_only(corpus, tmp_path):
    (corpus / "manifest.tsv").write_text("path\n" + "".join(f"{n}.wav\n" for n in range(80)))
    with pytest.raises(CorpusError, match="80 faults, nothing was written") as caught:
        import_corpus(corpus, tmp_path / "out")
    assert len(caught.value.faults) == 80 and len(str(caught.value).splitlines()) == 22
    assert str(caught.value).endswith("and 60 more")


def test_folders_of_speakers(tmp_path, caplog):
    root = tmp_path / "vox"
    for name in ("id1/a/1.wav", "id1/b/1.wav", "id2/a/1.flac"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(root / name, tone(1, 300), 16_000)
    (root / "id1/notes.txt").touch()
    (root / "id1/.hidden.wav").touch()
    with caplog.at_level(logging.WARNING):
        made = import_corpus(root, tmp_path / "out", layout="folder")
    cuts = read_cuts(made["all"])
    assert {cut.id: cut.supervisions[0].speaker for cut in cuts} == {
        "id1/a/1.wav": "id1",
        "id1/b/1.wav": "id1",
        "id2/a/1.flac": "id2",
    }
    assert "skipped 1 files that are not audio (1 .txt)" in caplog.text
    soundfile.write(root / "loose.wav", tone(1, 300), 16_000)
    (told,) = faults(root, tmp_path / "not", layout="folder")
    assert told == f"{root / 'loose.wav'}: lies outside the folders of speakers; move it into one"
    assert faults(root / "loose.wav", tmp_path / "not", layout="folder")
    (root / "loose.wav").write_bytes(b"")
    (root / "id1/a/1.wav").write_bytes(b"")
    assert any(
        fault == f"{root / 'id1/a/1.wav'}: the file is empty (0 bytes); replace it or leave it out"
        for fault in faults(root, tmp_path / "not", layout="folder")
    )


def test_speakers_in_several_splits_are_told(corpus, tmp_path, caplog):
    text = (corpus / "manifest.tsv").read_text().replace("s3", "s0")
    (corpus / "manifest.tsv").write_text(text)
    with caplog.at_level(logging.WARNING):
        import_corpus(corpus, tmp_path / "out")
    assert "speakers in several splits: 1, for example s0" in caplog.text


def test_real_telephone_corpus_and_its_trials(data, tmp_path):
    with pytest.raises(CorpusError, match="3 faults"):
        import_corpus(data / "wuw2", tmp_path / "strict")
    made = import_corpus(data / "wuw2", tmp_path / "out", skip_faulty=True)
    train, dev = (list(read_cuts(made[split])) for split in ("train", "dev"))
    assert len(train) == 1_329 and len(dev) == 390
    speakers = [{cut.supervisions[0].speaker for cut in cuts} for cuts in (train, dev)]
    assert len(speakers[1]) == 24 and not speakers[0] & speakers[1]
    of = {cut.id: cut.supervisions[0].speaker for cut in dev}
    trials = read_trials(data / "wuw2/trials/dev_sentence.txt")
    pairs = zip(trials.left, trials.right, trials.targets, strict=True)
    assert all((of[a] == of[b]) == target for a, b, target in pairs)
