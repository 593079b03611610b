"""Batches as pure functions of (seed, step, rank): whatever happened before, step 7000 is always the same audio.

That is what makes a run that was killed end where an uninterrupted one ends: nothing has to be restored.

    step      0        1        2
    rank 0  [0 1 2]  [6 7 8]  ...      position = (step * world + rank) * batch_size + place in the batch;
    rank 1  [3 4 5]  [9 ...            positions run through one permutation of the corpus after another
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from ...errors import DataError, SottovoceError
from ...quantities import SAMPLE_RATE
from ..audio.acoustics import Wave, crop_start, wrapped_stretch
from ..audio.frames import FRAME_LENGTH
from ..corpora.cuts import load_cut, load_stretch, seekable_samples
from .augment import Effect
from .cache import audio_cache
from .samplers import Balanced, Bucketed, Shuffled
from .targets import Targets

if TYPE_CHECKING:
    from lhotse.cut import Cut

Batch: TypeAlias = dict[str, Any]
"""``waveform`` [B, S] float32; ``lengths`` [B] int64 samples; ``ids`` list; and what `Targets` put there."""

_QUANTUM = SAMPLE_RATE // 10
"""Drawn crop lengths are multiples of this, so that an encoder meets (and caches for) few different lengths."""

_STREAM = 1
"""Keeps the random numbers of batches apart from those of `order`."""


class StepBatches(Dataset[Batch]):
    """Training batches, one for each step; ``batches[step]`` may be asked in any order, any number of times.

    Args:
        cuts: the utterances.
        batch_size: utterances a batch and rank.
        seed: of everything random here.
        crop: seconds, or the range from which one length is drawn for each batch; a shorter utterance is repeated.
            ``None`` takes utterances whole and pads them; a batch then holds utterances of about one length.
        effects: applied in order to the cropped waveforms.
        targets: what is learned of the cuts; ``None`` means unlabeled audio.
        balanced: every class equally often, and at most once in a run of as many utterances as there are classes.
            Otherwise every utterance once in a pass over the corpus.
        cache: a kind of `AudioCache` ("int16", "float16") to keep all audio in memory, decoded once.
        rank, world: which share of each step's utterances this process takes.

    Raises:
        DataError: there are no cuts, or an argument is out of range.
    """

    def __init__(
        self,
        cuts: Iterable[Cut],
        *,
        batch_size: int,
        seed: int = 0,
        crop: float | tuple[float, float] | None = (2.0, 3.0),
        effects: Sequence[Effect] = (),
        targets: Targets | None = None,
        balanced: bool = False,
        cache: str | None = None,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.cuts = list(cuts)
        if not self.cuts:
            raise DataError("batches: there are no cuts")
        if batch_size < 1 or not 0 <= rank < world or seed < 0:
            raise DataError(
                f"batches: batch_size {batch_size}, rank {rank} of {world} and seed {seed} do not make sense"
            )
        self.batch_size, self.seed, self.rank, self.world = batch_size, seed, rank, world
        self.crop = _crop_range(crop)
        self.effects = list(effects)
        self.targets = targets
        if balanced and targets is None:
            raise DataError("batches: balanced classes need labels")
        self.order = self._order(balanced)
        self.cache = audio_cache(self.cuts, cache) if cache is not None else None

    @property
    def steps_per_pass(self) -> float:
        """Steps in which all ranks together take as many utterances as the corpus has."""
        return len(self.cuts) / (self.batch_size * self.world)

    def __getitem__(self, step: int) -> Batch:
        first = (step * self.world + self.rank) * self.batch_size
        chosen = [self.order[position] for position in range(first, first + self.batch_size)]
        generator = np.random.default_rng([self.seed, _STREAM, step, self.rank])
        length = self._length(generator)
        if length is None:
            waves = [self._wave(index) for index in chosen]
            starts = [0] * len(waves)
        else:
            crops = [self._crop(index, length, generator) for index in chosen]
            waves, starts = [wave for wave, _ in crops], [start for _, start in crops]
        sizes = [len(wave) for wave in waves]
        for effect in self.effects:
            waves = effect(waves, generator)
        cuts = [self.cuts[index] for index in chosen]
        batch = collate(waves, [cut.id for cut in cuts])
        if self.targets is not None:
            found = [self.targets.of(*each) for each in zip(cuts, starts, sizes, strict=True)]
            batch |= self.targets.collate(found)
        return batch

    def _order(self, balanced: bool) -> Balanced | Shuffled | Bucketed:
        if balanced and self.targets is not None:
            return Balanced(self.targets.groups(self.cuts), self.seed)
        if self.crop is None:
            return Bucketed([cut.duration for cut in self.cuts], self.batch_size * self.world, self.seed)
        return Shuffled(len(self.cuts), self.seed)

    def _length(self, generator: np.random.Generator) -> int | None:
        if self.crop is None:
            return None
        low, high = self.crop
        return low if low == high else int(generator.integers(-(-low // _QUANTUM), high // _QUANTUM + 1)) * _QUANTUM

    def _crop(self, index: int, length: int, generator: np.random.Generator) -> tuple[Wave, int]:
        """A random stretch, and where it begins. Of an hour of audio only the stretch is decoded, if that can be."""
        cut = self.cuts[index]
        size = None if self.cache is not None else seekable_samples(cut)
        if size is None or size <= length:
            wave = self._wave(index)
            start = crop_start(len(wave), length, generator)
            return wrapped_stretch(wave, start, length), start
        start = crop_start(size, length, generator)
        stretch = load_stretch(cut, start, length).numpy()
        # A manifest may promise a sample more than there is.
        return stretch if len(stretch) == length else wrapped_stretch(self._wave(index), start, length), start

    def _wave(self, index: int) -> Wave:
        return self.cache[index] if self.cache is not None else load_cut(self.cuts[index]).numpy()


class EvaluationBatches(Dataset[Batch]):
    """Every cut once, whole, padded together with others of about its length (shortest first).

    Args:
        cuts: the utterances.
        batch_size: most utterances in a batch.
        max_seconds: most seconds of a batch, padding included; an utterance longer than that is alone in its batch.

    Raises:
        DataError: as `StepBatches`.
    """

    def __init__(
        self,
        cuts: Iterable[Cut],
        *,
        batch_size: int = 16,
        max_seconds: float = 160.0,
    ) -> None:
        cuts = sorted(cuts, key=lambda cut: (cut.duration, cut.id))
        if not cuts:
            raise DataError("batches: there are no cuts")
        if batch_size < 1 or max_seconds <= 0:
            raise DataError(f"batches: batch_size {batch_size} and max_seconds {max_seconds} must be positive")
        self.batches: list[list[Cut]] = []
        for cut in cuts:
            # The longest of a batch is the newest, and all are padded to it.
            full = not self.batches or len(self.batches[-1]) == batch_size
            if full or (len(self.batches[-1]) + 1) * cut.duration > max_seconds:
                self.batches.append([])
            self.batches[-1].append(cut)

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Batch:
        cuts = self.batches[index]
        return collate([load_cut(cut).numpy() for cut in cuts], [cut.id for cut in cuts])


def collate(waves: Sequence[Wave], ids: Sequence[str]) -> Batch:
    """Waveforms of any lengths, padded with zeros behind, as a `Batch`."""
    lengths = torch.tensor([len(wave) for wave in waves], dtype=torch.int64)
    waveform = torch.zeros(len(waves), int(lengths.max()))
    for row, wave in zip(waveform, waves, strict=True):
        row[: len(wave)] = torch.from_numpy(np.ascontiguousarray(wave, dtype=np.float32))
    return {"waveform": waveform, "lengths": lengths, "ids": list(ids)}


class BatchLoader(DataLoader[Batch]):
    """A ``DataLoader`` over step or evaluation batches that neither draws from global random numbers nor hides errors.

    A fault of the user's data found in a worker arrives as the same one-line error that it is without workers.

    Args:
        batches: `StepBatches` or `EvaluationBatches`.
        steps: which to load, in this order; by default all of ``EvaluationBatches``.
        workers: processes that load; with any number the batches are the same.
    """

    def __init__(
        self, batches: Dataset[Batch], steps: Sequence[int] | Sampler[int] | None = None, *, workers: int = 0
    ) -> None:
        if steps is None:
            steps = range(len(batches))  # type: ignore[arg-type]
        super().__init__(
            _Carrier(batches),
            batch_size=None,
            sampler=steps,
            num_workers=workers,
            generator=torch.Generator().manual_seed(0),
            persistent_workers=False,
            prefetch_factor=4 if workers else None,
        )

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        for item in super().__iter__():
            if isinstance(item, SottovoceError):
                raise item
            yield item


class _Carrier(Dataset[Any]):
    """Brings errors out of workers as values: torch would bury them in a traceback of the worker."""

    def __init__(self, batches: Dataset[Batch]) -> None:
        self.batches = batches

    def __getitem__(self, step: int) -> Batch | SottovoceError:
        try:
            return self.batches[step]
        except SottovoceError as error:
            if get_worker_info() is None:
                raise
            return error


def _crop_range(crop: float | tuple[float, float] | None) -> tuple[int, int] | None:
    if crop is None:
        return None
    low, high = crop if isinstance(crop, tuple | list) else (crop, crop)
    samples = round(low * SAMPLE_RATE), round(high * SAMPLE_RATE)
    if samples[0] < FRAME_LENGTH or samples[1] < samples[0]:
        raise DataError(f"batches: cannot crop to {low} .. {high} s; the least is 0.025 s, and the range must rise")
    if low != high and -(-samples[0] // _QUANTUM) > samples[1] // _QUANTUM:
        raise DataError(
            f"batches: crops are drawn in steps of 0.1 s, and {low} .. {high} s holds none; give one length"
        )
    return samples
