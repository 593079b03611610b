"""Counts of a manifest against counts by hand."""

import pytest

from sottovoce.data.corpora.cuts import make_cut
from sottovoce.data.corpora.summary import EDGES, summarize


def cut(name, seconds, **options):
    return make_cut(name=name, source=f"{name}.wav", samples=round(seconds * 100), rate=100, **options)


def test_utterances():
    custom = [
        {"label": "spoof", "n": 3},
        {"label": "spoof", "slots": [{"type": "a", "filler": "x"}] * 2},
        {"label": ""},
    ]
    cuts = [
        cut("1", 0.5, speaker="s", gender="f", text="a b a", custom=custom[0]),
        cut("2", 2.0, speaker="s", gender="f", text="b c", custom=custom[1]),
        cut("3", 2.5, speaker="t", custom=custom[2]),
        cut("4", 4000.0, recording="3"),
    ]
    found = summarize(cuts)
    assert (found.cuts, found.recordings, found.seconds) == (4, 3, 4005.0)
    assert found.speakers == {"s": 2, "t": 1} and found.genders == {"f": 2}
    assert (found.texts, found.words, found.vocabulary) == (2, 5, 3)
    assert found.fields == {"label": {"spoof": 2}, "n": {"3": 1}, "slots": {"a": 2}}
    assert (found.speech, found.overlap, found.scored) == (None, None, None)
    bins = found.histogram()
    assert bins[0] == (0, 1) and bins[2] == (2, 2) and bins[-1] == (3600, 1) and len(bins) == len(EDGES)
    told = found.as_dict()
    assert (told["shortest"], told["median"], told["longest"]) == (0.5, 2.25, 4000.0)
    assert told["hours"] == pytest.approx(4005 / 3600) and told["speakers"] == 2


def test_conversations():
    segments = [(0.0, 4.0, "a", None), (3.0, 6.0, "b", None), (3.5, 5.0, "a", None), (8.0, 9.0, "b", None)]
    cuts = [
        cut("1", 10, segments=segments, cut_custom={"uem": [[0, 5], [6, 9]], "room": "x"}),
        cut("2", 5, segments=[]),
    ]
    found = summarize(cuts)
    # a talks from 0 to 5, b from 3 to 6 and from 8 to 9
    assert found.speech == pytest.approx(7.0) and found.overlap == pytest.approx(2.0)
    assert found.scored == 8 and found.speakers == {"a": 1, "b": 1} and found.fields == {"room": {"x": 1}}


def test_nothing():
    assert summarize([]).histogram() == [] and summarize([]).as_dict()["median"] is None
