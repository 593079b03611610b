"""Consecutive windows of every utterance, with labels: what a loss is evaluated on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from torch.utils.data import Dataset

from ...errors import DataError
from ...quantities import SAMPLE_RATE, Seconds
from ..audio.acoustics import Wave, wrapped_stretch
from ..corpora.cuts import load_cut, load_stretch, seekable_samples
from .batches import Batch, collate
from .targets import Targets

if TYPE_CHECKING:
    from lhotse.cut import Cut


class WindowBatches(Dataset[Batch]):
    """All windows of all cuts, in order and without augmentation.

        cut     |------------------------------|        window 3 s, 10.5 s: three windows; the last 1.5 s are left out
        windows |--------|--------|--------|
        cut     |-----|                                 a shorter cut is repeated, as in training

    Args:
        cuts: the utterances.
        batch_size: windows in a batch.
        window: length of the windows in seconds; ``None`` takes whole cuts, in batches of similar length.
        targets: the labels of the cuts; ``None`` for none.

    Raises:
        DataError: there are no cuts.
    """

    def __init__(
        self, cuts: Iterable[Cut], *, batch_size: int, window: Seconds | None = None, targets: Targets | None = None
    ) -> None:
        self.targets = targets
        self.length = None if window is None else round(window * SAMPLE_RATE)
        cuts = list(cuts)
        if not cuts:
            raise DataError("batches: there are no cuts")
        if self.length is None:
            places = [(cut, 0) for cut in sorted(cuts, key=lambda cut: (cut.duration, cut.id))]
        else:
            places = [
                (cut, k * self.length)
                for cut in cuts
                for k in range(max(int(cut.duration * SAMPLE_RATE) // self.length, 1))
            ]
        self.batches = [places[k : k + batch_size] for k in range(0, len(places), batch_size)]

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, index: int) -> Batch:
        places = self.batches[index]
        waves = [self._window(cut, start) for cut, start in places]
        batch = collate(waves, [cut.id for cut, _ in places])
        if self.targets is not None:
            labels = [self.targets.of(cut, start, len(w)) for (cut, start), w in zip(places, waves, strict=True)]
            batch |= self.targets.collate(labels)
        return batch

    def _window(self, cut: Cut, start: int) -> Wave:
        length = self.length
        if length is None:
            return load_cut(cut).numpy()
        size = seekable_samples(cut)
        if size is not None and start + length <= size:
            stretch = load_stretch(cut, start, length).numpy()
            if len(stretch) == length:  # a manifest may list one sample more than the file has
                return stretch
        return wrapped_stretch(load_cut(cut).numpy(), start, length)
