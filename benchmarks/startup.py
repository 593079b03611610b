"""How long a command takes to answer, beside what importing torch and transformers alone takes.

    python benchmarks/startup.py [--rounds 5] ["inspect MODEL" "detect MODEL FILE" ...]

Processor time of the user is counted, not time on the clock, and the commands take turns, so that what else the machine
does weighs on all of them alike. Printed are medians, and how many times as long each command takes as the imports.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

IMPORTS = "import torch, transformers"
COMMAND = [sys.executable, "-c", "from sottovoce.cli import main; main()"]
TURN = "SPEAKER r 1 0.0 2.0 <NA> <NA> a <NA> <NA>\n"


def seconds(command: list[str]) -> float:
    """Processor time of one run, one thread of torch.

    Raises:
        SystemExit: the command fails.
    """
    before = os.times().children_user
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode:
        raise SystemExit(f"{shlex.join(command[3:])}: {done.stderr}")
    return os.times().children_user - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("commands", nargs="*", help="further commands, without the word sottovoce")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        turns = Path(folder) / "turns.rttm"
        turns.write_text(TURN)
        light = ["--version", "--help", "recipes", "recipes show demo", f"der {turns} {turns}"]
        runs = {IMPORTS: [sys.executable, "-c", IMPORTS]}
        runs |= {text: [*COMMAND, *shlex.split(text)] for text in (*light, *options.commands)}
        taken: dict[str, list[float]] = {text: [] for text in runs}
        for _ in range(options.rounds):
            for text, command in runs.items():
                taken[text].append(seconds(command))
    median = {text: statistics.median(times) for text, times in taken.items()}
    for text, each in median.items():
        print(f"{each:7.2f} s {each / median[IMPORTS]:6.2f} x  {text}")


if __name__ == "__main__":
    main()
