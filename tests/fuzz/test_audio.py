"""Audio files with something wrong, from a fixed seed: a line that names the file, or the right samples; nothing else.

A failure is: an exception that is none of ours, a message of several lines, more than a minute or 4 GB, readers that do
not agree, or another number of samples than is right where that is known.
"""

from __future__ import annotations

import re
import resource
import time
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from audio_files import KINDS, SAMPLES, decodable, encoded, flac_from_a_pipe, mp3_without_length, wav_from_a_pipe
from mutations import MUTATIONS
from sottovoce.data.audio.long_audio import audio_pieces
from sottovoce.data.audio.reading import audio_shape, read_audio
from sottovoce.data.batches.batches import StepBatches
from sottovoce.data.corpora.audio_check import check_audio
from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.data.corpora.manifests import import_corpus
from sottovoce.errors import SottovoceError

COUNT = 700
SEED = 10

TRUE_CUTS = {"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "NIST", "OGG", "MP3", "AVR", "SVX", "WVE",
             "MAT4", "MAT5", "MPC2K"}  # fmt: skip
"""Containers of which a file that lost a third of itself must be refused."""


def valid(random: np.random.Generator) -> tuple[bytes, str, int]:
    """A whole file, its container, and its samples."""
    kind = int(random.integers(12))
    if kind == 0:
        content = flac_from_a_pipe()
        return content, "stream", SAMPLES
    if kind == 1:
        size = int(random.choice([0, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 2**32 - 37, 2**32 - 1]))
        return wav_from_a_pipe(size), "stream", SAMPLES
    if kind == 2:
        return mp3_without_length(), "stream", -1
    container, codec = KINDS[int(random.integers(len(KINDS)))]
    if kind > 6:  # those that users have
        container = str(random.choice(["WAV", "FLAC", "OGG", "MP3", "AIFF", "W64", "NIST", "CAF", "AU"]))
        codec = str(random.choice([codec for name, codec in KINDS if name == container]))
    content = encoded(container, codec)
    return content, container, decodable(content)


def joined(random: np.random.Generator) -> tuple[bytes, int]:
    """Files one after another, and their samples together; a file that may not be joined has none."""
    (first, container, count), (second, other, more) = valid(random), valid(random)
    both = container == other and container in ("OGG", "MP3")
    return first + second, count + more if both else -1


def heard(path: Path) -> int | str:
    """Samples as every reader hears them; or what is wrong."""
    try:
        samples, rate, _ = audio_shape(path)
        whole = len(read_audio(path, channel="mix"))
        pieces = sum(len(piece) for piece in audio_pieces(path, channel="mix"))
    except SottovoceError as error:
        assert "\n" not in str(error) and len(str(error)) < 1_000, str(error)
        assert path.name in str(error)
        return str(error)
    assert abs(whole - samples * 16_000 / rate) < 2 and abs(pieces - whole) < 2, (samples, rate, whole, pieces)
    return samples


def trained(path: Path, out: Path) -> None:
    """Import, check and a crop: what is imported can be used, as it is checked."""
    try:
        made = import_corpus(path.parents[1], out, layout="folder", channel="mix")
    except SottovoceError:
        return
    cuts = list(read_cuts(made["all"]))
    faults = check_audio(cuts).faults
    try:
        batch = StepBatches(cuts, batch_size=1, crop=0.5)[0]
        assert batch["waveform"].shape == (1, 8_000)
    except SottovoceError:
        assert faults
    else:
        assert not faults or "NaN" in faults[0] or "decoded" in faults[0], faults


def inputs():
    """Number -> content, and its right number of samples (-1: not known; -2: must be refused)."""
    for number in range(COUNT):
        random = np.random.default_rng([SEED, number])
        if number % 10 == 0:
            content, right = joined(random)
            yield number, content, right
            continue
        content, container, right = valid(random)
        if number % 10 == 1:
            yield number, content, right
            continue
        if number % 10 == 2 and container in TRUE_CUTS:
            yield number, content[: int(len(content) * random.uniform(0.3, 0.9))], -2
            continue
        for _ in range(int(random.integers(1, 3))):
            content = MUTATIONS[int(random.integers(len(MUTATIONS)))](content, random)
        yield number, content, -1


@pytest.mark.slow
def test_spoiled_audio(tmp_path, capfd):
    outcomes = Counter[str]()
    failures = []
    (tmp_path / "corpus" / "a").mkdir(parents=True)
    for number, content, right in inputs():
        path = tmp_path / "corpus" / "a" / f"{number}.wav"
        path.write_bytes(content)
        begin = time.perf_counter()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = heard(path)
                trained(path, tmp_path / "cuts")
        except Exception as error:  # the kinds of which this test says that there are none
            failures.append(f"{number}: {type(error).__name__}: {error}")
            continue
        finally:
            path.unlink()
        if time.perf_counter() - begin > 60:
            failures.append(f"{number}: took more than a minute")
        if right >= 0 and found != right:
            failures.append(f"{number}: {right} samples are right, got {found}")
        if right == -2 and isinstance(found, int):
            failures.append(f"{number}: cut off, and heard as {found} samples")
        outcomes["heard" if isinstance(found, int) else re.sub(r"[\d.,]+", "#", found.partition(": ")[2])[:60]] += 1
    capfd.readouterr()
    print(outcomes)
    assert not failures, f"{len(failures)} of {COUNT}:\n" + "\n".join(failures[:40])
    assert outcomes["heard"] > COUNT / 10 and len(outcomes) > 10  # neither all refused nor all for one reason
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 4 * 2**20  # KiB
