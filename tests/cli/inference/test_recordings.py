"""What all commands that put recordings through a model share: what they take, what they print, how they go on."""

from __future__ import annotations

import os
import threading
from functools import partial

import numpy as np
import pytest
import soundfile
import torch

from sottovoce.data.audio import spool
from sottovoce.data.corpora.cuts import make_cut, write_cuts
from sottovoce.data.corpora.rttm import read_rttm
from sottovoce.errors import AudioError, CheckpointError, DataError
from sottovoce.inference.batch import Batch
from sottovoce.inference.inputs import Recording, recordings
from sottovoce.inference.spoofing import detect
from sottovoce.inference.verification import embed, verify
from sottovoce.models.loading import load
from strict_json import strictly

COMMANDS = {
    "embed": "verification",
    "detect": "spoofing",
    "transcribe": "recognition",
    "classify": "intent",
    "diarize": "diarization",
}

each_command = pytest.mark.parametrize("command", COMMANDS)
most_commands = pytest.mark.parametrize(
    "command", [pytest.param(name, marks=[pytest.mark.slow] * (name not in ("detect", "diarize"))) for name in COMMANDS]
)
"""All of them; every time two that read audio in two ways."""


@pytest.fixture
def folder(tmp_path):
    """Two recordings of a second in a folder and the folder below it, and one in stereo outside."""
    generator = np.random.default_rng(3)
    (tmp_path / "in" / "below").mkdir(parents=True)
    for name in ("a.wav", "below/b b.flac"):
        soundfile.write(tmp_path / "in" / name, 0.1 * generator.standard_normal(16_000), 16_000)
    soundfile.write(tmp_path / "stereo.wav", 0.1 * generator.standard_normal((16_000, 2)), 16_000, subtype="FLOAT")
    return tmp_path


@pytest.fixture
def told(sottovoce, task_models):
    """``told("detect", file, ...)``: what is said, and the answers of ``--json`` by the name of the recording."""

    def run(command, *arguments):
        said = sottovoce(command, task_models / COMMANDS[command], *arguments, "--json")
        rows = [strictly(line) for line in said.out.splitlines()]
        return said, {row.pop("file"): row for row in rows}

    return run


@most_commands
def test_files_folders_lists_and_manifests_mean_the_same(told, folder, command):
    files = [folder / "in" / "a.wav", folder / "in" / "below" / "b b.flac"]
    said, wanted = told(command, *files)
    assert said.code == 0 and list(wanted) == [str(file) for file in files], said
    assert told(command, folder / "in")[1] == wanted
    (folder / "list.txt").write_text("\ufeffin/a.wav\r\n\r\nin/below\r\n", encoding="utf-8")
    assert told(command, f"@{folder / 'list.txt'}")[1] == wanted
    wave = dict(samples=16_000, rate=16_000)
    whole = [make_cut(name=f"cut {k}", source=file, **wave) for k, file in enumerate(files)]
    write_cuts(whole, folder / "cuts.jsonl.gz")
    found = told(command, folder / "cuts.jsonl.gz")[1]
    assert list(found) == ["cut 0", "cut 1"] and list(found.values()) == list(wanted.values())


@each_command
def test_one_line_each_and_the_same_in_a_file(sottovoce, task_models, folder, command):
    call = (command, task_models / COMMANDS[command], folder / "in")
    said = sottovoce(*call)
    assert said.code == 0, said
    lines = said.out.splitlines()
    names = [str(folder / "in" / "a.wav"), str(folder / "in" / "below" / "b b.flac")]
    if command == "diarize":  # as many lines as turns
        assert {line.split()[1] for line in lines} == {"a", "b_b"}
    else:
        assert [line.split("\t")[0] for line in lines] == names
        assert sottovoce(*call[:2], names[0]).out.splitlines() == lines[:1]  # one is told like many
    out = folder / "answers" / ("out.npz" if command == "embed" else "out.txt")
    written = sottovoce(*call, "-o", out)
    assert written.code == 0 and f"2 of 2 recordings: {out}" in written.out, written
    if command == "embed":
        found = np.load(out)
        assert found["names"].tolist() == names
        assert [f"{n:.6g}" for n in found["embeddings"][1].tolist()] == lines[1].split("\t")[1].split()
    else:
        assert out.read_text() == said.out
    assert sottovoce(*call, "--json", "-o", folder / "out.jsonl").code == 0
    assert (folder / "out.jsonl").read_text() == sottovoce(*call, "--json").out


