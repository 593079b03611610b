"""``sottovoce data import | check | show``: what they print, and how they end when something is wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.data.corpora.layouts import LAYOUTS


@pytest.fixture
def corpus(tmp_path):
    """Three files and lists of them in several layouts."""
    place = tmp_path / "corpus"
    place.mkdir()
    random = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        soundfile.write(place / f"{name}.flac", 0.1 * random.standard_normal(32_000), 16_000)
    (place / "list.csv").write_text("file,spk,cls\na.flac,s,spoof\nb.flac,t,bonafide\n")
    (place / "ref.rttm").write_text("SPEAKER a 1 0 1 <NA> <NA> s <NA> <NA>\nSPEAKER a 1 0.5 1 <NA> <NA> t <NA> <NA>\n")
    (place / "ref.uem").write_text("a 1 0 1.8\n")
    (place / "wav.scp").write_text(f"a cat {place}/a.flac |\n")
    return place


def test_import_check_and_show(sottovoce, corpus, tmp_path):
    columns = "path=file,speaker=spk,label=cls"
    said = sottovoce("data", "import", "table", corpus / "list.csv", "--columns", columns, "-o", tmp_path / "cuts")
    assert said.code == 0 and said.out.startswith(f"all: {tmp_path}/cuts/all.jsonl.gz\n"), said
    for words in ("2 of 2 recordings", "0.001  (4.0 s)", "speakers", "spoof 1, bonafide 1"):
        assert words in said.out, said
    manifest = tmp_path / "cuts/all.jsonl.gz"
    said = sottovoce("data", "check", manifest)
    assert said.code == 0 and said.out == "2 cuts, 2 files, 0.001 hours decoded\n", said
    said = sottovoce("data", "show", manifest)
    assert said.code == 0 and "2 of 2 recordings" in said.out and "spoof 1, bonafide 1" in said.out
    assert "0.001  (4.0 s)" in said.out and "2 - 3" in said.out and "█" in said.out
    found = json.loads(sottovoce("data", "show", manifest, "--json").out)
    assert found["fields"]["label"] == {"spoof": 1, "bonafide": 1} and found["cuts"] == 2


def test_options_reach_their_layout(sottovoce, corpus, tmp_path):
    said = sottovoce(
        "data",
        "import",
        "rttm",
        corpus / "ref.rttm",
        "--uem",
        corpus / "ref.uem",
        "--split",
        "dev",
        "-o",
        tmp_path / "o",
    )
    assert said.code == 0, said
    (cut,) = read_cuts(tmp_path / "o/dev.jsonl.gz")
    assert cut.uem == [[0.0, 1.8]] and len(cut.supervisions) == 2
    refused = sottovoce("data", "import", "kaldi", corpus, "-o", tmp_path / "k")
    assert refused.code == 2 and "is a command" in refused.err and not (tmp_path / "k").exists()
    assert sottovoce("data", "import", "kaldi", corpus, "--allow-pipes", "-o", tmp_path / "k").code == 0
    assert (tmp_path / "k/audio/all/000000-a.flac").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["tabel", "list.csv"], "did you mean 'table'?"),
        (["nemo", "list.csv", "--uem", "ref.uem"], "the layout nemo: --uem: unknown; known here: --audio"),
        (["table", "list.csv", "--allow-pipes"], "the layout table: --allow-pipes: unknown; "),
        (["table", "list.csv", "--columns", "path"], "is not like path=file"),
        (["table", "list.csv", "--columns", "path=file,path=spk"], "each name once"),
        (["table", "list.csv"], "no column 'path'"),
        (["table", "nothing.csv"], "cannot be read"),
        (["kaldi", "list.csv"], "not a folder"),
        (["lhotse", "list.csv"], "no JSON"),
    ],
)
def test_wrong_arguments(sottovoce, corpus, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(corpus)
    said = sottovoce("data", "import", *arguments, "-o", tmp_path / "out")
    assert said.code == 2 and message in said.err and "Traceback" not in said.err, said
    assert not (tmp_path / "out").exists()


def test_one_line_a_fault(sottovoce, corpus, tmp_path):
    (corpus / "b.flac").unlink()
    columns = "path=file,speaker=spk"
    (corpus / "list.csv").open("a").write("d.flac,t,\na.flac,t,\n")
    said = sottovoce("data", "import", "table", corpus / "list.csv", "--columns", columns, "-o", tmp_path / "out")
    first, *faults = said.err.splitlines()
    assert said.code == 2 and "3 faults, nothing was written" in first and len(faults) == 3
    assert all("list.csv line " in fault for fault in faults) and not (tmp_path / "out").exists()


def test_faulty_audio_is_left_out_and_listed_at_the_end(sottovoce, corpus, tmp_path):
    (corpus / "b.flac").unlink()
    columns = "path=file,speaker=spk"
    call = ("data", "import", "table", corpus / "list.csv", "--columns", columns, "--skip-faulty")
    said = sottovoce(*call, "-o", tmp_path / "out")
    assert said.code == 1 and [cut.id for cut in read_cuts(tmp_path / "out" / "all.jsonl.gz")] == ["a.flac"], said
    head, fault = said.err.splitlines()
    assert head == "sottovoce: faulty and left out: 1 utterances" and "list.csv line 3" in fault and "b.flac" in fault


def test_what_was_there_survives_a_failed_import(sottovoce, corpus, tmp_path):
    out = tmp_path / "cuts"
    arguments = ["data", "import", "table", corpus / "list.csv", "--columns", "path=file", "-o", out]
    assert sottovoce(*arguments).code == 0
    before = (out / "all.jsonl.gz").read_bytes()
    (corpus / "b.flac").write_bytes(b"")
    assert sottovoce(*arguments).code == 2
    assert [path.name for path in out.iterdir()] == ["all.jsonl.gz"] and (out / "all.jsonl.gz").read_bytes() == before


def test_check_names_what_is_wrong(sottovoce, corpus, tmp_path):
    soundfile.write(corpus / "c.flac", np.zeros(32_000), 16_000)
    (corpus / "list.csv").write_text("path\na.flac\nb.flac\nc.flac\n")
    assert sottovoce("data", "import", "table", corpus / "list.csv", "-o", tmp_path / "cuts").code == 0
    whole = (corpus / "a.flac").read_bytes()
    (corpus / "a.flac").write_bytes(whole[: len(whole) // 2])
    said = sottovoce("data", "check", tmp_path / "cuts/all.jsonl.gz")
    first, fault = said.err.splitlines()
    assert said.code == 2 and "1 fault:" in first and "a.flac" in fault
    assert said.out.splitlines()[0] == f"note: {corpus}/c.flac: digital silence"
    found = json.loads(sottovoce("data", "check", tmp_path / "cuts/all.jsonl.gz", "--json").out)
    assert len(found["faults"]) == 1 and len(found["notes"]) == 1
    for command in ("check", "show"):
        assert sottovoce("data", command, tmp_path / "none.jsonl.gz").code == 2


def test_help_names_every_layout_and_imports_nothing_heavy(sottovoce):
    said = sottovoce("data", "import", "--help")
    assert all(name in said.out for name in LAYOUTS)
    program = (
        "import sys, sottovoce.cli.commands.data; print({'torch', 'lhotse', 'numpy', 'soundfile'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_corpus_of_any_task(sottovoce, tmp_path):
    pytest.importorskip("espeakng_loader", reason="needs the extra 'demo'")
    sizes = ["--speakers-train", 2, "--speakers-dev", 0, "--speakers-test", 2]
    talks = ["--conversations-train", 1, "--conversations-dev", 0, "--conversations-test", 1, "--seconds", 10]
    said = sottovoce("data", "synthesize", "diarization", "-o", tmp_path / "c", *sizes, *talks, "--voices", 2, 2)
    names = ["train.jsonl.gz", "test.jsonl.gz", "test.rttm", "test.uem", "train.rttm", "train.uem"]
    assert said.code == 0 and said.out.split() == [str(tmp_path / "c" / name) for name in names], said
    assert sottovoce("data", "check", tmp_path / "c/train.jsonl.gz").code == 0
    assert "10.0 % of it overlapped" in sottovoce("data", "show", tmp_path / "c/train.jsonl.gz").out
    for arguments, message in (
        (["singing"], "no synthetic corpus is called 'singing'"),
        (["intent", "--overlap", 0.1], "synthesize intent: --overlap: unknown; known here: "),
        (["recognition", "--speakers-test", 1], "synthesize recognition: --speakers-test: input should be greater"),
        (["spoofing", "--attacks", "lpc,"], "holds a corpus of other options"),
        (["spoofing", "--attacks", "lcp"], "there is no attack 'lcp'"),
        (["spoofing", "--attacks", ","], "attacks: tuple should have at least 1 item"),
    ):
        said = sottovoce("data", "synthesize", *arguments, "-o", tmp_path / "c")
        assert said.code == 2 and message in said.err and len(said.err.splitlines()) == 1, said


def test_shar_out_and_in(sottovoce, corpus, tmp_path):
    (corpus / "list.csv").write_text("path\na.flac\nb.flac\nc.flac\n")
    assert sottovoce("data", "import", "table", corpus / "list.csv", "-o", tmp_path / "cuts").code == 0
    arguments = ["data", "export-shar", tmp_path / "cuts/all.jsonl.gz", "-o", tmp_path / "shar", "--shard-size", 2]
    said = sottovoce(*arguments)
    assert said.code == 0 and said.out.strip() == str(tmp_path / "shar")
    assert len(list((tmp_path / "shar").glob("recording.*.tar"))) == 2
    again = sottovoce(*arguments)
    assert again.code == 2 and "not an empty folder" in again.err and len(again.err.splitlines()) == 1
    assert sottovoce("data", "import", "lhotse", tmp_path / "shar", "-o", tmp_path / "index").code == 0
    said = sottovoce("data", "check", tmp_path / "index/all.jsonl.gz")
    assert said.code == 0 and said.out.startswith("3 cuts"), said


def test_a_full_or_read_only_place(sottovoce, corpus, tmp_path):
    (tmp_path / "file").touch()
    said = sottovoce(
        "data", "import", "table", corpus / "list.csv", "--columns", "path=file", "-o", tmp_path / "file/cuts"
    )
    assert said.code == 2 and "cannot be written" in said.err and len(said.err.splitlines()) == 1


def test_a_folder_of_manifests_is_shown(sottovoce, corpus, tmp_path):
    (corpus / "list.csv").write_text("path;split;text\na.flac;train;good\nb.flac;dev;morning\n")
    assert sottovoce("data", "import", "table", corpus / "list.csv", "-o", tmp_path / "cuts").code == 0
    said = sottovoce("data", "show", tmp_path / "cuts")
    assert said.code == 0 and "dev.jsonl.gz" in said.out and "train.jsonl.gz" in said.out
    found = json.loads(sottovoce("data", "show", tmp_path / "cuts", "--json").out)
    assert list(found) == ["dev", "train"] and found["dev"]["cuts"] == found["train"]["texts"] == 1
    said = sottovoce("data", "show", corpus)
    assert said.code == 2 and "no manifest (.jsonl.gz) in it" in said.err


def test_faults_are_cut_after_twenty(sottovoce, corpus, tmp_path):
    (corpus / "list.csv").write_text("path\n" + "".join(f"none{n}.wav\n" for n in range(50)))
    said = sottovoce("data", "import", "table", corpus / "list.csv", "-o", tmp_path / "cuts")
    lines = said.err.strip().splitlines()
    assert said.code == 2 and "50 faults" in lines[0] and lines[-1].strip() == "and 30 more" and len(lines) == 22


def test_quotes_on_the_command_line(sottovoce, corpus, tmp_path):
    (corpus / "list.tsv").write_text('path\ttext\na.flac\t"say ""yes"""\n')
    for quotes, text in (("csv", 'say "yes"'), ("none", '"say ""yes"""')):
        out = tmp_path / quotes
        assert sottovoce("data", "import", "table", corpus / "list.tsv", "--quotes", quotes, "-o", out).code == 0
        (cut,) = read_cuts(out / "all.jsonl.gz")
        assert cut.supervisions[0].text == text


