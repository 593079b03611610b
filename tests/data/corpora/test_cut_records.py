"""Manifests read without Lhotse against the same read by Lhotse."""

import gzip
import json

import pytest

from sottovoce.data.corpora.cut_records import CutRecord, read_cut_records
from sottovoce.data.corpora.cuts import make_cut, read_cuts, write_cuts
from sottovoce.data.corpora.summary import summarize
from sottovoce.errors import DataError


def cut(name, seconds, **options):
    return make_cut(name=name, source=f"{name}.wav", samples=round(seconds * 100), rate=100, **options)


SEGMENTS = [(0.0, 0.1, "a", "x y"), (0.1, 0.3, "b", None), (0.2, 4.0, "a", None)]
CUTS = [
    cut("1", 0.5, speaker="s", gender="f", text="a b a", custom={"label": "spoof", "n": 3, "v": {"w": 1}}),
    cut("2", 10, segments=SEGMENTS, cut_custom={"uem": [[0, 5], [6, 9]], "room": "x"}),
    cut("3", 5, segments=[], channels=2, channel="mix"),
    cut("4", 7, stretch=(0.1, 0.3), recording="r", channels=2, channel=1),
]


def test_counts_are_those_of_lhotse(tmp_path):
    path = write_cuts(CUTS, tmp_path / "a.jsonl.gz")
    found = read_cut_records(path)
    assert all(isinstance(each, CutRecord) for each in found)
    assert summarize(found) == summarize(read_cuts(path)) == summarize(CUTS)


def test_lhotse_reads_what_is_put_together(tmp_path):
    path = write_cuts([CUTS[0], CUTS[1].append(CUTS[3]).with_id("5")], tmp_path / "a.jsonl.gz")
    assert summarize(read_cut_records(path)) == summarize(read_cuts(path))
    assert summarize(read_cut_records(path)).seconds == pytest.approx(10.7)


GOOD = json.loads(json.dumps(CUTS[0].to_dict()))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        json.dumps({**GOOD, "surprise": 1}),
        json.dumps({**GOOD, "supervisions": [{"id": "x"}]}),
        json.dumps(GOOD["recording"]),
        f"{json.dumps(GOOD)}\n{json.dumps(GOOD)}",
    ],
)
def test_what_is_wrong_is_told_as_by_read_cuts(tmp_path, text):
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(DataError) as expected:
        read_cuts(path)
    with pytest.raises(DataError) as found:
        read_cut_records(path)
    assert str(found.value) == str(expected.value)
