"""DER and JER against published cases, a count of every moment by hand, and what cannot be scored."""

import json
import re
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sottovoce.data.corpora.rttm import read_rttm, read_uem
from sottovoce.errors import DataError
from sottovoce.metrics.diarization import ScoringProtocol, score_diarization


@pytest.fixture(scope="session")
def known(data):
    """(expected, reference, system) of each published case by name."""
    cases = json.loads((data / "refs/expected.json").read_text())["der"]
    return {case["case"]: (case, *(read_rttm(data / "refs" / case[side]) for side in ("ref", "sys"))) for case in cases}


def printed(value, digits):
    return f"{100 * value:.{digits}f}"


@pytest.mark.parametrize(
    ("name", "der", "jer"),
    [("speechbrain_es2014c", "7.16923618", None), ("vbx_es2005a", "7.06", "29.99"), ("dscore", "26.3931", "33.24631")],
)
def test_published_rates_to_the_last_digit(known, name, der, jer):
    case, reference, system = known[name]
    assert float(der) == case["der_percent"] and (jer is None or float(jer) == case["jer_percent"])
    score = score_diarization(
        reference, system, protocol=ScoringProtocol(collar=case["collar"], skip_overlap=case["skip_overlap"])
    )
    assert printed(score.der, len(der.split(".")[1])) == der
    assert printed(score.der, 4) == f"{case['reproduced_with_pyannote_metrics']:.4f}"
    assert jer is None or printed(score.jer, len(jer.split(".")[1])) == jer


@pytest.mark.parametrize("number", [1, 2, 3])
def test_sctk_finds_no_errors(data, number):
    stem = data / f"refs/der/sctk_sd/sd_test{number}"
    files = read_rttm(f"{stem}.ref.rttm"), read_rttm(f"{stem}.sys.rttm"), read_uem(f"{stem}.uem")
    score = score_diarization(*files, ScoringProtocol(skip_overlap=True))
    assert score.der == score.jer == 0
    # md-eval's own tests of how far its zones of NON-LEX reach, up to turns and words
    (scored,) = re.findall(r"SCORED SPEAKER TIME = *([\d.]+) secs", Path(f"{stem}.output.saved").read_text())[:1]
    assert score.speech == pytest.approx(float(scored))
    if number == 1:
        assert score_diarization(*files, zones={}).speech == pytest.approx(9.6)  # all inside the UEM, as it prints too
    assert all(system[:-1] == reference[:-1] for system, reference in score.files[0].mapping.items())
    assert len(score.files[0].mapping) == {1: 3, 2: 4, 3: 4}[number]


REFERENCE = {"m": [(0, 10, "anna"), (8, 14, "ben")], "n": [(0, 5, "anna")]}
SYSTEM = {"m": [(0, 6, "1"), (6, 16, "2")], "n": [(0, 4, "x"), (6, 7, "y")]}


def test_a_case_by_hand():
    score = score_diarization(REFERENCE, SYSTEM)
    m, n = score.files
    # m: 6-8 is anna's and was given to 2 (ben); 8-10 both speak and one is heard; 14-16 nobody speaks
    assert (m.speech, m.miss, m.false_alarm, m.confusion) == pytest.approx((16, 2, 2, 2))
    assert m.mapping == {"1": "anna", "2": "ben"} and m.der == pytest.approx(6 / 16)
    assert m.jaccard == pytest.approx({"anna": 4 / 10, "ben": 4 / 10})
    assert (n.speech, n.miss, n.false_alarm, n.confusion) == pytest.approx((5, 1, 1, 0))
    assert n.jaccard == pytest.approx({"anna": 1 / 5})
    assert score.der == pytest.approx(8 / 21)  # sums over sums, not the mean of 6/16 and 2/5
    assert score.miss + score.false_alarm + score.confusion == pytest.approx(score.der)
    assert score.jer == pytest.approx((0.4 + 0.4 + 0.2) / 3)
    assert str(score) == (
        "DER 38.10 % (miss 14.29, false alarm 14.29, confusion 9.52), JER 33.33 %; 2 recordings, 21.0 s of speech;"
        " collar 0 s each side, overlap scored; JER on 10 ms frames, no collar; no UEM: first to last boundary"
    )
    assert score.table().splitlines()[1].split() == ["m", "16.00", "2.00", "2.00", "2.00", "37.50", "40.00"]


