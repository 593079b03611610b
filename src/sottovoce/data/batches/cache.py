"""All audio of a small corpus in memory, decoded once and shared with the loader's workers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DataError
from ...quantities import SAMPLE_RATE
from ...text.suggestions import did_you_mean
from ..audio.acoustics import Wave
from ..corpora.cuts import load_cut

if TYPE_CHECKING:
    from lhotse.cut import Cut

_TYPES = {"int16": np.int16, "float16": np.float16}
_LARGEST = 4 * 2**30


class AudioCache:
    """The waveforms of cuts, two bytes per sample, in one array.

    Workers that are forked share the array. ``int16`` holds 16-bit files exactly and clips beyond full scale;
    ``float16`` keeps 11 significant bits at any level.

    Args:
        cuts: the cuts to load, in this order.
        kind: type of the stored samples: "int16" or "float16".

    Raises:
        DataError: the kind is unknown, or the corpus needs more than 4 GiB.
        AudioError: a cut cannot be read.
    """

    def __init__(self, cuts: Sequence[Cut], kind: str = "int16") -> None:
        if kind not in _TYPES:
            raise DataError(f"audio cache: unknown kind {kind!r}; {did_you_mean(kind, _TYPES)}")
        size = int(sum(cut.duration for cut in cuts) * SAMPLE_RATE) * 2
        if size > _LARGEST:
            raise DataError(
                f"audio cache: {len(cuts)} cuts need {size / 2**30:.1f} GiB, more than {_LARGEST / 2**30:.0f} GiB; "
                "take cache=None, which reads the files in every step"
            )
        pieces = [self._pack(load_cut(cut).numpy(), kind) for cut in cuts]
        self.ends = np.cumsum([len(piece) for piece in pieces])
        self.samples = np.concatenate(pieces)

    @staticmethod
    def _pack(wave: Wave, kind: str) -> np.ndarray:
        if kind == "float16":
            return wave.astype(np.float16)
        return np.clip(np.round(wave * 32_768), -32_768, 32_767).astype(np.int16)

    def __getitem__(self, index: int) -> Wave:
        start = self.ends[index - 1] if index > 0 else 0
        wave = self.samples[start : self.ends[index]].astype(np.float32)
        return wave / np.float32(32_768) if self.samples.dtype == np.int16 else wave


_latest: tuple[str, AudioCache] | None = None


def audio_cache(cuts: Sequence[Cut], kind: str) -> AudioCache:
    """The `AudioCache` of these cuts; for the same cuts as in the last call it is the same object.

    The stages of a run mostly train on the same audio, which takes minutes to decode and resample. Only the last cache is
    kept.
    """
    global _latest
    digest = hashlib.sha256(json.dumps([kind, *(cut.to_dict() for cut in cuts)], default=str).encode()).hexdigest()
    if _latest is None or _latest[0] != digest:
        _latest = None  # two caches at once may not fit into memory
        _latest = digest, AudioCache(cuts, kind)
    return _latest[1]
