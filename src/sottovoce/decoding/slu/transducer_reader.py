"""Meanings from a transducer: intents, slots and the letters of fillers, one label after another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from ...heads.sequence.transducer import Transducer
from ..transducer import context_states
from ..transducer_streams import TransducerGreedyStream
from .semantic_vocabulary import SemanticVocabulary
from .slu_prediction import SLUPrediction


class TransducerReader:
    """Greedy search for labels of a `SemanticVocabulary`.

    Args:
        head: of the model.
        labels: of the model.

    Raises:
        DataError: labels that are none of a sequence of intents and slots.
    """

    def __init__(self, head: Transducer, labels: Sequence[str]):
        self.head, self.vocabulary = head, SemanticVocabulary(labels)

    @torch.no_grad()
    def understand(self, output: Tensor, lengths: Tensor) -> list[SLUPrediction]:
        """What each utterance means, from ``output[B, T, D]`` with ``lengths[B]`` valid frames.

        The probability of a label is that of the joiner where it is said, that of a slot the lowest of its labels. Of
        several intents of one field the likeliest stays.
        """
        like = next(self.head.joiner.encoder.parameters(), output)  # its device and precision; none of int8
        frames = self.head.project(output.to(like))
        return [
            self.vocabulary.read(self._said(each[:length]))
            for each, length in zip(frames, lengths.tolist(), strict=True)
        ]

    def _said(self, frames: Tensor) -> Iterator[tuple[int, float]]:
        context = [self.head.blank] * self.head.predictor.context
        for each in TransducerGreedyStream(self.head).push(frames):
            state = context_states(self.head, torch.tensor([context], device=frames.device))
            sure = self.head.joiner(frames[each.first : each.first + 1], state).softmax(-1)[0]
            yield each.label, sure[each.label].item()
            context = [*context, each.label][1:]
