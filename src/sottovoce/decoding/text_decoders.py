"""Decoders from the outputs of a recognizer to text: a search and a vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from ..errors import DataError
from ..heads.sequence.transducer import Transducer
from ..models.task_network import TaskNetwork
from .ctc import ctc_beam_search
from .ctc_prefix_beam import CTCPrefixBeamSearch
from .hypothesis import check_search
from .ngram import NGram
from .ngram_matching import match_language_model
from .streams import CTCBeamStream, CTCGreedyStream, StreamingSearch
from .timing import TimedLabel
from .transducer import transducer_beam_search, transducer_greedy
from .transducer_streams import TransducerBeamStream, TransducerGreedyStream
from .vocabulary import Vocabulary


class TextSearch(Protocol):
    """A decoder from a model's outputs to text."""

    vocabulary: Vocabulary

    @property
    def name(self) -> str:
        """A description of the search, for results."""

    def frames(self, output: Tensor) -> Tensor:
        """The input of the search for the output ``[T, ...]`` of one utterance; parts can be concatenated."""

    def labels(self, frames: Tensor) -> list[TimedLabel]:
        """The labels of an utterance with their times, from all of its `frames` without padding."""

    def text(self, frames: Tensor) -> str:
        """The text of an utterance, from its `frames`."""

    def texts(self, output: Tensor, lengths: Tensor) -> list[str]:
        """The texts of a batch, from ``output[B, T, ...]`` with ``lengths[B]`` valid frames."""

    def streaming(self) -> StreamingSearch:
        """This search for an utterance whose `frames` arrive in parts."""


def text_decoder(
    model: TaskNetwork, *, beam: int | None = None, ngram: NGram | None = None, weight: float = 0.5, bonus: float = 0.0
) -> TextSearch:
    """The decoder for a model's head and vocabulary; further arguments are those of `CTCDecoder`.

    Raises:
        DataError: a language model is given for a transducer.
    """
    labels, spelling = model.config.labels or (), (model.config.spelling, model.config.aliases)
    if not isinstance(model.head, Transducer):
        vocabulary = Vocabulary(labels, *spelling)
        return CTCDecoder(vocabulary, beam=beam, ngram=ngram, weight=weight, bonus=bonus)
    if ngram is not None:
        raise DataError("search: a language model helps CTC; this model is a transducer, so leave the n-gram out")
    return TransducerDecoder(model.head, labels, beam=beam)


class TransducerDecoder:
    """A decoder for transducers.

    Args:
        head: head of the model, with predictor and joiner.
        labels: labels of the model.
        beam: number of prefixes that the search keeps; ``None`` for greedy search.
    """

    def __init__(self, head: Transducer, labels: Sequence[str], *, beam: int | None = None):
        check_search(beam=beam)
        self.head, self.vocabulary, self.beam = head, Vocabulary(labels), beam

    @property
    def name(self) -> str:
        """A description of the search, for results."""
        return "greedy transducer" if self.beam is None else f"transducer beam search, beam {self.beam}"

    @torch.no_grad()
    def frames(self, output: Tensor) -> Tensor:
        """The output ``[T, D]``, projected to ``[T, J]`` for the joiner."""
        return self.head.project(output)

    def labels(self, frames: Tensor) -> list[TimedLabel]:
        """The labels of an utterance with their times, from all of its `frames` without padding."""
        if self.beam is None:
            return TransducerGreedyStream(self.head).push(frames)
        best = transducer_beam_search(self.head, frames, beam=self.beam)[0]
        return [TimedLabel(*each) for each in zip(best.tokens, best.frames, best.frames, strict=True)]

    def texts(self, output: Tensor, lengths: Tensor) -> list[str]:
        """The texts of a batch, from ``output[B, T, D]`` with ``lengths[B]`` valid frames."""
        frames = self.frames(output)
        if self.beam is None:
            return [self.vocabulary.decode(labels) for labels in transducer_greedy(self.head, frames, lengths)]
        return [self.text(each[:length]) for each, length in zip(frames, lengths.tolist(), strict=True)]

    def text(self, frames: Tensor) -> str:
        """The text of an utterance, from its `frames`."""
        return self.vocabulary.decode(each.label for each in self.labels(frames))

    def streaming(self) -> StreamingSearch:
        """This search for an utterance whose `frames` arrive in parts."""
        if self.beam is None:
            return TransducerGreedyStream(self.head)
        return TransducerBeamStream(self.head, beam=self.beam)


