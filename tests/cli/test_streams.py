"""Where a command prints: every character has a form that can be printed, and what cannot be written is an error."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = [sys.executable, "-c", "from sottovoce.cli import main; main()"]
TURN = "SPEAKER r 1 0.0 2.0 <NA> <NA> {} <NA> <NA>\n"
PLAIN = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


def run(*arguments, stdout=subprocess.PIPE, **environment) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*PROGRAM, *arguments], stdout=stdout, stderr=subprocess.PIPE, env={**os.environ, **environment}, check=False
    )


@pytest.fixture
def reference(tmp_path) -> Path:
    path = tmp_path / "ref.rttm"
    path.write_text(TURN.format("Zoë"), encoding="utf-8")
    return path


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "cp1252"}, {"PYTHONIOENCODING": "ascii"}, PLAIN])
@pytest.mark.parametrize("arguments", [["--help"], ["no-such-command"]])
def test_an_output_of_few_characters_is_printed_to(environment, arguments):
    done = run(*arguments, **environment)
    assert done.returncode == (2 if arguments == ["no-such-command"] else 0), done
    assert b"Traceback" not in done.stderr and len(done.stdout + done.stderr) > 100


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "UTF8"])
def test_json_is_json_in_every_encoding(tmp_path, encoding):
    turns = tmp_path / "turns.rttm"
    turns.write_text(TURN.format("a").replace("r 1", "Zoë 1"), encoding="utf-8")
    done = run("der", turns, turns, "--json", PYTHONIOENCODING=encoding)
    told = json.loads(done.stdout)  # UTF-8, as RFC 8259 has it
    assert list(told["recordings"]) == ["Zoë"], done
    assert (b"\\u00eb" in done.stdout) == (encoding != "UTF8")


def test_what_is_drawn_has_its_like_in_ascii():
    program = """
import sys
from sottovoce.cli.streams import make_output_printable
make_output_printable()
print("│██▏···│ é € → …")
print("caf\\udce9.wav")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env={**os.environ, "PYTHONIOENCODING": "ascii"}
    )
    assert done.stdout == b"|##|...| \\xe9 \\u20ac -> ...\ncaf\xe9.wav\n", done


@pytest.mark.parametrize("environment", [{}, PLAIN])
def test_a_name_that_is_not_utf_8_is_read_and_told(tmp_path, reference, environment):
    name = os.fsencode(tmp_path) + b"/caf\xe9.rttm"
    missing = run("der", reference, os.fsdecode(name), **environment)
    assert missing.returncode == 2 and len(missing.stderr.splitlines()) == 1
    assert b"caf\xe9.rttm" in missing.stderr
    with open(name, "w", encoding="utf-8") as file:
        file.write(reference.read_text(encoding="utf-8"))
    done = run("der", reference, os.fsdecode(name), **environment)
    assert done.returncode == 0 and done.stderr == b"" and b"DER 0.00 %" in done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["recipes", "show", "demo"]])
def test_a_full_standard_output_is_named(arguments):
    with open("/dev/full", "wb") as full:
        done = run(*arguments, stdout=full)
    assert done.returncode == 2
    assert done.stderr.decode() == (
        "sottovoce: standard output: No space left on device; free some space, and run the same command again\n"
    )


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_a_reader_that_has_gone_is_one_line(arguments):
    read, write = os.pipe()
    os.close(read)
    done = run(*arguments, stdout=write)
    os.close(write)
    assert done.returncode == 141, done
    assert done.stderr == b"sottovoce: standard output was closed before everything was written\n"


def test_a_closed_standard_output_is_told_before_any_work(tmp_path):
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, "der", tmp_path / "a.rttm", tmp_path / "b.rttm"],
        stderr=subprocess.PIPE,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == b"sottovoce: standard output: is closed; send it to a file, or to /dev/null\n"
