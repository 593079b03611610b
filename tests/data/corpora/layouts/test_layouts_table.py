"""Tables with other columns, stretches, turns, regions, words and slots; and the real corpora."""

import json

import numpy as np
import pytest
import soundfile

from sottovoce.data.corpora.cuts import load_cut, read_cuts
from sottovoce.data.corpora.layouts import LAYOUTS
from sottovoce.data.corpora.manifests import CorpusError, import_corpus
from sottovoce.data.corpora.rttm import read_rttm
from sottovoce.data.corpora.summary import summarize
from sottovoce.errors import DataError
from tone import tone

TURNS = "SPEAKER m1 1 0.5 1 <NA> <NA> anna <NA> <NA>\nSPEAKER m1 1 1 1 <NA> <NA> ben <NA> <NA>\n"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "c/audio").mkdir(parents=True)
    for name in ("m1", "m2"):
        soundfile.write(tmp_path / f"c/audio/{name}.wav", tone(2, 300), 16_000)
    (tmp_path / "c/m1.rttm").write_text(TURNS)
    (tmp_path / "c/m1.uem").write_text("m1 1 0 1.5\n")
    (tmp_path / "c/none.rttm").touch()
    return tmp_path / "c"


def write(folder, *rows):
    (folder / "manifest.tsv").write_text("\n".join("\t".join(row) for row in rows))


def cuts_of(folder, **options):
    made = import_corpus(folder, folder.parent / "out", **options)
    return {cut.id: cut for path in made.values() for cut in read_cuts(path)}


def faults_of(folder, **options):
    with pytest.raises(CorpusError) as caught:
        cuts_of(folder, **options)
    assert not (folder.parent / "out").exists()
    return caught.value.faults


def test_mapped_columns_stretches_and_missing_endings(folder):
    write(folder, ["id", "file", "from", "to", "cls", "spk", "label"], ["u1", "m1", "0.5", "1.5", "spoof", "s", "other"],
          ["u2", "m1", "1.5", "", "bonafide", "s", "other"], ["u3", "audio/m2.wav", "", "", "bonafide", "s", ""])  # fmt: skip
    columns = {"path": "file", "name": "id", "start": "from", "end": "to", "label": "cls", "speaker": "spk"}
    cuts = cuts_of(folder, columns=columns)
    assert {name: (cut.start, cut.duration) for name, cut in cuts.items()} == {
        "u1": (0.5, 1.0), "u2": (1.5, 0.5), "u3": (0.0, 2.0),
    }  # fmt: skip
    assert cuts["u1"].supervisions[0].custom == {"label": "spoof", "label_column": "other"}
    (folder.parent / "out").rename(folder / "old")
    (fault,) = faults_of(folder, columns={"path": "wrong"})
    assert "line 1: no column 'wrong' among" in fault


@pytest.mark.parametrize("column", ["text", "said"])
def test_an_empty_transcript_is_none_and_a_blank_one_a_fault(folder, column):
    columns = None if column == "text" else {"text": column}
    write(folder, ["path", column], ["audio/m1.wav", ""], ["audio/m2.wav", "yes"])
    assert [cut.supervisions[0].text for cut in cuts_of(folder, columns=columns).values()] == [None, "yes"]
    (folder.parent / "out").rename(folder / "old")
    write(folder, ["path", column], ["audio/m1.wav", ""], ["audio/m2.wav", " \u3000"])
    (fault,) = faults_of(folder, columns=columns)
    assert "manifest.tsv line 3: the transcript is blank" in fault


def test_unmapped_start_is_only_a_column(folder):
    write(folder, ["path", "start"], ["audio/m1.wav", "5.5"])
    (cut,) = cuts_of(folder).values()
    assert cut.duration == 2.0 and cut.supervisions[0].custom == {"start": "5.5"}


def test_turns_and_regions_of_columns(folder):
    write(folder, ["path", "rttm", "uem", "room"], ["audio/m1.wav", "m1.rttm", "m1.uem", "big"],
          ["audio/m2.wav", "none.rttm", "", "small"])  # fmt: skip
    first, second = cuts_of(folder).values()
    assert [(s.start, s.end, s.speaker) for s in first.supervisions] == [(0.5, 1.5, "anna"), (1.0, 2.0, "ben")]
    assert first.custom == {"room": "big", "uem": [[0.0, 1.5]]} and second.supervisions == []