def test_the_collar_is_on_each_side():
    reference, system = {"m": [(10, 20, "a")]}, {"m": [(9.8, 20.6, "1")]}
    one, two = (score_diarization(reference, system, protocol=ScoringProtocol(collar=c)).files[0] for c in (0.25, 0.5))
    assert (one.speech, one.false_alarm, one.miss) == pytest.approx((9.5, 0.35, 0))
    assert (two.speech, two.false_alarm, two.miss) == pytest.approx((9.0, 0.1, 0))
    touching = {"m": [(0, 5, "a"), (5, 10, "a")]}  # touching turns keep their boundary, overlapping ones do not
    assert score_diarization(touching, touching, protocol=ScoringProtocol(collar=0.25)).speech == pytest.approx(9)
    overlapping = {"m": [(0, 6, "a"), (4, 10, "a")]}
    assert score_diarization(overlapping, overlapping, protocol=ScoringProtocol(collar=0.25)).speech == pytest.approx(
        9.5
    )


def test_overlap_and_regions():
    alone = score_diarization(REFERENCE, SYSTEM, protocol=ScoringProtocol(skip_overlap=True)).files[0]
    assert (alone.speech, alone.miss, alone.false_alarm, alone.confusion) == pytest.approx((12, 0, 2, 2))
    uem = {"m": [(0, 7), (13, 15)]}
    inside = score_diarization({"m": REFERENCE["m"]}, {"m": SYSTEM["m"]}, uem).files[0]
    assert (inside.speech, inside.miss, inside.false_alarm, inside.confusion) == pytest.approx((8, 0, 1, 1))
    assert inside.jaccard == pytest.approx({"anna": 1 / 7, "ben": 2 / 3})
    more = score_diarization(REFERENCE, SYSTEM, {"m": [(0, 20)], "n": [(0, 20)], "silent": [(0, 9)]})
    assert [(file.name, file.der, file.jer) for file in more.files][2] == ("silent", 0, 0)
    silent = score_diarization(
        REFERENCE, SYSTEM | {"silent": [(1, 2, "z")]}, {"m": [(0, 20)], "n": [(0, 20)], "silent": [(0, 9)]}
    )
    assert (silent.files[2].der, silent.files[2].jer) == (np.inf, 1)
    assert silent.der == pytest.approx(9 / 21)
    assert "regions of the UEM" in str(silent)


def test_speakers_are_paired_on_all_time_as_in_md_eval():
    # With 4 s taken out by the overlap, 1 fits b better; md-eval pairs before it takes anything out.
    reference = {"m": [(0, 6, "a"), (2, 6, "c"), (6, 9, "b")]}
    system = {"m": [(0, 9, "1")]}
    score = score_diarization(reference, system, protocol=ScoringProtocol(skip_overlap=True))
    assert score.files[0].mapping == {"1": "a"} and score.files[0].confusion == pytest.approx(3)


def test_a_recording_without_turns_is_missed():
    score = score_diarization(REFERENCE, {"m": SYSTEM["m"]})
    assert (score.files[1].miss, score.files[1].jer) == (5, 1)
    nothing = score_diarization(REFERENCE, {})
    assert (nothing.der, nothing.miss, nothing.jer) == (1, 1, 1)


@st.composite
def conversations(draw):
    def turns(names):
        listed = draw(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8), st.sampled_from(names)), max_size=6))
        return [(start / 4, (start + length) / 4, name) for start, length, name in listed]

    regions = draw(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 20)), min_size=1, max_size=3))
    return turns("abc"), turns("123"), [(s / 4, (s + n) / 4) for s, n in regions]


