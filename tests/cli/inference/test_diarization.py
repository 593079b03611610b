"""diarize, on tiny models and noise: the file that it writes, its picture, its errors."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from sottovoce.data.corpora.rttm import read_rttm, write_rttm
from sottovoce.diarization.plda import PLDA
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.tasks.diarization import Diarization
from strict_json import strictly
from tiny_models import randomized, tiny_model


@pytest.fixture
def place(tmp_path):
    """A diarization and a speaker model, and 3 s and 12 s of noise."""
    options = {"speakers": 3, "width": 12, "blocks": 1, "inner": 24, "heads": 2, "kernel": 7}
    local = TaskModel(Diarization(head=options).config(tiny_model().config.encoder))
    randomized(local)
    local.head.output.weight.data *= 0.3
    local.head.output.bias.data[0], local.head.output.bias.data[4] = (
        -3.0,
        3.0,
    )  # somebody speaks, now and then two at once
    local.save_pretrained(tmp_path / "local")
    tiny_model().save_pretrained(tmp_path / "speaker")
    generator = np.random.default_rng(0)
    for name, seconds in (("a short", 3), ("long", 12)):
        soundfile.write(tmp_path / f"{name}.wav", 0.1 * generator.normal(size=seconds * 16_000), 16_000)
    return tmp_path


def test_a_file_becomes_an_rttm_and_a_picture(sottovoce, place):
    arguments = ("diarize", place / "local", place / "long.wav", "-o", place / "out.rttm")
    embedding = ("--embedding", place / "speaker", "--step", "2")
    said = sottovoce(*arguments, *embedding, "--picture", place / "out.png")
    assert said.code == 0, said.err
    turns = read_rttm(place / "out.rttm")["long"]
    assert f"{len(turns)} turn" in said.out and "in 12.0 s" in said.out
    assert turns[0].start >= 0 and max(turn.end for turn in turns) <= 12.0
    assert (place / "out.png").read_bytes().startswith(b"\x89PNG")
    assert sottovoce(*arguments, *embedding, "--speakers", "1").code == 0
    assert {turn.speaker for turn in read_rttm(place / "out.rttm")["long"]} == {"speaker1"}


def test_one_window_needs_no_speaker_model(sottovoce, place):
    said = sottovoce("diarize", place / "local", place / "a short.wav", "-o", place / "out.rttm", "--exclusive")
    assert said.code == 0, said.err
    turns = read_rttm(place / "out.rttm")["a_short"]
    assert all(b.start >= a.end for a, b in zip(turns, turns[1:], strict=False))


@pytest.mark.parametrize("option", ["--speakers", "--max-speakers"])
def test_speaker_counts_are_kept_without_a_speaker_model(sottovoce, place, option):
    arguments = ("diarize", place / "local", place / "a short.wav", "-o", place / "out.rttm", "--strict")
    for more, expected in (((), 2), ((option, "1"), 1)):
        said = sottovoce(*arguments, *more)
        assert said.code == 0 and not said.err, said
        assert len({turn.speaker for turn in read_rttm(place / "out.rttm")["a_short"]}) == expected


@pytest.mark.parametrize("option", ["--speakers", "--min-speakers"])
def test_more_speakers_than_voices_are_told_or_an_error(sottovoce, place, option):
    arguments = ("diarize", place / "local", place / "a short.wav", "-o", place / "out.rttm", option, "9")
    strict = sottovoce(*arguments, "--strict")
    assert strict.code == 2 and not (place / "out.rttm").exists()
    said = sottovoce(*arguments)
    assert said.code == 0 and (place / "out.rttm").exists()
    for each in (strict, said):
        assert "9 speakers were asked for and 2 found" in each.err and len(each.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("local", "long.wav"), "12.0 s is more than a window of 8 s; give --embedding"),
        (
            ("speaker", "a short.wav"),
            "speaker: this is a model for verification (`sottovoce embed` runs it)",
        ),
        (
            ("local", "long.wav", "--embedding", "local"),
            "(`sottovoce diarize` runs it) and not for verification",
        ),
        (("local", "absent.wav"), "absent.wav: no such file"),
        (("absent", "a short.wav"), "absent"),
        (("local", "a short.wav", "--speakers", "2", "--max-speakers", "3"), "the known number or bounds, not both"),
        (("local", "a short.wav", "--min-speakers", "3", "--max-speakers", "2"), "no number is at least 3"),
        (("local", "a short.wav", "--step", "9"), "not longer than the window"),
        (("local", "a short.wav", "--channel", "1"), "has no channel 1"),
        (("local", "a short.wav", "--plda", "absent"), "absent: no PLDA there"),
        (("local", "a short.wav", "--picture", "long.wav/out.png"), "out.png: cannot be written"),
        (("local", "a short.wav", "--picture", "out.bmp"), "out.bmp: pictures are written as .png, .svg or .pdf"),
    ],
)
def test_faults_are_one_line(sottovoce, place, monkeypatch, arguments, message):
    monkeypatch.chdir(place)
    paths = [place / each if (place / each).exists() or each.startswith("absent") else each for each in arguments]
    said = sottovoce("diarize", *paths, "-o", place / "out.rttm")
    assert said.code == 2
    assert message in said.err and len(said.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "option, place_of, message",
    [
        ("--picture", "", "is a folder"),
        ("--picture", "long.wav", "long.wav is a file"),
        ("-o", "long.wav", "long.wav is a file"),
    ],
)
def test_where_nothing_can_be_written_nothing_is_heard(sottovoce, place, option, place_of, message):
    """The models are not even there: what cannot be written is told before they are looked for."""
    folder = place / "results.png"
    folder.mkdir()
    to = place / place_of / "new" / "out.png" if place_of else folder
    files = {"-o": place / "out.rttm", "--picture": place / "out.png"} | {option: to}
    said = sottovoce(
        "diarize", place / "none", place / "a short.wav", *(part for pair in files.items() for part in pair)
    )
    assert said.code == 2 and len(said.err.strip().splitlines()) == 1, said
    assert f"{to}: " in said.err and message in said.err


@pytest.mark.parametrize("name, task", [("local", "diarization"), ("speaker", "verification")])
def test_frames_of_another_length_are_refused(sottovoce, place, name, task):
    config = TaskModel.from_pretrained(place / name).config.to_dict()
    config["encoder"]["downsampling"] = 2
    TaskModel(TaskConfig.from_dict(config)).save_pretrained(place / "slow")
    models = {"local": place / "local", "speaker": place / "speaker"} | {name: place / "slow"}
    arguments = (models["local"], place / "long.wav", "--embedding", models["speaker"], "-o", place / "out.rttm")
    said = sottovoce("diarize", *arguments)
    assert said.code == 2 and len(said.err.strip().splitlines()) == 1, said
    assert "slow: its frames are 40 ms long and diarization counts in 20 ms" in said.err
    assert not (place / "out.rttm").exists()


@pytest.fixture
def recordings(place):
    """Cuts of 12 s of noise with invented turns, and of utterances of three speakers."""
    from sottovoce.data.corpora.cuts import make_cut, write_cuts

    said = [(0.5, 4.0, "a", None), (4.0, 11.0, "b", None)]
    wave = dict(source=place / "long.wav", samples=12 * 16_000, rate=16_000)
    write_cuts([make_cut(name="long", segments=said, **wave)], place / "long.jsonl.gz")
    spoken = [make_cut(name=f"{k}", stretch=(4.0 * k, 4.0 * k + 4), speaker=f"s{k}", **wave) for k in range(3)]
    write_cuts(spoken, place / "spoken.jsonl.gz")
    return place


def test_tune_prints_what_the_pipeline_scores(sottovoce, recordings):
    place = recordings
    arguments = ("tune", place / "local", place / "long.jsonl.gz", "--embedding", place / "speaker", "--step", "4")
    said = sottovoce(*arguments, "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    best = found["threshold"]
    assert found["der"][f"{best:g}"] == min(found["der"].values())
    write_rttm({"long": [(0.5, 4.0, "a"), (4.0, 11.0, "b")]}, place / "ref.rttm")
    (place / "all.uem").write_text("long 1 0.0 12.0\n")
    for threshold in ("0.2", f"{best:g}"):
        models = (place / "local", place / "long.wav", "--embedding", place / "speaker")
        assert sottovoce("diarize", *models, "--step", "4", "--threshold", threshold, "-o", place / "o.rttm").code == 0
        scored = sottovoce("der", place / "ref.rttm", place / "o.rttm", "--uem", place / "all.uem", "--json")
        assert json.loads(scored.out)["der"] == pytest.approx(found["der"][threshold], abs=1e-6)
    assert f"--threshold {best:g}" in sottovoce(*arguments).out


def test_vbx_with_a_plda_of_ones_own(sottovoce, recordings):
    place = recordings
    said = sottovoce("plda", place / "speaker", place / "spoken.jsonl.gz", "-o", place / "plda.safetensors")
    assert said.code == 0 and "dimensions" in said.out, said.err
    models = (place / "local", place / "long.wav", "--embedding", place / "speaker", "--step", "4")
    said = sottovoce("diarize", *models, "--plda", place / "plda.safetensors", "-o", place / "o.rttm")
    assert said.code == 0 and read_rttm(place / "o.rttm")["long"], said.err
    # Its constants arrive.
    constants = ("--plda", place / "plda.safetensors", "--fa", "-1", "--fb", "3", "--loop", "0.5")
    wrong = sottovoce("diarize", *models, *constants, "-o", place / "none.rttm")
    assert wrong.code == 2 and "vbx: fa -1.0 and fb 3.0 must be positive, loop 0.5" in wrong.err
    assert "needs --plda" in sottovoce("diarize", *models, "--loop", "0.5", "-o", place / "none.rttm").err
    arguments = ("tune", place / "local", place / "long.jsonl.gz", "--embedding", place / "speaker", "--step", "4")
    tuned = sottovoce(*arguments, "--linkage", "centroid", "--plda", place / "plda.safetensors", "--json")
    assert tuned.code == 0 and "threshold" in json.loads(tuned.out), tuned.err
    fitted = PLDA.load(place / "plda.safetensors")
    E = len(fitted.mean)
    PLDA(fitted.mean[1:], fitted.transform[:, 1:], fitted.phi).save(place / "other.safetensors")
    soundfile.write(place / "nan.wav", np.full(192_000, np.nan), 16_000, subtype="FLOAT")  # to hear it is another error
    models = (place / "local", place / "nan.wav", "--embedding", place / "speaker")
    said = sottovoce("diarize", *models, "--plda", place / "other.safetensors", "-o", place / "none.rttm")
    assert said.code == 2 and len(said.err.strip().splitlines()) == 1
    assert f"the PLDA is of embeddings of {E - 1} numbers, and those of the speaker model have {E}" in said.err
    assert (
        "and not for verification"
        in sottovoce("plda", place / "local", place / "spoken.jsonl.gz", "-o", place / "x").err
    )


def test_der_of_files(sottovoce, tmp_path, caplog):
    for folder, shift in (("ref", 0.0), ("sys", 1.0)):
        (tmp_path / folder).mkdir()
        for name in "ab":
            write_rttm({name: [(1.0, 5.0 + shift, "x"), (6.0, 8.0, "y")]}, tmp_path / folder / f"{name}.rttm")
    said = sottovoce("der", tmp_path / "ref", tmp_path / "sys")
    assert said.code == 0, said.err
    # Of 6 s in each recording 1 s is said by nobody.
    assert "DER 16.67 %" in said.out and "false alarm 16.67" in said.out and "collar 0 s" in said.out
    assert "95 % interval over 2 recordings: 16.67 % [16.67, 16.67]" in said.out
    half = json.loads(sottovoce("der", tmp_path / "ref", tmp_path / "sys", "--collar", "0.5", "--json").out)
    assert half["der"] == pytest.approx(0.0)  # 5 .. 6 s lies within the collars of both its ends
    for wrong, message in ((tmp_path / "none", "none"), (tmp_path, "is in another file already")):
        said = sottovoce("der", wrong, tmp_path / "sys")
        assert said.code == 2 and message in said.err and len(said.err.strip().splitlines()) == 1
    write_rttm({"c": [(0, 1, "x")]}, tmp_path / "c.rttm")
    assert "not in the reference: c" in sottovoce("der", tmp_path / "ref", tmp_path / "c.rttm").err
    (tmp_path / "ref/._a.rttm").write_bytes(b"\0\5\x16\7 of macOS")
    again = sottovoce("der", tmp_path / "ref", tmp_path / "sys")
    assert "DER 16.67 %" in again.out and "skipped 1 hidden files" in caplog.text


@pytest.fixture
def silent(tmp_path):
    """Nobody speaks in recording b, and the system hears 2 s there."""
    write_rttm({"a": [(0.0, 10.0, "x")]}, tmp_path / "ref.rttm")
    write_rttm({"a": [(0.0, 10.0, "1")], "b": [(3.0, 5.0, "1")]}, tmp_path / "sys.rttm")
    (tmp_path / "all.uem").write_text("a 1 0 10\nb 1 0 10\n")
    return tmp_path


def test_der_of_a_recording_without_speech_is_null_and_says_why(sottovoce, silent):
    said = sottovoce("der", silent / "ref.rttm", silent / "sys.rttm", "--uem", silent / "all.uem", "--json")
    found = strictly(said.out)
    assert found["der"] == pytest.approx(0.2)
    b = {"der": None, "der_reason": "the system speaks and the reference does not", "jer": 1.0, "speech": 0.0}
    assert found["recordings"] == {"a": {"der": 0.0, "jer": 0.0, "speech": 10.0}, "b": b}


def test_der_of_the_given_silent_recording(sottovoce, cases):
    rttm = cases / "rttm"
    files = (rttm / "silent-ref.rttm", rttm / "silent-sys.rttm", "--uem", rttm / "silent.uem")
    said = sottovoce("der", *files, "--json")
    assert said.code == 0, said.err
    assert strictly(said.out)["recordings"]["b"]["der"] is None


def test_noscore_zones_are_not_scored(sottovoce, cases):
    files = cases / "rttm/ref.rttm", cases / "rttm/sys.rttm"
    said = sottovoce("der", *files)
    assert "DER 50.00 %" in said.out and "confusion 50.00" in said.out and "20.0 s of speech" in said.out
    assert "10.0 s of NOSCORE and NON-LEX not scored" in " ".join(said.out.split())
    found = strictly(sottovoce("der", *files, "--json").out)
    assert found["der"] == found["confusion"] == 0.5 and found["unscored"] == 10.0


def test_recordings_that_the_system_does_not_have_are_counted(sottovoce, tmp_path):
    write_rttm({name: [(0.0, 10.0, "x")] for name in "abc"}, tmp_path / "ref.rttm")
    write_rttm({"a": [(0.0, 10.0, "1")]}, tmp_path / "sys/a.rttm")
    said = sottovoce("der", tmp_path / "ref.rttm", tmp_path / "sys")
    told = " ".join(said.out.split())
    assert "DER 66.67 % (miss 66.67" in told
    assert "2 of 3 recordings are missing from the system and count as if it heard nobody (b, c)" in told
    (tmp_path / "sys/b.rttm").touch()  # the system says that nobody speaks
    found = strictly(sottovoce("der", tmp_path / "ref.rttm", tmp_path / "sys", "--json").out)
    assert found["missing"] == ["c"] and found["der"] == pytest.approx(2 / 3)


def test_other_records_are_told_once(sottovoce, tmp_path, caplog):
    line = "SPEAKER {0} 1 0 5 <NA> <NA> x <NA> <NA>\nSU {0} 1 0 5 <NA> statement x <NA> <NA>\n"
    for name in "abc":
        (tmp_path / f"{name}.rttm").write_text(line.format(name) + f"LEXEME {name} 1 0 1 yes lex x <NA> <NA>\n")
    assert sottovoce("der", tmp_path, tmp_path).code == 0
    said = [message for message in caplog.messages if "skipped the records" in message]
    assert said == 2 * [f"{tmp_path}: skipped the records 3 LEXEME, 3 SU, which do not say who speaks when"]
