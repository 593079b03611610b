"""Networks side by side: parameters, MACs, file size, memory, time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sottovoce.encoder.layers.long_convolution import kept_bytes
from sottovoce.errors import SottovoceError
from sottovoce.models.load import load_model, load_stock
from sottovoce.profiling.environment import environment
from sottovoce.profiling.measure import Spread, alternate, peak_bytes, threads
from sottovoce.profiling.profiled_model import ProfiledModel, ours, stock, tensor_bytes, weight_files


@dataclass(frozen=True)
class Setting:
    """Under what conditions time is measured.

    Args:
        seconds: length of an utterance.
        batch: utterances at once.
        threads: of torch, on the processor; None leaves the number alone.
        dtype: of weights and inputs: ``float32``, ``bfloat16`` or ``float16``.
        device: ``cpu`` or ``cuda``.
        repeats: rounds; every network runs once a round.
    """

    seconds: float = 8.0
    batch: int = 1
    threads: int | None = 2
    dtype: str = "float32"
    device: str = "cpu"
    repeats: int = 10

    def inputs(self) -> dict[str, Any]:
        """Arguments of `ours` and `stock`."""
        dtype = getattr(torch, self.dtype)
        return {"seconds": self.seconds, "batch": self.batch, "dtype": dtype, "device": self.device}


@dataclass(frozen=True)
class Result:
    """What was measured of one network.

    Args:
        params: parameters.
        macs: multiply-accumulates of one run.
        file_bytes: size of the weights on disk.
        memory_bytes: weights and what one run needs beside them; None where this cannot be measured.
        times: milliseconds of each round, in order.
        milliseconds: their median, smallest and largest.
        real_time_factor: median time over the length of the audio.
        speedup: times of the last network over this one's, round by round.
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
    """Results of networks that ran in turn under one setting. The last one is what the others are compared with."""

    setting: Setting
    results: list[Result]
    environment: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Benchmark:
        """The inverse of `to_dict`."""
        spreads = ("milliseconds", "speedup")
        results = [Result(**(each | {key: Spread(**each[key]) for key in spreads})) for each in data["results"]]
        return cls(Setting(**data["setting"]), results, data["environment"])


def bench(
    model: str | Path,
    against: str | Path | None = None,
    setting: Setting | None = None,
    progress: Callable[[], None] | None = None,
) -> Benchmark:
    """Measure a model, in turn with another.

    Args:
        model: anything that `load_model` takes; runs as our class.
        against: what it is compared with. A stock Transformers checkpoint runs as its stock class.
        setting: conditions.
        progress: called after every round.

    Raises:
        CheckpointError: a model that cannot be loaded.
        InferenceError: a model that gives NaN or infinity.
        SottovoceError: a device that is not there.
    """
    setting = setting or Setting()
    check_device(setting.device)
    how = setting.inputs()
    subjects = [ours(load_model(model), name=_called(model), file_bytes=weight_files(Path(model)), **how)]
    if against is not None:
        size = weight_files(Path(against))
        if (other := load_stock(against)) is not None:
            name = f"{_called(against)} ({type(other).__name__})"
            subjects.append(stock(other, name=name, file_bytes=size, **how))
        else:
            subjects.append(ours(load_model(against), name=_called(against), file_bytes=size, **how))
    return measure(subjects, setting, progress)


def check_device(device: str) -> None:
    """Raises: SottovoceError: torch does not know the device, or this machine does not have it."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # torch asserts that it was built for the device
        raise SottovoceError(f"device {device}: {str(error).splitlines()[0]}") from None


def _called(source: str | Path) -> str:
    return "/".join(Path(source).parts[-2:])


def measure(
    subjects: Sequence[ProfiledModel], setting: Setting, progress: Callable[[], None] | None = None
) -> Benchmark:
    """Run networks in turn and compare each with the last.

    Args:
        subjects: made for this setting (dtype, device, length and batch), see `sottovoce.profiling.bench.bench`.
        setting: conditions, recorded with the results; ``threads`` and ``repeats`` are applied here.
        progress: called after every round.

    Raises:
        InferenceError: one of them gives NaN or infinity: how fast it does so says nothing.
    """
    device = torch.device(setting.device)
    with threads(setting.threads):
        names = [str(i) for i in range(len(subjects))]
        runs = dict(zip(names, subjects, strict=True))
        times = alternate(runs, repeats=setting.repeats, device=device, progress=progress)
        memory = [peak_bytes(subject, device) for subject in subjects]
        where = environment(device)
        for subject in subjects:
            subject.check()
    base = times[names[-1]]
    results = [
        Result(
            name=subject.name,
            params=sum(p.numel() for p in subject.module.parameters()),
            macs=subject.macs,
            file_bytes=subject.file_bytes,
            memory_bytes=None if beside is None else beside + held_bytes(subject.module),
            times=times[name],
            milliseconds=Spread.of(times[name]),
            real_time_factor=Spread.of(times[name]).median / 1e3 / (setting.seconds * setting.batch),
            speedup=Spread.of([b / t for b, t in zip(base, times[name], strict=True)]),
            note=subject.note,
        )
        for name, subject, beside in zip(names, subjects, memory, strict=True)
    ]
    return Benchmark(setting, results, where)


def held_bytes(module: nn.Module) -> int:
    """Memory of weights, buffers and what is kept between runs."""
    return tensor_bytes(module) + kept_bytes(module.parameters())
