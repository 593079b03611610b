"""Targets of diarization: which speakers are active in each frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ...errors import DataError
from ...models.batch import Batch
from ...quantities import SAMPLE_RATE
from ..audio.frames import FRAME_LENGTH, FRAME_STEP, frame_count
from ..corpora.rttm import Turn
from .targets import Targets

if TYPE_CHECKING:
    from lhotse.cut import Cut


def turns_of_cut(cut: Cut) -> list[Turn]:
    """The turns of the speakers in a cut, in seconds from its start.

    Raises:
        DataError: a supervision has no speaker.
    """
    turns = []
    for each in cut.supervisions:
        if not each.speaker:
            raise DataError(f"cut {cut.id}: the supervision {each.id} has no speaker; diarization needs one everywhere")
        start, end = max(each.start, 0.0), min(each.end, cut.duration)
        if start < end:
            turns.append(Turn(start, end, str(each.speaker)))
    return sorted(turns)


class SpeakerActivity(Targets):
    """``activity [B, T, K]`` of 0 and 1, padded with silence at the end.

    A speaker is active in a frame if it speaks at the middle of the frame. The columns are the speakers of the stretch in
    no meaningful order; of more than ``K`` speakers those who speak the most are kept.

    Args:
        cuts: all cuts of the batches.
        speakers: number of columns, ``K``.

    Raises:
        DataError: a supervision has no speaker.
    """

    def __init__(self, cuts: Sequence[Cut], speakers: int) -> None:
        self.speakers = speakers
        self._turns: dict[str, tuple[Tensor, Tensor, int]] = {}
        for cut in cuts:
            turns = turns_of_cut(cut)
            names = {name: place for place, name in enumerate(sorted({turn.speaker for turn in turns}))}
            times = torch.tensor([turn[:2] for turn in turns], dtype=torch.float64).view(-1, 2)
            whose = torch.tensor([names[turn.speaker] for turn in turns], dtype=torch.int64)
            self._turns[cut.id] = times, whose, len(names)

    def of(self, cut: Cut, start: int, samples: int) -> Tensor:
        """``[T, K]``; where a short cut is repeated, so are its turns."""
        times, whose, count = self._turns[cut.id]
        middles = start + FRAME_LENGTH // 2 + FRAME_STEP * torch.arange(frame_count(samples))
        seconds = (middles % max(round(cut.duration * SAMPLE_RATE), 1)).double() / SAMPLE_RATE
        active = torch.zeros(len(seconds), max(count, self.speakers))
        if len(seconds):
            near = (times[:, 1] > seconds.min()) & (times[:, 0] <= seconds.max())
            for (begin, end), speaker in zip(times[near].tolist(), whose[near].tolist(), strict=True):
                active[(seconds >= begin) & (seconds < end), speaker] = 1.0
        most = active.sum(0).argsort(descending=True, stable=True)[: self.speakers]
        return active[:, most]

    def collate(self, found: Sequence[Tensor]) -> Batch:
        return {"activity": pad_sequence(list(found), batch_first=True)}
