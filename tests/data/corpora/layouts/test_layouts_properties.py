"""Whatever text stands where a list should be: faults are told, nothing is written, and no parser breaks."""

import json
import math

import pytest
import soundfile

from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.data.corpora.layouts import LAYOUTS
from sottovoce.data.corpora.manifests import import_corpus
from sottovoce.errors import DataError
from tone import tone

hypothesis = pytest.importorskip("hypothesis", reason="needs the extra 'dev'")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

FILES = {
    "asvspoof": ["p.txt"],
    "kaldi": ["wav.scp", "segments", "utt2spk", "text", "spk2gender"],
    "lhotse": ["c.jsonl"],
    "nemo": ["m.json"],
    "rttm": ["a.rttm"],
    "slurp": ["train.jsonl"],
    "table": ["manifest.tsv"],
    "voxceleb": ["t.txt"],
}
"""Layout -> the files that are filled with anything."""

WORDS = (
    """a a.wav a/1.wav 1 0 0.5 -1 1e9 nan SPEAKER <NA> - spoof target path start rttm seglst slots [] {} null é " |"""
)
WORDS = [*WORDS.split(), "\ufeff", "\u2028", "\x00", "x" * 300]
KEYS = ["audio_filepath", "duration", "text", "offset", "rttm_filepath", "sentence", "scenario", "action", "tokens", "span",
        "entities", "recordings", "file", "surface", "type", "id", "start", "supervisions", "recording", "sources"]  # fmt: skip
lines = st.lists(st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=11).map(" ".join), max_size=6)
tabs = st.lists(st.lists(st.sampled_from(WORDS), max_size=4).map("\t".join), max_size=5)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from([*WORDS, "\ud800", "MonoCut"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=12,
)
objects = st.lists(st.dictionaries(st.sampled_from(KEYS), values, max_size=8).map(json.dumps), max_size=4)
texts = (lines | tabs | objects).map("\n".join) | st.text()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("anything")
    for name in ("a.wav", "a/1.wav"):
        (folder / name).parent.mkdir(exist_ok=True)
        soundfile.write(folder / name, tone(1, 300), 16_000)
    return folder


@pytest.mark.parametrize("layout", FILES)
@settings(max_examples=60, deadline=None, database=None)
@given(drawn=st.data())
def test_any_text(layout, drawn, place, tmp_path_factory):
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("out") / "cuts"
    for name in ("a.wav", "a/1.wav"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).hardlink_to(place / name)
    for name in FILES[layout]:
        (source / name).write_text(drawn.draw(texts, label=name), encoding="utf-8", errors="replace")
    whole = layout in ("kaldi", "slurp", "table", "voxceleb")
    options = {"trials": source / "t.txt"} if layout == "voxceleb" else {}
    try:
        made = import_corpus(source if whole else source / FILES[layout][0], out, layout=layout, **options)
    except DataError:
        assert not out.exists()
        return
    assert sorted(path.name for path in out.iterdir()) == sorted(path.name for path in made.values())
    for path in made.values():
        for cut in read_cuts(path):
            assert 0 < cut.duration <= 1 and all(math.isfinite(s.start) for s in cut.supervisions)


@settings(max_examples=40, deadline=None, database=None)
@given(content=st.binary(max_size=200))
def test_any_bytes(content, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bytes")
    for layout, names in FILES.items():
        for name in [*names, "c.jsonl.gz"]:
            (folder / name).write_bytes(content)
        faults: list[str] = []
        LAYOUTS[layout](folder / names[0], faults)
    LAYOUTS["lhotse"](folder / "c.jsonl.gz", [])


names = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1, max_size=8)


texts = (
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20).map(lambda t: t.strip(" ")).filter(str.strip)
)
"""What cells hold: blanks around a text are no part of it, and a text of blanks alone, of any kind, is refused."""


@settings(max_examples=40, deadline=None, database=None)
@given(
    said=st.lists(
        st.tuples(names, st.none() | texts),
        min_size=1, max_size=4, unique_by=lambda pair: pair[0],
    )
)  # fmt: skip
def test_what_a_table_says_is_what_the_cuts_say(said, place, tmp_path_factory):
    """Written as csv writes it, read back: speakers and texts of any script, quotes and commas included."""
    import csv

    folder = tmp_path_factory.mktemp("table")
    with (folder / "t.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["f", "id", "who", "said"], *((place / "a.wav", *[n, n, t]) for n, t in said)])
    columns = {"path": "f", "name": "id", "speaker": "who", "text": "said"}
    made = import_corpus(folder / "t.csv", folder / "out", layout="table", columns=columns)
    found = {cut.id: cut.supervisions[0] for cut in read_cuts(made["all"])}
    assert {name: one.text for name, one in found.items()} == dict(said)
    assert {one.speaker for one in found.values()} == {name for name, _ in said}


@settings(max_examples=40, deadline=None, database=None)
@given(
    turns=st.lists(
        st.tuples(st.integers(0, 800), st.integers(1, 200), st.sampled_from(["anna", "ben", "é"])), min_size=1, max_size=9
    )
)  # fmt: skip
def test_turns_in_turns_out(turns, place, tmp_path_factory):
    folder = tmp_path_factory.mktemp("rttm")
    said = sorted((a / 1000, round((a + b) / 1000, 6), who) for a, b, who in turns)
    lines = [f"SPEAKER a 1 {a} {round(b - a, 6)} <NA> <NA> {who} <NA> <NA>\n" for a, b, who in reversed(said)]
    (folder / "x.rttm").write_text("".join(lines), encoding="utf-8")
    made = import_corpus(folder / "x.rttm", folder / "out", layout="rttm", audio=place)
    (cut,) = read_cuts(made["all"])
    assert sorted((s.start, round(s.end, 6), s.speaker) for s in cut.supervisions) == said