@each_command
def test_a_batch_goes_on_where_it_is_told_to(told, folder, command):
    good = folder / "in" / "a.wav"
    (folder / "empty.wav").touch()
    soundfile.write(folder / "nan.wav", np.full(16_000, np.nan), 16_000, subtype="FLOAT")  # only hearing it shows that
    soundfile.write(folder / "short.wav", np.ones(300) * 0.1, 16_000)
    (folder / "list.txt").write_text(f"nan.wav\nempty.wav\nmissing.wav\n{good}\nshort.wav\nstereo.wav\n")
    _, wanted = told(command, good)
    out = folder / "out.jsonl"
    said, found = told(command, f"@{folder / 'list.txt'}", "--skip-faulty")
    assert said.code == 1 and found == wanted, said
    head, *faults = said.err.splitlines()[-6:]
    assert head == "sottovoce: faulty and left out: 5 of 6 recordings"
    names = [fault.strip().partition(": ")[0].rpartition("/")[2] for fault in faults]
    assert sorted(names) == ["empty.wav", "missing.wav", "nan.wav", "short.wav", "stereo.wav"]
    assert "choose with --channel 0 .. 1, or take the mean of all with --channel mix" in said.err
    # Without it the first fault is the end; what headers tell, before anything is heard.
    said, found = told(command, good, folder / "short.wav")
    assert said.code == 2 and found == {} and "short.wav: too short" in said.err and len(said.err.splitlines()) == 1
    said, _ = told(command, good, folder / "nan.wav", "-o", out)
    assert said.code == 2 and "nan.wav: " in said.err.splitlines()[-1] and not out.exists()
    # Nothing is left: nothing is written.
    said, found = told(command, folder / "nan.wav", "--skip-faulty", "-o", out)
    assert said.code == 1 and found == {} and not out.exists() and "left out: 1 of 1 recordings" in said.err


@most_commands
def test_channels_are_chosen_or_mixed(told, folder, command):
    both, _ = soundfile.read(folder / "stereo.wav", dtype="float32")
    for channel, wave in (("mix", both.mean(1)), ("1", both[:, 1])):
        soundfile.write(folder / "mono.wav", wave, 16_000, subtype="FLOAT")
        (wanted,) = told(command, folder / "mono.wav")[1].values()
        (found,) = told(command, folder / "stereo.wav", "--channel", channel)[1].values()
        assert found == wanted
    said, _ = told(command, folder / "stereo.wav", "--channel", "2")
    assert said.code == 2 and "stereo.wav: has no channel 2" in said.err
    said, _ = told(command, folder / "stereo.wav", "--channel", "left")
    assert said.code == 2 and "neither a channel, counted from 0, nor 'mix'" in said.err


@most_commands
def test_standard_input_and_named_pipes_are_heard(told, folder, command, monkeypatch):
    file = folder / "in" / "a.wav"
    (wanted,) = told(command, file)[1].values()
    monkeypatch.setattr(spool, "_once", {})  # in this process others have read it already
    with file.open() as given:
        monkeypatch.setattr("sys.stdin", given)
        said, found = told(command, "-")
    assert said.code == 0 and found == {"standard input": wanted}, said
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=lambda: (folder / "pipe").write_bytes(file.read_bytes()))
    writer.start()
    said, found = told(command, folder / "pipe")
    writer.join()
    assert said.code == 0 and list(found.values()) == [wanted], said


