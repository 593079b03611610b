"""RTTM and UEM: what is written reads back, and a wrong file is told where."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sottovoce.data.corpora.rttm import Region, Turn, merge_regions, read_rttm, read_uem, write_rttm, write_uem
from sottovoce.errors import DataError

NAMES = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=6)
TICKS = st.integers(0, 20_000_000_000)  # microseconds: up to 5 hours
HERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@st.composite
def spans(draw):
    start = draw(TICKS)
    return start / 1e6, (start + draw(st.integers(1, 10_000_000))) / 1e6


def write(tmp_path, text):
    path = tmp_path / "file"
    path.write_text(text)
    return path


@HERE
@given(st.dictionaries(NAMES, st.lists(st.tuples(spans(), NAMES), min_size=1, max_size=8), max_size=4))
def test_turns_read_back_as_written(tmp_path, drawn):
    turns = {name: [Turn(*span, speaker) for span, speaker in listed] for name, listed in drawn.items()}
    path = write_rttm(turns, tmp_path / "a.rttm")
    read = read_rttm(path)
    assert read == {name: sorted(listed) for name, listed in sorted(turns.items())}
    assert list(read) == sorted(turns)
    assert write_rttm(read, tmp_path / "b.rttm").read_bytes() == path.read_bytes()


@HERE
@given(st.dictionaries(NAMES, st.lists(spans(), min_size=1, max_size=8), min_size=1, max_size=4))
def test_regions_read_back_merged(tmp_path, regions):
    read = read_uem(write_uem(regions, tmp_path / "a.uem"))
    for name, listed in regions.items():
        for a, b in zip(read[name], read[name][1:], strict=False):
            assert a.end < b.start
        for start, end in listed:
            assert sum(region.start <= start and end <= region.end for region in read[name]) == 1
        assert {time for region in read[name] for time in region} <= {time for span in listed for time in span}


def test_what_a_line_looks_like(tmp_path):
    path = write_rttm({"b": [(1, 2.5, "x")], "a": [(2, 3, "y"), (0.1, 0.3000004, "z")]}, tmp_path / "new" / "a.rttm")
    assert path.read_text().splitlines() == [
        "SPEAKER a 1 0.100 0.200 <NA> <NA> z <NA> <NA>",
        "SPEAKER a 1 2.000 1.000 <NA> <NA> y <NA> <NA>",
        "SPEAKER b 1 1.000 1.500 <NA> <NA> x <NA> <NA>",
    ]
    assert write_uem({"a": [(0, 5.25), (5, 6.123456)]}, tmp_path / "a.uem").read_text() == "a 1 0.000 6.123456\n"
    assert merge_regions([(3, 4), (0, 1), (1, 2)]) == [Region(0, 2), Region(3, 4)]


def test_what_is_passed_over(tmp_path):
    text = ";; a comment\n\nSPKR-INFO m 1 <NA> <NA> <NA> child s <NA>\nSPEAKER  m 1 10.0  1.9 <NA> <NA> s <NA>\n"
    assert read_rttm(write(tmp_path, text)) == {"m": [Turn(10.0, 11.9, "s")]}
    assert read_rttm(write(tmp_path, "")) == {}  # a system that heard nobody


GOOD = "SPEAKER m 1 0.0 1.0 <NA> <NA> s <NA> <NA>\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SPEAKER m 1 0 1 <NA> <NA> s\n", "line 1: 8 columns, a SPEAKER line has 10"),
        (GOOD + "SPEAKR m 1 0 1 <NA> <NA> s <NA> <NA>\n", "line 2: unknown record 'SPEAKR'"),
        (GOOD + GOOD.replace("0.0", "-1"), "line 2: onset -1 and duration 1.0"),
        (GOOD.replace("1.0", "0"), "line 1: onset 0.0 and duration 0;"),
        (GOOD.replace("1.0", "1,0"), "line 1: the duration '1,0' is not a number of seconds"),
        (GOOD.replace("1.0", "nan"), "line 1: the duration 'nan' is not finite"),
        (GOOD.replace(" s ", " <NA> "), "line 1: the speaker is <NA>"),
        (GOOD + GOOD.replace("m 1", "m 2"), "line 2: channel 2 of m, line 1 has 1"),
        ("x\ny\n" + GOOD, "file: line 1: unknown record 'x'; .*line 2: unknown record 'y'"),
        ("x\n" * 25, "; and 5 more"),
    ],
)
def test_wrong_turns_are_told_with_their_lines(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as caught:
        read_rttm(write(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no regions in it"),
        ("m 1 0\n", "line 1: 3 columns"),
        ("m 1 5 5\nm 1 x 5\n", "line 1: from 5 to 5 s; .*line 2: the start 'x' is not a number"),
        ("m 1 0 5\nm A 6 7\n", "line 2: channel A of m, line 1 has 1"),
    ],
)
def test_wrong_regions_are_told_with_their_lines(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_uem(write(tmp_path, text))


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        ({"a b": [(0, 1, "s")]}, "'a b' cannot name a recording"),
        ({"m": [(0, 1, "")]}, "'' cannot name a speaker"),
        ({"m": [(0, 1, "<NA>")]}, "cannot name a speaker"),
        ({"m": [(2, 1, "s")]}, "m: from 2 to 1 s; it must start at 0 or later"),
        ({"m": [(0, float("nan"), "s")]}, "from 0 to nan s is not finite"),
    ],
)
def test_what_could_not_be_read_back_is_not_written(tmp_path, turns, message):
    with pytest.raises(DataError, match=message):
        write_rttm(turns, tmp_path / "a.rttm")
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_leaves_nothing(tmp_path):
    (tmp_path / "a.rttm").mkdir()
    with pytest.raises(DataError, match="a.rttm: cannot be written"):
        write_rttm({"m": [(0, 1, "s")]}, tmp_path / "a.rttm")
    assert [path.name for path in tmp_path.iterdir()] == ["a.rttm"]


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="none.rttm: cannot be read"):
        read_rttm(tmp_path / "none.rttm")
    (tmp_path / "audio").write_bytes(b"\xff\x00\x80")
    with pytest.raises(DataError, match="audio: not a text file"):
        read_uem(tmp_path / "audio")


def test_published_files(data, tmp_path):
    paths = sorted((data / "refs/der").glob("*/*.rttm")) + sorted((data / "ami14").glob("rttm*/*.rttm"))
    assert len(paths) > 20
    for path in paths:
        turns = read_rttm(path)
        assert read_rttm(write_rttm(turns, tmp_path / "again.rttm")) == turns
    assert read_uem(data / "refs/der/sctk_sd/sd_test1.uem") == {"sd_test1": [(10, 15), (20, 24), (26, 30)]}


@pytest.mark.parametrize(("onset", "duration"), [("0", "1e12"), ("1e300", "1"), ("0", "1e9999"), ("nan", "1")])
def test_times_beyond_any_recording(tmp_path, onset, duration):
    (tmp_path / "a.rttm").write_text(f"SPEAKER a 1 {onset} {duration} <NA> <NA> x <NA> <NA>\n")
    with pytest.raises(
        DataError, match=r"a.rttm: line 1: the (onset|duration) .* is (not finite|beyond any recording)"
    ):
        read_rttm(tmp_path / "a.rttm")
    (tmp_path / "a.uem").write_text(f"a 1 0 {max(onset, duration, key=len)}\n")
    with pytest.raises(DataError, match="a.uem: line 1: the end"):
        read_uem(tmp_path / "a.uem")


def test_what_a_reference_says_beside_its_turns(tmp_path):
    (tmp_path / "a.rttm").write_text(
        "# a comment\n; another\nspeaker a 1 5 5 <NA> <NA> x <NA> <NA>\nNOSCORE a 1 1 2.5 <NA> <NA> <NA> <NA> <NA>\n"
        "NON-LEX b 1 2 0 <NA> laugh x <NA>\nSPEAKER a 1 0 5 <NA> <NA> y <NA> <NA>\nSPKR-INFO a 1 <NA> <NA> <NA> child x <NA>\n"
    )
    read = read_rttm(tmp_path / "a.rttm")
    assert read == {"a": [(0, 5, "y"), (5, 10, "x")]} and read.lines == {"a": [6, 3]}
    assert read.zones["a"].noscore == [(1.0, 3.5)] and dict(read.skipped) == {"SPKR-INFO": 1}
    (tmp_path / "a.rttm").write_text("NOSCORE a 1 1 -2.5 <NA> <NA> <NA> <NA> <NA>\nNOSCORE a 1\n")
    with pytest.raises(DataError, match="line 1: onset 1 and duration -2.5; .*; line 2: 3 columns"):
        read_rttm(tmp_path / "a.rttm")
