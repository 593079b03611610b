"""Spoofed training data by copy synthesis: bona fide speech, analyzed and resynthesized by vocoders (arXiv 2210.10570).

A countermeasure must be trained on many attacks and many voices. A recording and its copy differ only in the artifacts of
the vocoder, so that a model can learn only these.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from ...errors import DataError
from ...files import unwritable
from ...locks import exclusive_folder
from ...quantities import SAMPLE_RATE
from ...text.suggestions import did_you_mean
from ..audio.acoustics import Wave, power
from ..audio.frames import FRAME_LENGTH
from ..corpora.cuts import cut_field, cut_speaker, load_cut, make_cut, write_cuts
from .resynthesis import ATTACKS, resynthesize

if TYPE_CHECKING:
    from lhotse.cut import Cut

METHODS = ("griffin_lim", "mel_griffin_lim", "cepstral", "lpc", "phase_noise", "sinusoidal")
"""The methods of `ATTACKS` that are vocoders, which synthesize every sample anew."""

MANIFEST = "train.jsonl.gz"


def copy_synthesize(
    cuts: Iterable[Cut],
    folder: Path,
    *,
    methods: Sequence[str] = METHODS,
    copies: int = 2,
    seconds: float = 2.5,
    stretches: int = 3,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Write stretches of bona fide speech and copies of them, as 16-bit FLAC and one manifest of cuts.

    Stretches and copies are written in the same format, so that the format does not reveal the label. The methods are used
    in turn, so that all are equally frequent.

    Args:
        cuts: cuts of speech; those labeled as spoofed are left out.
        folder: folder for ``audio/`` and the manifest, which are moved there when both are complete.
        methods: keys of `ATTACKS`.
        copies: number of copies of each stretch, by different methods.
        seconds: length of a stretch in seconds; a shorter utterance is one stretch.
        stretches: maximum number of stretches of one utterance. They do not overlap; digital silence is left out.
        seed: the same seed gives the same files.
        progress: called as ``progress(done, total)`` after each utterance.

    Returns:
        The path of the manifest. Field ``label`` is ``bonafide`` or ``spoof``; for copies, ``attack`` is the method.

    Raises:
        DataError: a method is unknown, there are more copies than methods or no bona fide speech, or the folder already
            holds a corpus.
        AudioError: an utterance cannot be read.
    """
    if unknown := [name for name in methods if name not in ATTACKS]:
        raise DataError(f"copies: there is no method {unknown[0]!r}; {did_you_mean(unknown[0], ATTACKS)}")
    if not 1 <= copies <= len(set(methods)) or stretches < 1 or seconds * SAMPLE_RATE < FRAME_LENGTH:
        raise DataError(
            f"copies: {copies} copies by {len(set(methods))} methods of {stretches} stretches of {seconds:g} s;"
            f" give at least one of each, 25 ms, and no more copies than methods"
        )
    for taken in (folder / MANIFEST, folder / "audio"):
        if taken.exists():
            raise DataError(f"{taken}: exists already and would be lost; remove it or name another folder")
    try:
        with unwritable(folder), exclusive_folder(folder / ".copies.partial") as staging:
            made = _made(cuts, staging, methods, copies, round(seconds * SAMPLE_RATE), stretches, seed, progress)
            write_cuts(made, staging / MANIFEST)
            (staging / "audio").replace(folder / "audio")
            (staging / MANIFEST).replace(folder / MANIFEST)
    finally:
        with contextlib.suppress(OSError):  # not empty: after a success, or if it existed before
            folder.rmdir()
    return folder / MANIFEST


def _made(
    cuts: Iterable[Cut],
    folder: Path,
    methods: Sequence[str],
    copies: int,
    length: int,
    stretches: int,
    seed: int,
    progress: Callable[[int, int], None] | None,
) -> list[Cut]:
    """The stretches and their copies, with audio below ``folder``."""
    chosen = [cut for cut in cuts if cut_field(cut, "label") != "spoof"]
    made: list[Cut] = []
    turn = 0
    for number, cut in enumerate(chosen):
        wave = load_cut(cut).numpy()
        for place, stretch in _stretches(wave, length, stretches, [seed, number]):
            kinds = [methods[(turn + k) % len(methods)] for k in range(copies)]
            turn += copies
            made.append(_written(folder, cut, place, stretch, None))
            for k, method in enumerate(kinds):
                copy = resynthesize(stretch, method, np.random.default_rng([seed, number, place, k]))
                made.append(_written(folder, cut, place, copy, method))
        if progress is not None:
            progress(number + 1, len(chosen))
    if not made:
        raise DataError("copies: no bona fide speech in these cuts; give cuts of people's voices")
    return made


def _stretches(wave: Wave, length: int, most: int, key: Sequence[int]) -> list[tuple[int, Wave]]:
    """Up to ``most`` random stretches that do not overlap, each with its first sample."""
    whole = max(1, len(wave) // length)
    places = np.sort(np.random.default_rng(key).permutation(whole)[:most]) * length
    found = [(int(place), wave[place : place + length]) for place in places]
    return [(place, stretch) for place, stretch in found if power(stretch) > 0]


def _written(folder: Path, cut: Cut, place: int, wave: Wave, method: str | None) -> Cut:
    name = f"{cut.id}-{place}" + (f"-{method}" if method else "")
    path = folder / "audio" / (name.replace("%", "%25").replace("/", "%2F") + ".flac")  # no two ids share a file
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        soundfile.write(path, np.clip(wave, -1.0, 1.0), SAMPLE_RATE, subtype="PCM_16")
    except (OSError, soundfile.LibsndfileError) as error:
        raise DataError(f"{path}: cannot be written ({error})") from error
    fields: dict[str, object] = {"label": "spoof", "attack": method} if method else {"label": "bonafide"}
    source = path.relative_to(folder)
    return make_cut(
        name=name, source=source, samples=len(wave), rate=SAMPLE_RATE, speaker=cut_speaker(cut), custom=fields
    )