@given(conversations())
@settings(max_examples=100)
def test_jaccard_errors_counted_one_by_one(drawn):
    reference, system, regions = drawn
    ticks = [t / 4 + 0.125 for t in range(60) if any(start < t / 4 + 0.125 < end for start, end in regions)]
    spoken = [
        {name: {t for t in ticks if any(a < t < b and n == name for a, b, n in turns)} for name in names}
        for turns, names in ((reference, "abc"), (system, "123"))
    ]
    names = [name for name in "abc" if spoken[0][name]]
    assume(names)
    best = min(
        sum(
            1 - len(spoken[0][r] & spoken[1][s]) / len(spoken[0][r] | spoken[1][s])
            for r, s in zip(names, order, strict=False)
        )
        for order in permutations("123")
    )
    assert score_diarization({"m": reference}, {"m": system}, {"m": regions}).jer == pytest.approx(best / len(names))


@given(conversations(), st.integers(0, 2), st.booleans())
@settings(max_examples=100)
def test_every_quarter_second_counted_one_by_one(drawn, collar, skip_overlap):
    reference, system, regions = drawn
    uem = {"m": regions}
    said, heard, shared = [], [], {}
    for tick in range(60):
        time = tick / 4 + 0.125
        if not any(start < time < end for start, end in regions):
            continue
        r = {name for start, end, name in reference if start < time < end}
        s = {name for start, end, name in system if start < time < end}
        for pair in ((a, b) for a in r for b in s):
            shared[pair] = shared.get(pair, 0) + 1
        # distinct and touching, but never overlapping, turns of one speaker have boundaries
        edges = [
            e for i, (start, end, name) in enumerate(reference) for e in (start, end)
            if not any(o < e < p and n == name for j, (o, p, n) in enumerate(reference) if j != i)
        ]  # fmt: skip
        if any(abs(time - edge) < collar / 4 for edge in edges) or (skip_overlap and len(r) > 1):
            continue
        said.append(r)
        heard.append(s)
    assume(any(said))
    best = max(sum(shared.get(pair, 0) for pair in zip("abc", order, strict=True)) for order in permutations("123"))
    got = score_diarization({"m": reference}, {"m": system}, uem, ScoringProtocol(collar / 4, skip_overlap)).files[0]
    assert sum(shared.get((r, s), 0) for s, r in got.mapping.items()) == best
    of = {r: s for s, r in got.mapping.items()}
    quarter = [
        sum(map(len, said)),
        sum(max(len(r) - len(s), 0) for r, s in zip(said, heard, strict=True)),
        sum(max(len(s) - len(r), 0) for r, s in zip(said, heard, strict=True)),
        sum(min(len(r), len(s)) - sum(of.get(name) in s for name in r) for r, s in zip(said, heard, strict=True)),
    ]
    assert [got.speech, got.miss, got.false_alarm, got.confusion] == pytest.approx([n / 4 for n in quarter])


def test_names_do_not_matter_and_the_right_answer_has_no_errors():
    renamed = {
        name: [(start, end, {"anna": "z", "ben": "a"}[who]) for start, end, who in turns]
        for name, turns in REFERENCE.items()
    }
    score = score_diarization(REFERENCE, renamed)
    assert (score.der, score.jer) == (0, 0)


def test_interval_over_recordings():
    generator = np.random.default_rng(0)
    reference = {f"r{k}": [(0, 10, "a"), (10, 20, "b")] for k in range(12)}
    system = {name: [(0, 10, "1"), (10, 20 + generator.random() * 8, "2")] for name in reference}
    score = score_diarization(reference, system)
    interval = score.interval(draws=200)
    assert interval == score.interval(draws=200) and interval.speakers == 12
    assert interval.value == pytest.approx(score.der) and interval.low < score.der < interval.high
    with pytest.raises(DataError, match="1 groups"):
        score_diarization({"m": REFERENCE["m"]}, {"m": SYSTEM["m"]}).interval()


