"""SLU by a transducer, which emits intents, slots and the characters of fillers one after another."""

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
        head: head of the model.
        labels: labels of the model.

    Raises:
        DataError: the labels are not those of a `SemanticVocabulary`.
    """

    def __init__(self, head: Transducer, labels: Sequence[str]):
        self.head, self.vocabulary = head, SemanticVocabulary(labels)

    @torch.no_grad()
    def understand(self, output: Tensor, lengths: Tensor) -> list[SLUPrediction]:
        """The prediction for each utterance, from ``output[B, T, D]`` with ``lengths[B]`` valid frames.

        The probability of a label is that of the joiner in its frame; that of a slot is the lowest of its labels. If a
        field has several intents, the likeliest is kept.
        """
        like = next(
            self.head.joiner.encoder.parameters(), output
        )  # a tensor that gives device and precision, as int8 layers have no parameters
        frames = self.head.project(output.to(like))
        return [
            self.vocabulary.read(self._labels(each[:length]))
            for each, length in zip(frames, lengths.tolist(), strict=True)
        ]

    def _labels(self, frames: Tensor) -> Iterator[tuple[int, float]]:
        context = [self.head.blank] * self.head.predictor.context
        for each in TransducerGreedyStream(self.head).push(frames):
            state = context_states(self.head, torch.tensor([context], device=frames.device))
            probability = self.head.joiner(frames[each.first : each.first + 1], state).softmax(-1)[0]
            yield each.label, probability[each.label].item()
            context = [*context, each.label][1:]
