"""Additive noise in the augment section: synthetic, recorded, and recordings of several kinds."""

from __future__ import annotations

from collections.abc import Sequence
from glob import glob, has_magic
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ...data.audio.channels import Channel as HeardChannel
from ...data.batches.effects import Effect
from ...data.batches.noise import ColoredNoise, KindsOfNoise, Noise, NoiseKind, RecordedNoise
from ...errors import RecipeError
from ...options import Options

Probability = Annotated[float, Field(ge=0, le=1)]
ANY_SNR = (5.0, 20.0)
Recordings = Annotated[int, Field(ge=1, le=1_000)]


class NoiseKindOptions(Options):
    """How recordings of one kind are added, see `NoiseKind`.

    Args:
        snr: range of the signal-to-noise ratio in decibels.
        at_once: range of the number of recordings; several of speech are babble.
        snr_of: what has the ratio: ``each`` recording, or the ``sum``.
    """

    snr: tuple[float, float]
    at_once: tuple[Recordings, Recordings] = (1, 1)
    snr_of: Literal["each", "sum"] = "each"

    @model_validator(mode="after")
    def _rises(self) -> NoiseKindOptions:
        if self.at_once[0] > self.at_once[1]:
            raise ValueError(f"at_once: a range rises, and {self.at_once[0]} is more than {self.at_once[1]}")
        return self


class NoiseOptions(Options):
    """Additive noise: recorded (a pattern of files), or synthetic.

    Args:
        probability: probability for each utterance.
        snr: range of the signal-to-noise ratio in decibels, without ``kinds``.
        files: pattern of files.
        channel: of files with several, from 0; ``mix`` for the mean of all.
        kinds: how recordings of each kind are added. The kind of a file is the name of a folder that it lies in, such as
            MUSAN's ``noise``, ``music`` and ``speech``.
        drawn: with kinds, whether each ``kind`` is equally likely, or each ``file``.
    """

    probability: Probability = 0.5
    snr: tuple[float, float] = ANY_SNR
    files: str | None = None
    channel: HeardChannel | None = None
    kinds: dict[str, NoiseKindOptions] | None = Field(None, min_length=1)
    drawn: Literal["kind", "file"] = "kind"

    @model_validator(mode="after")
    def _kinds_of_files(self) -> NoiseOptions:
        if self.kinds is None:
            if self.drawn != "kind":
                raise ValueError("drawn: says which of the kinds is drawn, and there are none; leave it out")
        elif self.files is None:
            raise ValueError("kinds: are kinds of recordings; give their files")
        elif self.snr != ANY_SNR:
            raise ValueError("snr: every kind has a range of its own; leave this one out")
        return self

    def build(self) -> Effect:
        """The effect.

        Raises:
            RecipeError: no file matches, a file has no kind, or a kind no file.
        """
        if self.files is None:
            return Noise(ColoredNoise(), self.probability, self.snr)
        files = found_files(self.files)
        if self.kinds is None:
            return Noise(RecordedNoise(files, self.channel), self.probability, self.snr)
        by_kind = _by_kind(files, self.files, list(self.kinds))
        kinds = [
            NoiseKind(RecordedNoise(by_kind[name], self.channel), each.snr, each.at_once, each.snr_of)
            for name, each in self.kinds.items()
        ]
        return KindsOfNoise(kinds, self.probability, self.drawn)


def found_files(pattern: str) -> list[str]:
    """The files that match a pattern, sorted.

    Raises:
        RecipeError: there are none.
    """
    if not (files := sorted(glob(pattern, recursive=True))):
        raise RecipeError(f"data.augment: no file matches {pattern!r}")
    return files


def _by_kind(files: Sequence[str], pattern: str, kinds: Sequence[str]) -> dict[str, list[str]]:
    """The files of each kind: the first folder below the fixed part of the pattern that has the name of a kind."""
    fixed = len(_fixed(pattern).parts)
    found: dict[str, list[str]] = {kind: [] for kind in kinds}
    for file in files:
        kind = next((part for part in Path(file).parts[fixed:-1] if part in found), None)
        if kind is None:
            raise RecipeError(
                f"data.augment.noise.kinds: {file} lies in no folder called {' or '.join(kinds)}; add its kind, or narrow files"
            )
        found[kind].append(file)
    if empty := [kind for kind in kinds if not found[kind]]:
        raise RecipeError(f"data.augment.noise.kinds: no file of {pattern!r} lies in a folder called {empty[0]!r}")
    return found


def _fixed(pattern: str) -> Path:
    """The folders at the beginning of a pattern that have no wildcards."""
    parts = Path(pattern).parts
    fixed = next((k for k, part in enumerate(parts) if has_magic(part)), len(parts) - 1)
    return Path(*parts[:fixed])