@pytest.mark.parametrize(
    ("reference", "system", "uem", "message"),
    [
        ({}, {}, None, "no recordings to score"),
        (REFERENCE, {"x": []}, None, "1 recordings of the system are not in the reference: x"),
        (REFERENCE, SYSTEM, {"m": [(0, 1)]}, "1 recordings of the system are not in the UEM: n"),
        (REFERENCE, {}, {"m": [(0, 1)]}, "1 recordings of the reference are not in the UEM: n"),
        ({"m": [(0, float("nan"), "a")]}, {}, None, "m, reference: from 0 to nan s is not a valid interval"),
        (REFERENCE, {"m": [(3, 2, "1")]}, None, "m, system: from 3 to 2 s"),
        ({"m": REFERENCE["m"]}, {}, {"m": [(2, 2)]}, "m, UEM: from 2 to 2 s"),
        ({"m": []}, {"m": [(0, 1, "1")]}, None, "no reference speech is scored in 1 recordings"),
        ({"m": REFERENCE["m"]}, {}, {"m": [(50, 60)]}, "no reference speech"),
    ],
)
def test_what_cannot_be_scored_is_refused(reference, system, uem, message):
    with pytest.raises(DataError, match=message):
        score_diarization(reference, system, uem)


def test_protocols_out_of_range():
    for wrong in ({"collar": -0.25}, {"collar": 250}, {"frame": 0}):
        with pytest.raises(DataError, match="diarization: "):
            ScoringProtocol(**wrong)


def scored_by_md_eval(tmp_path, reference, **protocol):
    """Score two speakers whom the system takes for one, 0 to 40 s; what is behind both is scored too."""
    (tmp_path / "ref.rttm").write_text("\n".join(f"{line} <NA> <NA>" for line in reference))
    system = {"m": [(0.0, 40.0, "s")]}
    return score_diarization(
        read_rttm(tmp_path / "ref.rttm"), system, {"m": [(0, 50)]}, ScoringProtocol(**protocol)
    ).files[0]


ANNA, BEN = "SPEAKER m 1 0 10 <NA> <NA> anna", "SPEAKER m 1 20 10 <NA> <NA> ben"
ZONES = [  # records beside the turns, collar, what md-eval-22.pl prints: speaker time, false alarm, error
    ([], 0, (20.0, 20.0, 10.0)),
    (["NOSCORE m 1 10 10 <NA> <NA> <NA>"], 0, (20.0, 10.0, 10.0)),
    (["NOSCORE m 1 5 10 <NA> <NA> <NA>"], 0, (15.0, 15.0, 5.0)),  # anna has less in common with s than ben then
    (["NOSCORE m 1 0 8 <NA> <NA> <NA>", "NOSCORE m 1 6 3 <NA> <NA> <NA>"], 0, (11.0, 20.0, 1.0)),
    (["NOSCORE m 1 32 3 <NA> <NA> <NA>"], 0, (20.0, 12.0, 10.0)),  # nobody speaks again: it goes on
    (["NON-LEX m 1 12 1 x laugh <NA>"], 0, (20.0, 18.0, 10.0)),  # and half a second on each side
    (["NON-LEX m 1 9 1 x laugh anna"], 0, (18.5, 19.5, 10.0)),
    (["NON-LEX m 1 10.2 9.5 x cough anna"], 0, (20.0, 10.0, 10.0)),  # as far as somebody speaks
    (["NON-LEX m 1 12 1 x laugh <NA>", "LEXEME m 1 13.2 1 yes lex <NA>"], 0, (20.0, 18.3, 10.0)),  # or a word lies
    (["NON-LEX m 1 2 3 x laugh anna"], 0.25, (15.0, 19.25, 9.5)),
    (["NON-LEX m 1 2 3 x laugh anna", "NOSCORE m 1 4 2 <NA> <NA> <NA>"], 0.25, (14.5, 19.25, 5.0)),
]


@pytest.mark.parametrize(("records", "collar", "printed"), ZONES)
def test_what_the_reference_leaves_out_as_md_eval_does(tmp_path, records, collar, printed):
    """NOSCORE and NON-LEX zones of a reference were dropped: the DER was 100 % where md-eval says 50 %."""
    file = scored_by_md_eval(tmp_path, [ANNA, BEN, *records], collar=collar)
    assert (file.speech, file.false_alarm, file.confusion) == pytest.approx(printed) and file.miss == 0
