"""From the outputs of a model to text."""

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
    """What makes text of a model's outputs."""

    vocabulary: Vocabulary

    @property
    def name(self) -> str:
        """The search in words, for results."""

    def frames(self, output: Tensor) -> Tensor:
        """What the search needs of the output ``[T, ...]`` of one utterance; parts of it can be strung together."""

    def labels(self, frames: Tensor) -> list[TimedLabel]:
        """What is said in an utterance, of its `frames`: all of it, and no padding; and in which frames."""

    def text(self, frames: Tensor) -> str:
        """What is said in an utterance, of its `frames`."""

    def texts(self, output: Tensor, lengths: Tensor) -> list[str]:
        """What is said in each utterance of a batch, of ``output[B, T, ...]`` with ``lengths[B]`` valid frames."""

    def streaming(self) -> StreamingSearch:
        """This search for an utterance whose `frames` come bit by bit."""


def text_decoder(
    model: TaskNetwork, *, beam: int | None = None, ngram: NGram | None = None, weight: float = 0.5, bonus: float = 0.0
) -> TextSearch:
    """The search for a model's head and vocabulary; further arguments are those of `CTCDecoder`.

    Raises:
        DataError: a language model for a transducer.
    """
    labels, spelling = model.config.labels or (), (model.config.spelling, model.config.aliases)
    if not isinstance(model.head, Transducer):
        vocabulary = Vocabulary(labels, *spelling)
        return CTCDecoder(vocabulary, beam=beam, ngram=ngram, weight=weight, bonus=bonus)
    if ngram is not None:
        raise DataError("search: a language model helps CTC; this model is a transducer, so leave the n-gram out")
    return TransducerDecoder(model.head, labels, beam=beam)


class TransducerDecoder:
    """A vocabulary and a search with predictor and joiner.

    Args:
        head: of the model.
        labels: of the model.
        beam: prefixes that the search keeps; ``None`` is greedy.
    """

    def __init__(self, head: Transducer, labels: Sequence[str], *, beam: int | None = None):
        check_search(beam=beam)
        self.head, self.vocabulary, self.beam = head, Vocabulary(labels), beam

    @property
    def name(self) -> str:
        """The search in words, for results."""
        return "greedy transducer" if self.beam is None else f"transducer beam search, beam {self.beam}"

    @torch.no_grad()
    def frames(self, output: Tensor) -> Tensor:
        """``[T, J]`` as the joiner adds them."""
        return self.head.project(output)

    def labels(self, frames: Tensor) -> list[TimedLabel]:
        """What is said in an utterance, of its `frames`: all of it, and no padding; and in which frames."""
        if self.beam is None:
            return TransducerGreedyStream(self.head).push(frames)
        best = transducer_beam_search(self.head, frames, beam=self.beam)[0]
        return [TimedLabel(*each) for each in zip(best.tokens, best.frames, best.frames, strict=True)]

    def texts(self, output: Tensor, lengths: Tensor) -> list[str]:
        """What is said in each utterance of a batch, of ``output[B, T, D]`` with ``lengths[B]`` valid frames."""
        frames = self.frames(output)
        if self.beam is None:
            return [self.vocabulary.decode(said) for said in transducer_greedy(self.head, frames, lengths)]
        return [self.text(each[:length]) for each, length in zip(frames, lengths.tolist(), strict=True)]

    def text(self, frames: Tensor) -> str:
        """What is said in an utterance, of its `frames`."""
        return self.vocabulary.decode(each.label for each in self.labels(frames))

    def streaming(self) -> StreamingSearch:
        """This search for an utterance whose `frames` come bit by bit."""
        if self.beam is None:
            return TransducerGreedyStream(self.head)
        return TransducerBeamStream(self.head, beam=self.beam)


class CTCDecoder:
    """A vocabulary and a CTC search.

    Args:
        labels: of the model, or the vocabulary they make.
        beam: prefixes that the search keeps; ``None`` takes the best path (greedy).
        ngram: a language model, for the beam search.
        weight: of the language model.
        bonus: for each label, against its liking for short results.
        tokens: labels of a frame that may start a longer prefix.
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
        """The search in words, for results."""
        fused = f", language model of weight {self.weight:g}" if self.language is not None else ""
        return "greedy" if self.beam is None else f"prefix beam search, beam {self.beam}{fused}"

    def frames(self, logits: Tensor) -> Tensor:
        """What the search needs of ``logits[T, V]``: best labels ``[T]``, or for a beam log-probabilities ``[T, V]``."""
        logits = logits.float().cpu()
        spelling = self.vocabulary.spelling
        if self.beam is None:
            best = logits.argmax(-1)
            return best if spelling.plain else torch.tensor(spelling.first)[best]
        scores = logits.log_softmax(-1)
        return scores if spelling.plain else _joined(scores, spelling.first)

    def labels(self, frames: Tensor) -> list[TimedLabel]:
        """What is said in an utterance, of its `frames`: all of it, and no padding; and in which frames."""
        if self.beam is None:
            search = CTCGreedyStream()
            return search.push(frames) + search.finish()
        best = ctc_beam_search(frames, **self._options())[0]
        return [TimedLabel(*each) for each in zip(best.tokens, best.frames, best.frames, strict=True)]

    def text(self, frames: Tensor) -> str:
        """What is said in an utterance, of its `frames`."""
        return self.vocabulary.decode(each.label for each in self.labels(frames))

    def streaming(self) -> StreamingSearch:
        """This search for an utterance whose `frames` come bit by bit."""
        if self.beam is None:
            return CTCGreedyStream()
        return CTCBeamStream(CTCPrefixBeamSearch(len(self.vocabulary), **self._options()))

    def _options(self) -> dict[str, Any]:
        names = ("beam", "tokens", "language", "weight", "bonus")
        return {name: getattr(self, name) for name in names}

    def texts(self, logits: Tensor, lengths: Tensor) -> list[str]:
        """What is said in each utterance of a batch, of ``logits[B, T, V]`` with ``lengths[B]`` valid frames."""
        logits = logits.float().cpu()
        return [self.text(self.frames(each[:length])) for each, length in zip(logits, lengths.tolist(), strict=True)]


def _joined(scores: Tensor, first: Sequence[int]) -> Tensor:
    """Log-probabilities ``[T, V]`` of tokens, where several outputs say one: they add up in its ``first``."""
    joined = torch.zeros_like(scores, dtype=torch.float64)
    joined.index_add_(1, torch.tensor(first), scores.double().exp())
    return joined.log().to(scores.dtype)