def test_faults_of_turns_and_regions(folder):
    (folder / "late.rttm").write_text(TURNS.replace("m1 1 1 1 ", "m1 1 1 5 "))
    rows = [["audio/m1.wav", "late.rttm", "m1.uem"], ["audio/m2.wav", "m1.rttm", "m1.uem"],
            ["audio/m2.wav", "gone.rttm", ""], ["audio/m2.wav", "x" * 300, ""]]  # fmt: skip
    write(folder, ["path", "rttm", "uem"], *rows)
    faults = faults_of(folder)
    for message in ("late.rttm line 2: ben from 1.000 to 6.000 s", "m1.rttm has no recording m2, only m1",
                    "m1.uem has no region of m2", "gone.rttm: cannot be read", "xxx: cannot be read"):  # fmt: skip
        assert any(message in fault for fault in faults), (message, faults)
    write(folder, ["path"], ["audio/m2.wav"])
    (fault,) = faults_of(folder, rttm=folder / "m1.rttm")
    assert f"{folder / 'm1.rttm'} line 1: unknown recording m1" in fault


def test_words_and_slots(folder):
    words = [{"speaker": "anna", "start_time": 0.5, "end_time": 1.5, "words": "good morning"},
             {"speaker": "ben", "start_time": 1.0, "end_time": 2.0, "words": "hello"}]  # fmt: skip
    header = ["path", "rttm", "seglst", "slots"]

    def quoted(value):
        return '"' + json.dumps(value).replace('"', '""') + '"'

    write(folder, header, ["audio/m1.wav", "m1.rttm", quoted(words), quoted({"size": "large"})])
    (cut,) = cuts_of(folder).values()
    assert [(s.speaker, s.text) for s in cut.supervisions] == [("anna", "good morning"), ("ben", "hello")]
    assert cut.custom["slots"] == [{"type": "size", "filler": "large"}]
    (folder.parent / "out").rename(folder / "old")
    words[1]["words"], words[0]["end_time"] = " ", 1.4
    write(folder, header, ["audio/m1.wav", "m1.rttm", quoted(words), quoted(["size"])],
          ["audio/m2.wav", "", quoted([1]), "{"])  # fmt: skip
    faults = faults_of(folder)
    for message in ("line 2: the words of ben from 1 s are empty", "line 2: the turns of its RTTM", "line 2: slots is no",
                    "line 3: seglst is no list", "line 3: slots is no JSON"):  # fmt: skip
        assert any(message in fault for fault in faults), (message, faults)
    assert len(faults) == 5


def test_nan_is_no_duration(folder):
    write(folder, ["path", "duration"], ["audio/m1.wav", "nan"])
    assert "the duration 'nan' is not a number of seconds" in faults_of(folder)[0]


def test_a_channel_of_several(folder):
    soundfile.write(folder / "audio/m1.wav", np.stack([tone(1, 300), tone(1, 600)], 1), 16_000)
    write(folder, ["path"], ["audio/m1.wav"])
    assert "has 2 channels" in faults_of(folder)[0] and "has no channel 2" in faults_of(folder, channel=2)[0]
    (cut,) = cuts_of(folder, channel=1).values()
    assert np.abs(load_cut(cut).numpy() - tone(1, 600)).max() < 1e-4


def test_ten_thousand_rows_with_one_missing(folder):
    for number in range(50):
        (folder / f"audio/{number}.wav").hardlink_to(folder / "audio/m1.wav")
    columns = {"path": "file", "name": "id"}
    rows = [[f"u{n}", f"audio/{'none' if n == 7_000 else n % 50}.wav"] for n in range(10_000)]
    write(folder, ["id", "file"], *rows)
    (fault,) = faults_of(folder, columns=columns)
    assert "manifest.tsv line 7002: " in fault and "none.wav: no such file" in fault


