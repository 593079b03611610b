"""Diarization error rate and Jaccard error rate, as NIST's md-eval and dscore count them.

    reference   |--- anna ---|      |--- ben ---|
    system      |-- 1 --|-- 2 --|   |--- 2 -----|-----|
                        ^conf.^FA                ^FA          1 -> anna, 2 -> ben

DER is computed on whole microseconds, JER on frames of 10 ms, as in published results.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from ..errors import DataError
from ..quantities import Seconds
from .detection.roc import Floats
from .intervals import Interval
from .ratio_intervals import bootstrap_ratio
from .speaker_time import LONGEST, TICKS, Ints, Turns, activity_by_piece, join_overlapping, to_ticks
from .unscored_zones import Stretch, Zones, merge_stretches, subtract_stretches

Regions = Iterable[tuple[Seconds, Seconds]]


@dataclass(frozen=True)
class ScoringProtocol:
    """The options of scoring.

    Attributes:
        collar: seconds that are not scored on each side of every boundary of the reference, as in md-eval and dscore
            (in pyannote.metrics, ``collar`` is the total of both sides).
        skip_overlap: whether to leave out time in which the reference has two or more speakers.
        frame: seconds of a frame of the Jaccard error rate: 0.01 in dscore and in published results. The Jaccard error rate
            does not depend on ``collar`` or ``skip_overlap``.
    """

    collar: Seconds = 0.0
    skip_overlap: bool = False
    frame: Seconds = 0.01

    def __post_init__(self) -> None:
        if not 0 <= self.collar < 60:
            raise DataError(f"diarization: collar must be 0 s or a little more, got {self.collar}")
        if not 1 / TICKS <= self.frame <= 1:
            raise DataError(f"diarization: a frame lasts up to 1 s, got {self.frame}")

    def __str__(self) -> str:
        overlap = "overlap not scored" if self.skip_overlap else "overlap scored"
        return f"collar {self.collar:g} s each side, {overlap}; JER on {1000 * self.frame:g} ms frames, no collar"


@dataclass(frozen=True)
class FileErrors:
    """Errors in one recording, in seconds of speaker time (two speakers at once count twice).

    Attributes:
        name: name of the recording.
        speech: speaker time of the reference that is scored.
        miss: time of reference speakers beyond the number of system speakers.
        false_alarm: time of system speakers beyond the number of reference speakers.
        confusion: time of speakers that are mistaken for another speaker.
        unscored: time that the reference excludes (NOSCORE, NON-LEX).
        jaccard: reference speaker -> its Jaccard error, 0 to 1.
        mapping: system speaker -> the reference speaker that it is paired with, if there is one.
    """

    name: str
    speech: Seconds
    miss: Seconds
    false_alarm: Seconds
    confusion: Seconds
    unscored: Seconds = 0.0
    jaccard: dict[str, float] = field(default_factory=dict)
    mapping: dict[str, str] = field(default_factory=dict)

    @property
    def errors(self) -> Seconds:
        return self.miss + self.false_alarm + self.confusion

    @property
    def der(self) -> float:
        """Errors over speech; infinite if only the system has speech."""
        return self.errors / self.speech if self.speech else (float("inf") if self.errors else 0.0)

    @property
    def der_reason(self) -> str | None:
        """Why `der` is infinite; ``None`` where it is a number."""
        return None if self.speech or not self.errors else "the system speaks and the reference does not"

    @property
    def jer(self) -> float:
        """Mean Jaccard error of the reference speakers; without any, 1 if the system has speech, otherwise 0."""
        return float(np.mean(list(self.jaccard.values()))) if self.jaccard else float(self.false_alarm > 0)


@dataclass(frozen=True)
class DiarizationScore:
    """Errors summed over recordings; rates are ratios of these sums.

    Attributes:
        files: errors of each recording.
        protocol: the options of scoring.
        uem: whether scored regions were given; otherwise each recording is scored from the first to the last boundary
            of reference and system.
        missing: recordings that the system does not have; they count as recordings without system speech.
    """

    files: tuple[FileErrors, ...]
    protocol: ScoringProtocol
    uem: bool
    missing: tuple[str, ...] = ()

    def _sum(self, name: str) -> float:
        return float(sum(getattr(file, name) for file in self.files))

    @property
    def speech(self) -> Seconds:
        return self._sum("speech")

    @property
    def unscored(self) -> Seconds:
        """Time that the reference excludes from scoring."""
        return self._sum("unscored")

    @property
    def miss(self) -> float:
        """Missed speaker time, as a fraction of `speech`."""
        return self._sum("miss") / self.speech

    @property
    def false_alarm(self) -> float:
        """False-alarm speaker time, as a fraction of `speech`."""
        return self._sum("false_alarm") / self.speech

    @property
    def confusion(self) -> float:
        """Confused speaker time, as a fraction of `speech`."""
        return self._sum("confusion") / self.speech

    @property
    def der(self) -> float:
        return self._sum("errors") / self.speech

    @property
    def jer(self) -> float:
        """Mean Jaccard error over all reference speakers of all recordings."""
        return float(np.mean([error for file in self.files for error in file.jaccard.values()]))

    def interval(self, *, draws: int = 1000, level: float = 0.95, seed: int = 0) -> Interval:
        """DER with its bootstrap interval over recordings.

        Raises:
            DataError: there is only one recording, or an argument is out of range.
        """
        errors, speech = [file.errors for file in self.files], [file.speech for file in self.files]
        return bootstrap_ratio(errors, speech, draws=draws, level=level, seed=seed)

    def table(self) -> str:
        """One line for each recording, the worst first."""
        head = f"{'recording':<24} {'speech':>9} {'miss':>8} {'FA':>8} {'conf.':>8} {'DER %':>7} {'JER %':>7}"
        lines = [
            f"{file.name:<24} {file.speech:>9.2f} {file.miss:>8.2f} {file.false_alarm:>8.2f} {file.confusion:>8.2f}"
            f" {100 * file.der:>7.2f} {100 * file.jer:>7.2f}"
            for file in sorted(self.files, key=lambda file: (-file.errors, file.name))
        ]
        return "\n".join([head, *lines])

    def __str__(self) -> str:
        rates = f"miss {100 * self.miss:.2f}, false alarm {100 * self.false_alarm:.2f}, confusion {100 * self.confusion:.2f}"
        where = "regions of the UEM" if self.uem else "no UEM: first to last boundary"
        left = f"; {self.unscored:.1f} s of NOSCORE and NON-LEX not scored" if self.unscored else ""
        if self.missing:
            some = ", ".join(self.missing[:5]) + ", ..." * (len(self.missing) > 5)
            are = f"{len(self.missing)} of {len(self.files)} recordings {'is' if len(self.missing) == 1 else 'are'}"
            left += f"; {are} missing from the system and count as if it heard nobody ({some})"
        return (
            f"DER {100 * self.der:.2f} % ({rates}), JER {100 * self.jer:.2f} %; {len(self.files)} recordings,"
            f" {self.speech:.1f} s of speech; {self.protocol}; {where}{left}"
        )


def score_diarization(
    reference: Mapping[str, Turns],
    system: Mapping[str, Turns],
    uem: Mapping[str, Regions] | None = None,
    protocol: ScoringProtocol | None = None,
    zones: Mapping[str, Zones] | None = None,
) -> DiarizationScore:
    """Score a diarization against a reference.

    At every moment with ``R`` reference and ``S`` system speakers of which ``K`` are paired with each other, ``R - S``
    are missed or ``S - R`` are false alarms, and ``min(R, S) - K`` are confused. System speakers are paired with
    reference speakers once for each recording, so that they share the most time. As in md-eval the pairing is found on all
    time inside the UEM and outside NOSCORE zones, before collars, overlaps and NON-LEX zones are taken out (`Zones`).

    The Jaccard error of a reference speaker is ``1 - shared / either``: the time in which both it and its paired system
    speaker speak, divided by the time in which either speaks; it is 1 without a pair. The pairing is the one with the
    smallest mean error (DIHARD II).

    Args:
        reference: turns by recording. Overlapping turns of one speaker count as one.
        system: turns by recording; an absent recording counts as one without system speech.
        uem: scored regions by recording; all recordings in it are scored, and no others may appear. Default: the
            recordings of the reference, each from the first to the last boundary of reference and system.
        protocol: options of scoring. Default: no collar, overlap scored.
        zones: unscored zones of the reference by recording. Default: those of the reference, if `read_rttm` read it.

    Returns:
        The errors of each recording, and their sums.

    Raises:
        DataError: there are no recordings; ``system``, or with ``uem`` also ``reference``, has recordings that are not
            scored; turns or regions end before they start, or are not finite; or the scored time has no reference speech.
    """
    protocol = protocol or ScoringProtocol()
    scored = sorted(reference if uem is None else uem)
    if not scored:
        raise DataError("diarization: no recordings to score")
    for which, turns in (("system", system), ("reference", reference)):
        if extra := sorted(set(turns) - set(scored)):
            listed = ", ".join(extra[:5]) + (", ..." if len(extra) > 5 else "")
            place = "reference" if uem is None else "UEM"
            raise DataError(f"diarization: {len(extra)} recordings of the {which} are not in the {place}: {listed}")
    found: Mapping[str, Zones] = getattr(reference, "zones", {}) if zones is None else zones
    files = tuple(
        _score(
            name,
            reference.get(name, ()),
            system.get(name, ()),
            None if uem is None else uem[name],
            protocol,
            found.get(name, Zones()),
        )
        for name in scored
    )
    score = DiarizationScore(files, protocol, uem is not None, tuple(name for name in scored if name not in system))
    if not score.speech or not any(file.jaccard for file in files):
        raise DataError(f"diarization: no reference speech is scored in {len(scored)} recordings ({protocol})")
    return score


def _score(
    name: str, reference: Turns, system: Turns, regions: Regions | None, protocol: ScoringProtocol, zones: Zones
) -> FileErrors:
    reference_turns = list(reference)
    ref, ref_names = to_ticks(reference_turns, f"{name}, reference")
    hyp, hyp_names = to_ticks(system, f"{name}, system")
    if regions is None:
        both = np.concatenate([ref[:, :2], hyp[:, :2]])
        given = np.array([[both.min(), both.max()]]) if len(both) else np.zeros((0, 2), np.int64)
    else:
        given = to_ticks([(start, end, "") for start, end in regions], f"{name}, UEM")[0][:, :2]
    everywhere, unscored = (_ticks(each) for each in zones.unscored(reference_turns))
    inside = _without(given, everywhere)

    collar = round(protocol.collar * TICKS)
    boundaries = join_overlapping(ref)[:, :2].reshape(-1, 1) + np.array([-collar, collar])
    lengths, of_ref, of_hyp, where, forgiven = activity_by_piece(
        ref, hyp, inside, np.concatenate([boundaries, unscored])
    )
    shared = (of_ref * np.where(where, lengths, 0)) @ of_hyp.T
    from scipy.optimize import linear_sum_assignment  # slow to import, and not always needed

    rows, columns = linear_sum_assignment(shared, maximize=True)
    mapping = {hyp_names[h]: ref_names[r] for r, h in zip(rows, columns, strict=True) if shared[r, h]}

    hyp_count, ref_count = of_hyp.sum(0), of_ref.sum(0)
    counted = where & ~forgiven
    if protocol.skip_overlap:
        counted &= ref_count < 2
    seconds = np.where(counted, lengths, 0)
    right = (of_ref[rows] & of_hyp[columns]).sum(0)
    return FileErrors(
        name,
        speech=float(seconds @ ref_count) / TICKS,
        miss=float(seconds @ np.maximum(ref_count - hyp_count, 0)) / TICKS,
        false_alarm=float(seconds @ np.maximum(hyp_count - ref_count, 0)) / TICKS,
        confusion=float(seconds @ (np.minimum(ref_count, hyp_count) - right)) / TICKS,
        unscored=float(_length(given) - _length(_without(inside, unscored))) / TICKS,
        jaccard=_jaccard(ref, hyp, None if regions is None else given, everywhere, ref_names, protocol.frame),
        mapping=mapping,
    )


def _ticks(stretches: list[Stretch]) -> Ints:
    return np.rint(np.clip(np.array(stretches, np.float64).reshape(-1, 2), 0, LONGEST) * TICKS).astype(np.int64)


def _without(regions: Ints, zones: Ints) -> Ints:
    return np.array(subtract_stretches(merge_stretches(regions.tolist()), zones.tolist()), np.int64).reshape(-1, 2)


def _length(regions: Ints) -> int:
    return int((regions[:, 1] - regions[:, 0]).sum())


def _jaccard(
    ref: Ints, hyp: Ints, given: Ints | None, zones: Ints, names: list[str], frame: Seconds
) -> dict[str, float]:
    """Jaccard error of each reference speaker that has a frame. A frame has the speakers of its first moment."""

    def number(times: Floats) -> Ints:
        """Index of the first frame that begins at each of these times or later."""
        near = np.rint(times / frame).astype(np.int64)
        near += (
            frame * near < times
        )  # one correction in each direction is enough, as rounding errors are smaller than a frame
        return near - (frame * (near - 1) >= times)

    def frames(times: Ints, ends: Floats) -> Ints:
        return np.concatenate([number(np.stack([times[:, 0] / TICKS, ends], 1)), times[:, 2:]], axis=1)

    def turns(times: Ints) -> Ints:
        # The end is onset plus duration in floating point, with the rounding errors of dscore: they sometimes move a
        # boundary by a frame, which changes the second decimal of published numbers.
        return frames(times, times[:, 0] / TICKS + (times[:, 1] - times[:, 0]) / TICKS)

    of_ref, of_hyp = turns(ref), turns(hyp)
    inside = _without(np.array([[0, round(2 * LONGEST * TICKS)]]) if given is None else given, zones)
    lengths, of_ref, of_hyp, where, _ = activity_by_piece(
        of_ref, of_hyp, frames(inside, inside[:, 1] / TICKS), inside[:0]
    )
    lengths = np.where(where, lengths, 0)
    shared = (of_ref * lengths) @ of_hyp.T
    of_each = of_ref @ lengths
    either = of_each[:, None] + of_hyp @ lengths - shared
    spoke = of_each > 0
    error = 1 - shared[spoke] / np.maximum(either[spoke], 1)
    from scipy.optimize import linear_sum_assignment  # slow to import, and not always needed

    rows, columns = linear_sum_assignment(error)
    found = np.ones(len(error))
    found[rows] = error[rows, columns]
    return dict(zip([name for name, kept in zip(names, spoke, strict=True) if kept], found.tolist(), strict=True))
