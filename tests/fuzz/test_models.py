"""Hundreds of model directories with one thing wrong each: one line, or a model that works. Never anything else."""

from __future__ import annotations

import resource
import signal
import warnings
from pathlib import Path

import pytest
import torch

from fuzzed_models import fault, originals
from sottovoce.errors import SottovoceError
from sottovoce.models.loading import load_pretrained

pytestmark = pytest.mark.slow

CASES, GROUP = 600, 100
LONGEST = 60
"""Seconds for one model; beyond it is a hang."""

MEMORY = 4 * 2**20
"""Kilobytes that a process may come to."""


@pytest.fixture(scope="module")
def whole():
    return originals()


def hang(*_):
    raise TimeoutError(f"no answer in {LONGEST} s")


def write(files, place: Path) -> None:
    place.mkdir()
    for name, content in files.items():
        if content is None:
            (place / name).mkdir()
        else:
            (place / name).write_bytes(content)


def outcome(place: Path, wave: torch.Tensor) -> str:
    """What came of loading and running a model: ``""``, or the line that refuses it."""
    try:
        model = load_pretrained(place)
    except SottovoceError as error:
        assert "\n" not in str(error) and str(place) in str(error), f"not one line that names the model: {error}"
        return str(error)
    try:
        with torch.no_grad():
            made = model(wave)
    except SottovoceError as error:
        return str(error)
    for each in (made.get("output"), made.get("last_hidden_state"), *(made.hidden_states or ())):
        assert each is None or torch.isfinite(each).all(), "an output that is not finite"
    return ""


def test_whole_they_all_work(whole, tmp_path):
    wave = 0.1 * torch.randn(1, 16000, generator=torch.Generator().manual_seed(0))
    for name, files in whole.items():
        write(files, tmp_path / name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert outcome(tmp_path / name, wave) == "", name


@pytest.mark.parametrize("group", range(CASES // GROUP))
def test_one_thing_wrong(group, whole, tmp_path):
    wave = 0.1 * torch.randn(1, 16000, generator=torch.Generator().manual_seed(0))
    before = signal.signal(signal.SIGALRM, hang)
    faults = []
    try:
        for seed in range(group * GROUP, (group + 1) * GROUP):
            name, wrong = fault(whole, seed)
            write(wrong.files, tmp_path / str(seed))
            signal.alarm(LONGEST)
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    said = outcome(tmp_path / str(seed), wave)
                if wrong.must and not said:
                    faults.append(f"{seed}: {name}, {wrong.told}: loaded")
            except Exception as error:  # whatever it is, it is what this test looks for
                faults.append(f"{seed}: {name}, {wrong.told}: {type(error).__name__}: {str(error)[:300]}")
            finally:
                signal.alarm(0)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert not faults, "\n".join(faults)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MEMORY
