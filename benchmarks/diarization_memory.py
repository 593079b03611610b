"""Memory and time of diarizing a long file.

    python benchmarks/diarization_memory.py AUDIO... --local MODEL --voices MODEL [--hours 3] [--step 0.8]

The file is made of the recordings that are given, one after the other and again from the beginning, as 16-bit FLAC.
Printed is the largest resident set of the process beyond what it held with both models loaded.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
import time
from pathlib import Path

import soundfile
from rich.console import Console

from sottovoce.data.audio.reading import read_audio
from sottovoce.diarization.pipeline import DiarizationSettings
from sottovoce.inference.diarization import diarize
from sottovoce.models.loading import load
from sottovoce.profiling.memory import peak_bytes
from sottovoce.profiling.timing import threads
from sottovoce.quantities import SAMPLE_RATE


def write_long(recordings: list[Path], hours: float, path: Path) -> None:
    left = round(hours * 3600 * SAMPLE_RATE)
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16") as file:
        for recording in itertools.cycle(recordings):
            wave = read_audio(recording).numpy()[:left]
            file.write(wave)
            left -= len(wave)
            if not left:
                return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("audio", type=Path, nargs="+", help="recordings, or a folder of them")
    parser.add_argument("--local", required=True, help="a diarization model")
    parser.add_argument("--voices", required=True, help="a speaker model")
    parser.add_argument("--hours", type=float, default=3.0)
    parser.add_argument("--step", type=float, default=0.8)
    options = parser.parse_args()
    recordings = [file for each in options.audio for file in (sorted(each.glob("*.*")) if each.is_dir() else [each])]
    local = load(options.local, task="diarization")
    speakers = load(options.voices, task="verification")
    found = []
    with tempfile.TemporaryDirectory() as folder, threads(1):
        path = Path(folder) / "long.flac"
        write_long(recordings, options.hours, path)
        began = time.perf_counter(), time.process_time()
        used = peak_bytes(
            lambda: found.extend(diarize(local, path, speakers, settings=DiarizationSettings(step=options.step)))
        )
        wall, cpu = time.perf_counter() - began[0], time.process_time() - began[1]
    count = len({turn.speaker for turn in found})
    Console(width=140).print(
        f"{options.hours:g} h, step {options.step:g} s: {used / 2**20 if used else float('nan'):.0f} MiB added, {wall:.0f} s"
        f" ({cpu:.0f} s of one CPU thread); {len(found)} turns of {count} speakers",
        highlight=False,
    )


if __name__ == "__main__":
    main()