@pytest.mark.parametrize(
    ("name", "options", "cuts", "seconds"),
    [
        ("libri261", {}, 211, None),
        ("conv", {}, 71, None),
        ("lsm40", {"columns": {"split": "set"}}, 32, None),
        ("spoof_dsp", {}, 240, 600.0),
        ("barista619", {}, 484, None),
        ("ami14", {"rttm": "rttm", "uem": "uem"}, 12, 360.0),
    ],
)
def test_real_corpora(data, tmp_path, name, options, cuts, seconds):
    given = {key: data / name / value if isinstance(value, str) else value for key, value in options.items()}
    made = import_corpus(data / name, tmp_path / "out", **given)
    found = summarize(cut for path in made.values() for cut in read_cuts(path))
    assert found.cuts == cuts and (seconds is None or abs(found.seconds - seconds) < 1)
    if name == "spoof_dsp":
        assert found.fields["label"] == {"bonafide": 96, "spoof": 144}
    if name == "ami14":
        assert found.scored == 360.0
    if name in ("conv", "lsm40", "ami14"):
        places = sorted((data / name / "rttm").glob("*.rttm"))
        assert sum(len(turns) for path in places for turns in read_rttm(path).values()) == sum(
            len(cut.supervisions) for path in made.values() for cut in read_cuts(path)
        )
        assert found.speech and 0 < found.overlap < found.speech
    if name == "lsm40":
        assert found.texts == 64
    if name == "barista619":
        assert found.fields["slots"]["coffeeDrink"] == 484


def texts(folder, **options):
    return [cut.supervisions[0].text for cut in cuts_of(folder, **options).values()]


def test_quotes_of_a_tab_separated_table_are_text(data, tmp_path):
    """A quote in a cell of a tab-separated table joined its row with the following ones, and their utterances were
    lost.
    """
    made = import_corpus(data.parent / "cases/tsv", tmp_path / "out")
    cuts = list(read_cuts(made["all"]))
    assert [cut.supervisions[0].text for cut in cuts] == [
        "good morning", '"open the door', 'close it"', "good night", '"yes"'
    ]  # fmt: skip
    assert [cut.id for cut in cuts] == [f"clips/c{number}.wav" for number in range(1, 6)]


def test_a_row_of_another_width_is_told_with_its_line(folder):
    """A row with too few or too many cells was read as if it were whole."""
    (folder / "manifest.tsv").write_text('path\ttext\naudio/m1.wav\t"a\n\naudio/m2.wav\tb"\tc\naudio/m2.wav\n')
    first, second = faults_of(folder)
    assert "line 4: 3 columns, the header has 2; cells quoted as in CSV need quotes csv" in first
    assert second.endswith("line 5: 1 columns, the header has 2")


@pytest.mark.parametrize("separator", ["\t", ",", ";"])
def test_quotes_as_in_csv(folder, separator):
    rows = [["path", "text", "slots"], ["audio/m1.wav", f'"say ""{separator} yes""\nor no"', '"{""a"": ""b""}"'],
            ["audio/m2.wav", '"""no"""', '{"a": "c"}']]  # fmt: skip
    table = folder / ("list.tsv" if separator == "\t" else "list.csv")
    table.write_text("\r\n".join(separator.join(row) for row in rows))
    made = import_corpus(table, folder.parent / "out", quotes="csv" if separator == "\t" else None)
    first, second = read_cuts(made["all"])
    assert first.supervisions[0].text == f'say "{separator} yes"\nor no' and second.supervisions[0].text == '"no"'
    assert [cut.supervisions[0].custom["slots"][0]["filler"] for cut in (first, second)] == ["b", "c"]


@pytest.mark.parametrize("ending", ["csv", "txt"])
def test_a_comma_in_the_name_of_a_column_separates_nothing(folder, ending):
    (folder / f"list.{ending}").write_text("path;speaker;text;age, years\naudio/m1.wav;a;well, yes;33\n")
    (cut,) = read_cuts(import_corpus(folder / f"list.{ending}", folder.parent / "out", layout="table")["all"])
    assert cut.supervisions[0].text == "well, yes" and cut.supervisions[0].custom["age, years"] == "33"