def test_a_channel_that_nothing_is_done_with(sottovoce, corpus, tmp_path):
    assert (
        sottovoce("data", "import", "table", corpus / "list.csv", "--columns", "path=file", "-o", tmp_path / "c").code
        == 0
    )
    cuts = tmp_path / "c/all.jsonl.gz"
    said = sottovoce("data", "import", "lhotse", cuts, "--channel", 1, "-o", tmp_path / "d")
    assert said.code == 2 and "the cuts of the layout lhotse say which channel they are of" in said.err


def test_channels_are_chosen_or_mixed(sottovoce, tmp_path):
    place = tmp_path / "corpus" / "anna"
    place.mkdir(parents=True)
    soundfile.write(place / "a.wav", np.random.default_rng(0).normal(0, 0.1, (16_000, 2)), 16_000)
    arguments = ("data", "import", "folder", tmp_path / "corpus", "-o", tmp_path / "cuts")
    said = sottovoce(*arguments)
    assert said.code == 2 and "--channel 0 .. 1" in said.err and "--channel mix" in said.err
    for channel in ("mix", "1"):
        assert sottovoce(*arguments, "--channel", channel).code == 0
        assert sottovoce("data", "check", tmp_path / "cuts" / "all.jsonl.gz").code == 0
    for channel in ("-1", "left", "1.5"):
        said = sottovoce(*arguments, "--channel", channel)
        assert said.code == 2 and "neither a channel" in " ".join(said.err.replace("│", " ").split())