@most_commands
def test_stretches_of_a_manifest_are_heard_under_their_names(told, folder, command):
    wave, _ = soundfile.read(folder / "in" / "a.wav", dtype="float32")
    soundfile.write(folder / "half.wav", wave[8_000:], 16_000, subtype="FLOAT")
    (wanted,) = told(command, folder / "half.wav")[1].values()
    silent = np.concatenate([wave, np.zeros(16_000, np.float32)])
    soundfile.write(folder / "long.wav", silent, 16_000, subtype="FLOAT")
    source = dict(source=folder / "long.wav", samples=32_000, rate=16_000)
    cuts = [make_cut(name="half", stretch=(0.5, 1.0), **source), make_cut(name="pause", stretch=(1.0, 2.0), **source)]
    write_cuts(cuts, folder / "cuts.jsonl.gz")
    said, found = told(command, folder / "cuts.jsonl.gz", "--skip-faulty")
    assert found["half"] == wanted and "pause: digital silence" in said.err and "sottovoce-" not in said.err, said
    assert said.code == (0 if command == "diarize" else 1)
    said, _ = told(command, folder / "cuts.jsonl.gz", "--channel", "0")
    assert said.code == 2 and "cuts say which channel they are of; leave --channel 0 out" in said.err


def test_verify_takes_lists_of_two(sottovoce, task_models, folder):
    model = task_models / "verification"
    a, b = folder / "in" / "a.wav", folder / "in" / "below" / "b b.flac"
    wanted = sottovoce("verify", model, a, b, "--json").out
    (folder / "pairs.txt").write_text("in/a.wav\tin/below/b b.flac\nin/a.wav\tin/a.wav\nin/a.wav\tempty.wav\n")
    (folder / "empty.wav").touch()
    said = sottovoce("verify", model, f"@{folder / 'pairs.txt'}", "--json", "--skip-faulty")
    rows = said.out.splitlines()
    assert said.code == 1 and "left out: 1 of 3 recordings" in said.err and "empty.wav" in said.err, said
    first = strictly(rows[0])
    assert len(rows) == 2 and first == {**strictly(wanted), "score": pytest.approx(strictly(wanted)["score"], abs=1e-6)}
    assert strictly(rows[1])["score"] == pytest.approx(1.0, abs=1e-6)
    assert sottovoce("verify", model, f"@{folder / 'pairs.txt'}").code == 2
    soundfile.write(folder / "c.wav", soundfile.read(b)[0], 16_000)
    (folder / "trials.txt").write_text("1 in/a.wav in/a.wav\n0 in/a.wav c.wav\n")
    said = sottovoce("verify", model, f"@{folder / 'trials.txt'}", "-o", folder / "scores.tsv")
    assert said.code == 0 and "2 of 2 recordings" in said.out, said
    scores = [line.split("\t")[3] for line in (folder / "scores.tsv").read_text().splitlines()]
    assert scores == ["1.0000", f"{strictly(wanted)['score']:.4f}"]
    for arguments in ([a], [a, b, a], [folder / "in"]):
        assert "give two audio files" in sottovoce("verify", model, *arguments).err
    (folder / "pairs.txt").write_text("a b c d\n")
    assert "'a b c d' is not a pair of recordings" in sottovoce("verify", model, f"@{folder / 'pairs.txt'}").err


def test_evaluate_takes_a_list_and_writes_a_file(sottovoce, task_models, speech, tmp_path):
    call = ("evaluate", task_models / "verification")
    options = ("--draws", 5, "--json")
    wanted = sottovoce(*call, speech, speech / "trials.txt", *options)
    assert wanted.code == 0 and len(wanted.out.splitlines()) == 1, wanted
    (tmp_path / "list.txt").write_text("".join(f"{speech / f'{k}.wav'}\n" for k in range(3)))
    (tmp_path / "trials.txt").write_text(f"1 {speech}/0.wav {speech}/1.wav\n0 {speech}/0.wav {speech}/2.wav\n")
    trials = (f"@{tmp_path / 'list.txt'}", tmp_path / "trials.txt")
    said = sottovoce(*call, *trials, *options, "-o", tmp_path / "out.json")
    assert said.code == 0 and strictly((tmp_path / "out.json").read_text())["eer"] == strictly(wanted.out)["eer"], said


