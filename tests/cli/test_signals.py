"""Ctrl-C and SIGTERM end a command with their exit code, one line, and nothing half-written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, time
from pathlib import Path
from sottovoce.cli import app as frame
from sottovoce.files import whole_file

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has its background jobs ignore it

def app(*_, **__):
    with whole_file(Path(sys.argv[1])) as partial:
        partial.write_text("half")
        os.kill(os.getpid(), int(sys.argv[2]))
        time.sleep(60)

frame.app = app
frame.main([])
"""


@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGINT, 130, "sottovoce: stopped\n"), (signal.SIGTERM, 143, "sottovoce: terminated\n")],
)
def test_a_signal_leaves_nothing_behind(tmp_path, number, code, line):
    command = [sys.executable, "-c", PROGRAM, tmp_path / "out.json", str(int(number))]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ, check=False)
    assert (done.returncode, done.stderr) == (code, line)
    assert list(tmp_path.iterdir()) == []