class CTCDecoder:
    """A decoder for CTC.

    Args:
        labels: labels of the model, or their vocabulary.
        beam: number of prefixes that the search keeps; ``None`` for the best path (greedy).
        ngram: a language model for the beam search.
        weight: weight of the language model.
        bonus: score added for each label, because language models prefer short results.
        tokens: number of labels, the likeliest of each frame, by which prefixes are extended.
    """

    def __init__(
        self,
        labels: Sequence[str] | Vocabulary,
        *,
        beam: int | None = None,
        ngram: NGram | None = None,
        weight: float = 0.5,
        bonus: float = 0.0,
        tokens: int | None = 20,
    ):
        self.vocabulary = labels if isinstance(labels, Vocabulary) else Vocabulary(labels)
        self.beam, self.tokens = beam, tokens
        self.language = None if ngram is None else match_language_model(ngram, self.vocabulary.labels)
        self.weight, self.bonus = weight, bonus

    @property
    def name(self) -> str:
        """A description of the search, for results."""
        fused = f", language model of weight {self.weight:g}" if self.language is not None else ""
        return "greedy" if self.beam is None else f"prefix beam search, beam {self.beam}{fused}"

    def frames(self, logits: Tensor) -> Tensor:
        """From ``logits[T, V]``: the best labels ``[T]``, or for a beam search log-probabilities ``[T, V]``."""
        logits = logits.float().cpu()
        spelling = self.vocabulary.spelling
        if self.beam is None:
            best = logits.argmax(-1)
            return best if spelling.plain else torch.tensor(spelling.first)[best]
        scores = logits.log_softmax(-1)
        return scores if spelling.plain else _merge_aliases(scores, spelling.first)

    def labels(self, frames: Tensor) -> list[TimedLabel]:
        """The labels of an utterance with their times, from all of its `frames` without padding."""
        if self.beam is None:
            search = CTCGreedyStream()
            return search.push(frames) + search.finish()
        best = ctc_beam_search(frames, **self._options())[0]
        return [TimedLabel(*each) for each in zip(best.tokens, best.frames, best.frames, strict=True)]

    def text(self, frames: Tensor) -> str:
        """The text of an utterance, from its `frames`."""
        return self.vocabulary.decode(each.label for each in self.labels(frames))

    def streaming(self) -> StreamingSearch:
        """This search for an utterance whose `frames` arrive in parts."""
        if self.beam is None:
            return CTCGreedyStream()
        return CTCBeamStream(CTCPrefixBeamSearch(len(self.vocabulary), **self._options()))

    def _options(self) -> dict[str, Any]:
        names = ("beam", "tokens", "language", "weight", "bonus")
        return {name: getattr(self, name) for name in names}

    def texts(self, logits: Tensor, lengths: Tensor) -> list[str]:
        """The texts of a batch, from ``logits[B, T, V]`` with ``lengths[B]`` valid frames."""
        logits = logits.float().cpu()
        return [self.text(self.frames(each[:length])) for each, length in zip(logits, lengths.tolist(), strict=True)]


def _merge_aliases(scores: Tensor, first: Sequence[int]) -> Tensor:
    """Log-probabilities ``[T, V]``, where the probabilities of outputs with the same text are summed in the ``first``."""
    joined = torch.zeros_like(scores, dtype=torch.float64)
    joined.index_add_(1, torch.tensor(first), scores.double().exp())
    return joined.log().to(scores.dtype)