def test_diarize_writes_one_file_or_a_folder_of_them(sottovoce, task_models, folder):
    call = ("diarize", task_models / "diarization", folder / "in")
    assert sottovoce(*call, "-o", folder / "all.rttm").code == 0
    turns = read_rttm(folder / "all.rttm")
    assert set(turns) == {"a", "b_b"}
    said = sottovoce(*call, "-o", f"{folder / 'each'}/")
    assert said.code == 0 and len(said.out.splitlines()) == 2 and "speaker" in said.out, said
    assert {path.name: read_rttm(path) for path in (folder / "each").iterdir()} == {
        "a.rttm": {"a": turns["a"]},
        "b_b.rttm": {"b_b": turns["b_b"]},
    }
    (folder / "other").mkdir()
    (folder / "other" / "a.flac").write_bytes((folder / "in" / "below" / "b b.flac").read_bytes())
    said = sottovoce(*call, folder / "other", "-o", folder / "none.rttm")
    assert said.code == 2 and "a.wav and" in said.err and "would both be called a" in said.err, said
    said = sottovoce(*call, "--picture", folder / "x.png")
    assert said.code == 2 and "draws one recording, and there are 2" in said.err
    said = sottovoce(*call, "--json", "-o", folder)
    assert said.code == 2 and "--json writes one file" in said.err


def test_names_with_tabs_stay_in_their_column(sottovoce, task_models, folder):
    odd = folder / "tab\there.wav"
    odd.write_bytes((folder / "in" / "a.wav").read_bytes())
    said = sottovoce("transcribe", task_models / "recognition", odd)
    assert said.code == 0 and said.out.startswith(f"{folder}/tab\\there.wav\t") and said.out.count("\t") == 1


@pytest.mark.parametrize("content", ["", "\n \n"])
def test_lists_that_name_nothing_or_are_not_there(folder, content):
    (folder / "list.txt").write_text(content)
    with pytest.raises(DataError, match="list.txt: no file is listed in it"):
        recordings(f"@{folder / 'list.txt'}")
    with pytest.raises(DataError, match="none.txt: cannot be read"):
        recordings(f"@{folder / 'none.txt'}")
    (folder / "void").mkdir()
    with pytest.raises(AudioError, match="void: no audio file in it"):
        recordings(folder / "void")


def test_functions_take_the_recordings_that_commands_take(task_models, folder):
    place = task_models / "verification"
    model = load(place, task="verification")
    (folder / "empty.wav").touch()
    names = [folder / "in", folder / "empty.wav", folder / "stereo.wav"]
    batch = Batch(recordings(names, channel="mix"), check=Recording.seconds, skip_faulty=True)
    found = {item.name: vector for item, vector in batch.answers(partial(embed, model))}
    assert list(found) == [item.name for item in recordings([folder / "in", folder / "stereo.wav"])]
    assert len(batch.faults) == 1 and "empty.wav: the file is empty" in batch.faults[0]
    assert torch.equal(found[str(folder / "stereo.wav")], embed(place, folder / "stereo.wav", channel="mix"))
    a, b = batch.items[:2]
    assert verify(place, a, b) == verify(model, a.path, b.path)
    with pytest.raises(AudioError, match="empty.wav"):
        embed(model, folder / "empty.wav")
    with pytest.raises(CheckpointError, match="not for spoofing"):
        detect(model, folder / "in" / "a.wav")
    assert Recording("x/y z.wav", folder / "in" / "a.wav").id == "y_z"
