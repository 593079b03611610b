"""The frame of the command line: it answers at once, and a user's fault is one line and exit code 2."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from sottovoce.cli import app as frame
from sottovoce.data.corpora.cuts import make_cut, write_cuts
from sottovoce.errors import CheckpointError

HEAVY = ("torch", "transformers", "lightning", "lhotse", "numpy", "scipy", "matplotlib")


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], []])
def test_nothing_heavy_is_imported_to_answer(arguments):
    program = f"""
import sys
from sottovoce.cli import main
try:
    main({arguments!r})
finally:
    print("HEAVY", [m for m in {HEAVY!r} if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "HEAVY []" in done.stdout, done.stdout + done.stderr
    assert "sottovoce" in done.stdout


@pytest.mark.parametrize("command", ["der", "recipes", "show", "data show"])
def test_commands_without_a_model_import_no_torch(command, tmp_path):
    """Nor what reads audio or trains: each of them takes as long as the command itself."""
    turns = tmp_path / "a.rttm"
    turns.write_text("SPEAKER r 1 0.0 2.0 <NA> <NA> a <NA> <NA>\n")
    manifest = write_cuts([make_cut(name="a", source="a.wav", samples=900, rate=100)], tmp_path / "a.jsonl.gz")
    arguments = {
        "der": ["der", str(turns), str(turns)],
        "recipes": ["recipes"],
        "show": ["recipes", "show", "demo"],
        "data show": ["data", "show", str(manifest)],
    }
    program = f"""
import sys
from sottovoce.cli import main
try:
    main({arguments[command]!r})
finally:
    print("HEAVY", [m for m in ("torch", "transformers", "lhotse", "lightning", "matplotlib") if m in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "HEAVY []" in done.stdout, done.stdout + done.stderr


def test_import_of_the_package_is_light():
    program = f"import sys, sottovoce; print([m for m in {HEAVY!r} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "[]"


def fail_with(monkeypatch, fault):
    def app(*_, **__):
        raise fault

    monkeypatch.setattr(frame, "app", app)


LESS = "; give less at once (shorter audio or windows, smaller batches)"
FREE_SPACE = "; free some space, and run the same command again"


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (CheckpointError("here: damaged"), "sottovoce: here: damaged\n"),
        (FileNotFoundError(2, "No such file or directory", "a.wav"), "sottovoce: a.wav: No such file or directory\n"),
        (OSError(28, "No space left on device", "x"), f"sottovoce: x: No space left on device{FREE_SPACE}\n"),
        (OSError(18, "Invalid cross-device link", "a", None, "b"), "sottovoce: a -> b: Invalid cross-device link\n"),
        (OSError(), "sottovoce: OSError\n"),
        (MemoryError(), f"sottovoce: not enough memory{LESS}\n"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000 bytes. Error code 12"),
            f"sottovoce: not enough memory for 4000 bytes{LESS}\n",
        ),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has"),
            f"sottovoce: not enough memory for 2.00 GiB{LESS}\n",
        ),
        (
            RecursionError("maximum recursion depth exceeded"),
            "sottovoce: the input is nested too deeply (maximum recursion depth exceeded);"
            " is it a file of this kind?\n",
        ),
        (
            UnicodeEncodeError("utf-8", "SPEAKER caf\udce9 1", 11, 12, "surrogates not allowed"),
            "sottovoce: 'caf\\udce9': cannot be written as utf-8; rename the file, or correct the text\n",
        ),
        (
            UnicodeDecodeError("utf-8", b"ab\xff", 2, 3, "invalid start byte"),
            "sottovoce: a text is not utf-8 (byte 0xff at place 2); save it as UTF-8\n",
        ),
        (
            ModuleNotFoundError("No module named 'lightning'", name="lightning.pytorch"),
            "sottovoce: this needs lightning.pytorch, which is not installed; run: pip install 'sottovoce[train]'\n",
        ),
    ],
)
def test_a_users_fault_is_one_line(monkeypatch, capsys, fault, line):
    fail_with(monkeypatch, fault)
    with pytest.raises(SystemExit) as leaving:
        frame.main([])
    assert leaving.value.code == 2
    assert capsys.readouterr().err == line


@pytest.mark.parametrize("fault", [CheckpointError("no"), KeyError("ours"), ModuleNotFoundError(name="ours")])
def test_debug_and_defects_show_the_traceback(monkeypatch, fault):
    fail_with(monkeypatch, fault)
    with pytest.raises(type(fault)):
        frame.main(["--debug"])


def test_a_defect_is_never_hidden(monkeypatch):
    fail_with(monkeypatch, KeyError("ours"))
    with pytest.raises(KeyError):
        frame.main([])


def test_an_unknown_option_exits_with_2(capsys):
    with pytest.raises(SystemExit) as leaving:
        frame.main(["--nonsense"])
    assert leaving.value.code == 2
    assert "--nonsense" in capsys.readouterr().err


def test_a_stop_from_the_keyboard_is_one_line(monkeypatch, capsys):
    fail_with(monkeypatch, SystemExit(130))
    with pytest.raises(SystemExit) as leaving:
        frame.main([])
    assert leaving.value.code == 130
    assert capsys.readouterr().err == "sottovoce: stopped\n"


def test_the_package_runs_as_a_module():
    done = subprocess.run([sys.executable, "-m", "sottovoce", "--version"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and done.stdout.startswith("sottovoce ")
