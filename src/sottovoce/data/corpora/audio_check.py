"""A check that decodes all audio of a manifest, and reports faults and suspicious audio."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...errors import AudioError, DataError
from ..audio.channels import resolve_channel, select_channel
from ..audio.decoder import open_audio
from ..audio.reading import LARGEST, is_silent
from ..audio.sources import printable
from .cut_checks import cut_faults
from .cuts import audio_files_of, channel_of, load_cut

if TYPE_CHECKING:
    from lhotse.cut import Cut

CLIPPED = 1e-3
"""Audio counts as clipped if at least this fraction of its samples is at full scale, next to another such sample."""

_FULL = 0.9999
"""A sample of at least this magnitude counts as full scale: 16-bit audio reaches 0.99997 on the positive side."""


@dataclass
class AudioCheck:
    """The result of a check.

    Attributes:
        faults: audio that cannot be used (missing, truncated, NaN, not as listed); each names its file and cut.
        notes: audio that can be used but is suspicious (silent, clipped).
        cuts, files: number of cuts and files that were checked.
        seconds: seconds of audio that were decoded.
    """

    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cuts: int = 0
    files: int = 0
    seconds: float = 0.0


def refuse_missing(cuts: Sequence[Cut], name: str) -> None:
    """Raise an error if files of cuts are missing or empty, or if cuts are unusable. No file is opened.

    Args:
        cuts: cuts of any type.
        name: the name of the manifest in error messages.

    Raises:
        DataError: files are missing (the message gives their number and the first of them), or a cut is unusable (the
            message gives the first one, see `cut_faults`).
    """
    files = dict.fromkeys(file for cut in cuts for file in audio_files_of(cut))
    absent = [file for file in files if not (os.path.isfile(file) and os.path.getsize(file))]
    if absent:
        first = ", ".join(absent[:3]) + ", ..." * (len(absent) > 3)
        raise DataError(f"{name}: {len(absent):,} of {len(files):,} audio files are missing or empty: {first}")
    for cut in cuts:
        if faults := cut_faults(cut):
            raise DataError(f"{name}: cut {cut.id}: {faults[0]}; leave it out")


def check_audio(cuts: Iterable[Cut], progress: Callable[[int, int], None] | None = None) -> AudioCheck:
    """Decode all audio of some cuts, every file once.

    Args:
        cuts: cuts of any type.
        progress: called as ``progress(done, total)`` after each file.
    """
    files: dict[str, list[Cut]] = defaultdict(list)
    for cut in cuts:
        files[_file_of(cut) or f"cut {cut.id}"].append(cut)
    result = AudioCheck(cuts=sum(len(each) for each in files.values()), files=len(files))
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        for done, part in enumerate(pool.map(_check_file, files.keys(), files.values()), 1):
            result.faults += part.faults
            result.notes += part.notes
            result.seconds += part.seconds
            if progress is not None:
                progress(done, len(files))
    return result


def _file_of(cut: Cut) -> str | None:
    """The file of a cut that is a stretch of a single file; ``None`` for a mixed or transformed cut."""
    if channel_of(cut) is None:
        return None
    source = cut.recording.sources[0]
    return source.source if source.type == "file" else None


def _check_file(name: str, cuts: list[Cut]) -> AudioCheck:
    result = AudioCheck()
    for cut in cuts:
        result.faults += [f"{cut.id}: {fault}" for fault in cut_faults(cut)]
    cuts = [cut for cut in cuts if not cut_faults(cut)]
    if not cuts:
        return result
    of = cuts[0].id if len(cuts) == 1 else f"{cuts[0].id} and {len(cuts) - 1} more cuts"
    try:
        if _file_of(cuts[0]) is None:
            wave = load_cut(cuts[0]).numpy()
            result.seconds = cuts[0].duration
            _examine(result, cuts[0].id, wave)
            return result
        samples, rate = _decode(name)
    except AudioError as error:
        result.faults.append(f"{error} ({of})")
        return result
    result.seconds = len(samples) / rate
    for cut in cuts:
        recording = cut.recording
        if (recording.num_samples, recording.sampling_rate) != (len(samples), rate):
            listed = f"{recording.num_samples} at {recording.sampling_rate} Hz are listed"
            result.faults.append(f"{name}: {len(samples)} samples at {rate} Hz can be decoded, but {listed} ({cut.id})")
            continue
        try:
            channel = resolve_channel(channel_of(cut), samples.shape[1], name)
        except AudioError as error:
            result.faults.append(f"{error} ({cut.id})")
            continue
        whole = cut.start == 0 and cut.duration == recording.duration
        stretch = select_channel(samples[round(cut.start * rate) : round((cut.start + cut.duration) * rate)], channel)
        _examine(result, printable(name) if whole else f"{cut.id} ({printable(name)} from {cut.start:.3f} s)", stretch)
    return result


def _decode(path: str) -> tuple[NDArray[np.float32], int]:
    """All samples ``[S, channels]`` of a file, and its rate.

    Raises:
        AudioError: the file is missing, not audio, or cannot be decoded to its end.
    """
    with open_audio(path) as file:
        if file.frames * file.channels > LARGEST:
            raise AudioError(
                f"{file.name}: {file.frames / file.rate / 3600:.1f} hours are too much to be held at once; split it"
            )
        blocks = list(file.blocks(file.frames))
        return np.concatenate(blocks) if blocks else np.zeros((0, file.channels), np.float32), file.rate


def _examine(result: AudioCheck, name: str, wave: NDArray[np.float32]) -> None:
    finite = np.isfinite(wave)
    if not len(wave):
        result.faults.append(f"{name}: no samples")
    elif not finite.all():
        result.faults.append(f"{name}: {np.count_nonzero(~finite)} of {len(wave)} samples are NaN or infinite")
    elif is_silent(wave):
        result.notes.append(f"{name}: digital silence")
    else:
        full = np.abs(wave) >= _FULL
        beside = np.zeros_like(full)
        beside[1:] = full[:-1]
        beside[:-1] |= full[1:]
        share = np.count_nonzero(full & beside) / len(wave)
        if share >= CLIPPED:
            result.notes.append(f"{name}: clipped ({100 * share:.2f} % of the samples are at full scale)")