def test_a_comma_separated_table_without_quotes(folder):
    (folder / "list.csv").write_text('path,text\naudio/m1.wav,"yes\naudio/m2.wav,no"\n')
    made = import_corpus(folder / "list.csv", folder.parent / "out", quotes="none")
    assert [cut.supervisions[0].text for cut in read_cuts(made["all"])] == ['"yes', 'no"']
    (folder.parent / "out").rename(folder / "old")
    (folder / "list.csv").write_text('path,text\naudio/m1.wav,"yes\n')
    with pytest.raises(CorpusError, match="list.csv line 2: unexpected end of data"):
        import_corpus(folder / "list.csv", folder.parent / "out")


def test_json_is_read_plain_or_quoted_between_texts_with_quotes(folder):
    write(folder, ["path", "text", "slots"], ["audio/m1.wav", '"a', '"{""a"": ""b\\""c""}"'],
          ["audio/m2.wav", 'b"', '{"a": "b\\"c"}'])  # fmt: skip
    cuts = cuts_of(folder).values()
    assert [cut.supervisions[0].text for cut in cuts] == ['"a', 'b"']
    assert [cut.supervisions[0].custom["slots"] for cut in cuts] == 2 * [[{"type": "a", "filler": 'b"c'}]]


def test_cells_that_look_quoted_are_told(folder, caplog):
    write(folder, ["path", "text", "slots"], ["audio/m1.wav", '"say ""yes"""', '"{""a"": ""b""}"'],
          ["audio/m2.wav", '"yes"', ""])  # fmt: skip
    assert texts(folder) == ['"say ""yes"""', '"yes"']
    (said,) = caplog.messages
    assert "manifest.tsv: 1 cells look quoted as in CSV" in said


def test_unknown_quotes_are_refused(folder):
    write(folder, ["path"], ["audio/m1.wav"])
    with pytest.raises(DataError, match="the layout table: quotes: input should be 'csv' or 'none' .got 'double'"):
        cuts_of(folder, quotes="double")


@pytest.mark.parametrize(("name", "count"), [("barista619", 484), ("lsm40", 32)])
def test_corpora_whose_json_is_quoted_are_read_either_way(data, name, count):
    """JSON in cells that are quoted as CSV does was refused, or lost its quotes."""
    faults = []
    as_text, as_csv = (LAYOUTS["table"](data / name, faults, quotes=quotes) for quotes in (None, "csv"))
    assert not faults and len(as_text) == count and as_text == as_csv
    assert any(row.custom.get("slots") or row.segments for row in as_text)


@pytest.mark.parametrize("layout", ["table", "rttm", "nemo"])
def test_what_a_reference_leaves_out_is_not_scored(folder, layout, caplog):
    """NOSCORE and NON-LEX records of a reference were passed over without a word."""
    noscore = "NOSCORE m1 1 0.25 0.5 <NA> <NA> <NA> <NA> <NA>\n"
    (folder / "m1.rttm").write_text(TURNS + noscore + "NON-LEX m1 1 1.25 0.125 <NA> laugh <NA> <NA> <NA>\n")
    write(folder, ["path", "rttm"], ["audio/m1.wav", "m1.rttm"])
    (folder / "m.json").write_text('{"audio_filepath": "audio/m1.wav", "rttm_filepath": "m1.rttm"}')
    source = {"table": folder, "rttm": folder / "m1.rttm", "nemo": folder / "m.json"}[layout]
    (cut,) = read_cuts(import_corpus(source, folder.parent / "out", layout=layout)["all"])
    # md-eval: the laugh, 0.5 s on each side, but not before ben begins or after anna ends
    assert cut.custom["uem"] == [[0.0, 0.25], [0.75, 1.0], [1.5, 2.0]] and len(cut.supervisions) == 2
    assert [said for said in caplog.messages if "not scored" in said] == [
        "1 recordings have parts that are not scored (NOSCORE, NON-LEX): evaluation leaves them out, and training learns"
        f" there what the turns say; the first is {cut.id}"
    ]
    (folder.parent / "out").rename(folder / "old")
    (folder / "m1.rttm").write_text(TURNS + "NOSCORE m1 1 0 9 <NA> <NA> <NA> <NA> <NA>\n")
    with pytest.raises(CorpusError, match="m1.wav is scored, all of it is NOSCORE"):
        import_corpus(source, folder.parent / "out", layout=layout)
