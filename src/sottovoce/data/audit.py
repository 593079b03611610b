"""All audio of a manifest, decoded: what cannot be used, and what can be but looks wrong."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from ..encoder.errors import AudioError, DataError
from .audio import audio_shape, is_silent
from .cuts import files_of, load_cut
from .row_checks import outside

if TYPE_CHECKING:
    from lhotse.cut import Cut

CLIPPED = 1e-3
"""Share of samples at full scale, beside another such sample, from which on audio counts as clipped."""

_FULL = 0.9999
"""Full scale: 16-bit audio reaches 0.99997 on the positive side."""


@dataclass
class Audit:
    """What decoding everything has shown.

    Attributes:
        faults: what cannot be used: missing, cut off, NaN, not as listed. Each names its file and the cut.
        notes: what can be used and may be wrong: silence, clipping.
        cuts, files: how many were looked at.
        seconds: of audio that was decoded.
    """

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cuts: int = 0
    files: int = 0
    seconds: float = 0.0


def refuse_missing(cuts: Iterable[Cut], name: str) -> None:
    """Stop early where files of cuts are missing or empty: nothing is opened, so it takes no time.

    Args:
        cuts: of any kind.
        name: what the error calls them.

    Raises:
        DataError: it counts the files, and names the first.
    """
    files = dict.fromkeys(file for cut in cuts for file in files_of(cut))
    absent = [file for file in files if not (os.path.isfile(file) and os.path.getsize(file))]
    if absent:
        first = ", ".join(absent[:3]) + ", ..." * (len(absent) > 3)
        raise DataError(f"{name}: {len(absent):,} of {len(files):,} audio files are missing or empty: {first}")


def check_audio(cuts: Iterable[Cut], progress: Callable[[int, int], None] | None = None) -> Audit:
    """Decode all audio of some cuts, every file once.

    Args:
        cuts: of any kind.
        progress: is told ``(done, total)`` files.
    """
    files: dict[str, list[Cut]] = defaultdict(list)
    for cut in cuts:
        files[_file_of(cut) or f"cut {cut.id}"].append(cut)
    audit = Audit(cuts=sum(len(each) for each in files.values()), files=len(files))
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for done, part in enumerate(pool.map(_check_file, files.keys(), files.values()), 1):
            audit.faults += part.faults
            audit.notes += part.notes
            audit.seconds += part.seconds
            if progress is not None:
                progress(done, len(files))
    return audit


def _file_of(cut: Cut) -> str | None:
    """The one file that a cut is a stretch of; none where it is put together or changed."""
    recording = getattr(cut, "recording", None)
    if recording is None or recording.transforms or len(recording.sources) != 1 or not isinstance(cut.channel, int):
        return None
    source = recording.sources[0]
    return source.source if source.type == "file" and cut.channel in source.channels else None


def _check_file(name: str, cuts: list[Cut]) -> Audit:
    audit = Audit()
    for cut in cuts:
        audit.faults += [f"{cut.id}: {fault}" for fault in outside(cut)]
    of = cuts[0].id if len(cuts) == 1 else f"{cuts[0].id} and {len(cuts) - 1} more cuts"
    try:
        if _file_of(cuts[0]) is None:
            wave = load_cut(cuts[0]).numpy()
            audit.seconds = cuts[0].duration
            _look(audit, cuts[0].id, wave)
            return audit
        samples, rate = _decode(Path(name))
    except AudioError as error:
        audit.faults.append(f"{error} ({of})")
        return audit
    audit.seconds = len(samples) / rate
    for cut in cuts:
        recording = cut.recording
        if (recording.num_samples, recording.sampling_rate) != (len(samples), rate):
            listed = f"{recording.num_samples} at {recording.sampling_rate} Hz are listed"
            audit.faults.append(f"{name}: {len(samples)} samples at {rate} Hz can be decoded, but {listed} ({cut.id})")
            continue
        channel = recording.sources[0].channels.index(cut.channel)
        if channel >= samples.shape[1]:
            audit.faults.append(f"{name}: has no channel {channel} ({cut.id})")
            continue
        whole = cut.start == 0 and cut.duration == recording.duration
        stretch = samples[round(cut.start * rate) : round((cut.start + cut.duration) * rate), channel]
        _look(audit, name if whole else f"{cut.id} ({name} from {cut.start:.3f} s)", stretch)
    return audit


def _decode(path: Path) -> tuple[NDArray[np.float32], int]:
    """All of a file, ``[S, channels]``, and its rate.

    Raises:
        AudioError: it is missing, no audio, or cannot be decoded to its end.
    """
    _, rate, _ = audio_shape(path)
    try:
        samples, _ = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        reason = error.error_string.removeprefix("Error : ").rstrip(".")
        raise AudioError(f"{path}: cannot be decoded to its end ({reason})") from error
    return samples, rate


def _look(audit: Audit, name: str, wave: NDArray[np.float32]) -> None:
    finite = np.isfinite(wave)
    if not len(wave):
        audit.faults.append(f"{name}: no samples")
    elif not finite.all():
        audit.faults.append(f"{name}: {np.count_nonzero(~finite)} of {len(wave)} samples are NaN or infinite")
    elif is_silent(torch.from_numpy(np.ascontiguousarray(wave))):
        audit.notes.append(f"{name}: digital silence")
    else:
        full = np.abs(wave) >= _FULL
        beside = np.zeros_like(full)
        beside[1:] = full[:-1]
        beside[:-1] |= full[1:]
        share = np.count_nonzero(full & beside) / len(wave)
        if share >= CLIPPED:
            audit.notes.append(f"{name}: clipped ({100 * share:.2f} % of the samples are at full scale)")
