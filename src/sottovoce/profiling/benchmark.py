"""Networks side by side: parameters, MACs, file size, memory, time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch

from ..errors import SottovoceError
from ..models.loading import load
from .benchmark_settings import BenchmarkSettings
from .environment import describe_environment
from .memory import held_bytes, peak_bytes
from .profiled_model import ProfiledModel, profile_network, profile_stock, weight_file_bytes
from .stock_models import load_stock
from .timing import Spread, alternate, threads


@dataclass(frozen=True)
class BenchmarkResult:
    """What was measured of one network.

    Args:
        name: of the network.
        params: number of parameters.
        macs: multiply-accumulates of one run.
        file_bytes: size of the weights on disk.
        memory_bytes: memory of the weights and of one run; ``None`` where it cannot be measured.
        times: milliseconds of each round, in order.
        milliseconds: their median, smallest and largest.
        real_time_factor: median time divided by the length of the audio.
        speedup: times of the last network divided by times of this one, round by round.
        note: what a reader must know beside the numbers.
    """

    name: str
    params: int
    macs: float
    file_bytes: int
    memory_bytes: int | None
    times: list[float]
    milliseconds: Spread
    real_time_factor: float
    speedup: Spread
    note: str = ""


@dataclass(frozen=True)
class Benchmark:
    """Results of networks that ran in turn.

    Args:
        setting: the conditions.
        results: one for each network; the others are compared with the last.
        environment: hardware, threads and versions, see `describe_environment`.
    """

    setting: BenchmarkSettings
    results: list[BenchmarkResult]
    environment: dict[str, str]

    def to_dict(self) -> dict[str, object]:
        """Plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, object]) -> Benchmark:
        """The inverse of `to_dict`."""
        plain = cast(dict[str, Any], data)  # of JSON
        spreads = ("milliseconds", "speedup")
        results = [
            BenchmarkResult(**(each | {key: Spread(**each[key]) for key in spreads})) for each in plain["results"]
        ]
        return cls(BenchmarkSettings(**plain["setting"]), results, plain["environment"])


def bench(
    model: str | Path,
    against: str | Path | None = None,
    settings: BenchmarkSettings | None = None,
    progress: Callable[[], None] | None = None,
) -> Benchmark:
    """Measure a saved model, in turn with another.

    Args:
        model: a directory, file or hub id of anything that `load` loads. It runs as a network of sottovoce.
        against: what it is compared with. A stock Transformers checkpoint runs as its stock class.
        settings: the conditions.
        progress: called after every round.

    Raises:
        CheckpointError: a model cannot be loaded.
        InferenceError: an output of a model is NaN or infinite.
        SottovoceError: torch does not know the device, or this machine does not have it.
    """
    settings = settings or BenchmarkSettings()
    check_device(settings.device)
    subjects = [_ours(model, settings)]
    if against is not None:
        other = load_stock(against)
        if other is None:
            subjects.append(_ours(against, settings))
        else:
            name = f"{_short_name(against)} ({type(other).__name__})"
            size = weight_file_bytes(Path(against))
            subjects.append(profile_stock(other, settings, name=name, file_bytes=size))
    return measure(subjects, settings, progress)


def _ours(source: str | Path, settings: BenchmarkSettings) -> ProfiledModel:
    size = weight_file_bytes(Path(source))
    return profile_network(load(source), settings, name=_short_name(source), file_bytes=size)


def _short_name(source: str | Path) -> str:
    return "/".join(Path(source).parts[-2:])


def check_device(device: str) -> None:
    """Check that networks can run on a device.

    Raises:
        SottovoceError: torch does not know the device, or this machine does not have it.
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for the device
        raise SottovoceError(f"device {device}: {str(error).splitlines()[0]}") from None


def measure(
    subjects: Sequence[ProfiledModel], settings: BenchmarkSettings, progress: Callable[[], None] | None = None
) -> Benchmark:
    """Run networks in turn and compare each with the last.

    Args:
        subjects: the networks, made by `profile_network` or `profile_stock` for the same settings.
        settings: the conditions, recorded with the results; ``threads`` and ``repeats`` are applied here.
        progress: called after every round.

    Raises:
        InferenceError: an output of a network is NaN or infinite, so its speed says nothing.
    """
    device = torch.device(settings.device)
    with threads(settings.threads):
        names = [str(i) for i in range(len(subjects))]
        runs = dict(zip(names, subjects, strict=True))
        times = alternate(runs, repeats=settings.repeats, device=device, progress=progress)
        peaks = [peak_bytes(subject, device) for subject in subjects]
        environment = describe_environment(device)
        for subject in subjects:
            subject.check()
    base = times[names[-1]]
    results = [
        BenchmarkResult(
            name=subject.name,
            params=sum(p.numel() for p in subject.module.parameters()),
            macs=subject.macs,
            file_bytes=subject.file_bytes,
            memory_bytes=None if peak is None else peak + held_bytes(subject.module),
            times=times[name],
            milliseconds=Spread.from_values(times[name]),
            real_time_factor=Spread.from_values(times[name]).median / 1e3 / (settings.seconds * settings.batch),
            speedup=Spread.from_values([b / t for b, t in zip(base, times[name], strict=True)]),
            note=subject.note,
        )
        for name, subject, peak in zip(names, subjects, peaks, strict=True)
    ]
    return Benchmark(settings, results, environment)
