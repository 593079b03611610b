"""Batches as pure functions of (seed, step, rank): the batch of step 7000 does not depend on the batches before.

Loaders have no state to restore, so a run that was killed and resumed ends in the same weights as an uninterrupted one.

    step      0        1        2
    rank 0  [0 1 2]  [6 7 8]  ...      position = (step * world + rank) * batch_size + index in the batch;
    rank 1  [3 4 5]  [9 ...            positions run through one permutation of the corpus after another
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Sampler, get_worker_info

from ...errors import DataError, SottovoceError
from ...models.batch import Batch
from ...quantities import SAMPLE_RATE
from ..audio.acoustics import Wave, crop_start, wrapped_stretch
from ..audio.frames import FRAME_LENGTH
from ..corpora.cuts import load_cut, load_stretch, seekable_samples
from .cache import audio_cache
from .effects import Effect
from .samplers import Balanced, Bucketed, Shuffled
from .targets import Targets

if TYPE_CHECKING:
    from lhotse.cut import Cut

_QUANTUM = SAMPLE_RATE // 10
"""Random crop lengths are multiples of this number of samples, so that encoders see few different lengths."""

_STREAM = 1
"""Part of the seed of a batch, which keeps its random numbers apart from those of the samplers."""


class StepBatches(Dataset[Batch]):
    """Training batches, one for each step; ``batches[step]`` can be read in any order, any number of times.

    Args:
        cuts: the utterances.
        batch_size: utterances in a batch, on each rank.
        seed: seed of the order of utterances, the crops and the augmentation.
        crop: length of the crops in seconds, or the range from which one length is drawn for each batch; a shorter
            utterance is repeated. ``None`` takes whole utterances and pads them; a batch then holds utterances of similar
            length.
        effects: the augmentation, applied in order to the cropped waveforms.
        targets: the labels of the cuts; ``None`` for unlabeled audio.
        balanced: draw every class equally often: once in each round over all classes. Otherwise every utterance
            comes once in each pass over the corpus.
        cache: type of the `AudioCache` ("int16", "float16") that keeps all decoded audio in memory; ``None`` for none.
        rank, world: rank of this process, and number of processes.

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
                f"batches: batch_size {batch_size}, rank {rank} of {world} and seed {seed} are out of range;"
                f" batch_size and world are 1 or more, rank is less than world, seed is 0 or more"
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
        """Steps in one pass over the corpus, all ranks together."""
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
            labels = [self.targets.of(*each) for each in zip(cuts, starts, sizes, strict=True)]
            batch |= self.targets.collate(labels)
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
        """A random crop and the sample where it begins; if the format allows it, only the crop of long audio is decoded."""
        cut = self.cuts[index]
        size = None if self.cache is not None else seekable_samples(cut)
        if size is None or size <= length:
            wave = self._wave(index)
            start = crop_start(len(wave), length, generator)
            return wrapped_stretch(wave, start, length), start
        start = crop_start(size, length, generator)
        stretch = load_stretch(cut, start, length).numpy()
        # A manifest may list one sample more than the file has.
        return stretch if len(stretch) == length else wrapped_stretch(self._wave(index), start, length), start

    def _wave(self, index: int) -> Wave:
        return self.cache[index] if self.cache is not None else load_cut(self.cuts[index]).numpy()


class EvaluationBatches(Dataset[Batch]):
    """Every cut once, whole, in batches of similar length (shortest first).

    Args:
        cuts: the utterances.
        batch_size: maximum number of utterances in a batch.
        max_seconds: maximum seconds of a batch, including padding; a longer utterance is alone in its batch.

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
            # Cuts are sorted by length, so the batch is padded to the cut that is added last.
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
    """Waveforms of any lengths as a `Batch`, padded with zeros at the end."""
    lengths = torch.tensor([len(wave) for wave in waves], dtype=torch.int64)
    waveform = torch.zeros(len(waves), int(lengths.max()))
    for row, wave in zip(waveform, waves, strict=True):
        row[: len(wave)] = torch.from_numpy(np.ascontiguousarray(wave, dtype=np.float32))
    return {"waveform": waveform, "lengths": lengths, "ids": list(ids)}


class BatchLoader(DataLoader[Batch]):
    """A ``DataLoader`` that does not use the global random generator, and raises errors of workers unchanged.

    An error about the user's data in a worker is raised as the same one-line error as without workers.

    Args:
        batches: `StepBatches` or `EvaluationBatches`.
        steps: the steps to load, in this order; by default all of ``EvaluationBatches``.
        workers: number of worker processes; it does not change the batches.
    """

    def __init__(
        self, batches: Dataset[Batch], steps: Sequence[int] | Sampler[int] | None = None, *, workers: int = 0
    ) -> None:
        if steps is None:
            steps = range(len(batches))  # type: ignore[arg-type]
        super().__init__(
            _ErrorsAsValues(batches),
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


class _ErrorsAsValues(Dataset[Any]):
    """Returns errors of workers as values: torch would wrap them in a traceback of the worker."""

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
        raise DataError(
            f"batches: cannot crop to {low} .. {high} s; give lengths of 0.025 s or more, the shorter one first"
        )
    if low != high and -(-samples[0] // _QUANTUM) > samples[1] // _QUANTUM:
        raise DataError(
            f"batches: crops are drawn in steps of 0.1 s, and {low} .. {high} s holds none; give one length"
        )
    return samples
