"""Recognition while someone speaks: words as they come, how late they are, and whether the machine keeps up."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..data.audio.channels import Channel
from ..data.audio.long_audio import audio_pieces
from ..data.audio.reading import SAMPLE_RATE, audio_shape, is_silent
from ..data.audio.sources import name_of
from ..decoding.text_decoders import TextSearch, text_decoder
from ..decoding.timing import Word, WordBuilder
from ..encoder.checks.finite_outputs import finite_output, named
from ..encoder.output import EncoderOutput
from ..encoder.streaming.chunks import Chunks
from ..encoder.streaming.streaming import Latency
from ..errors import AudioError, StreamingError
from ..models.task_network import TaskNetwork


def chunks_of(model: TaskNetwork, seconds: float | None = None, left: int | None = None) -> Chunks | None:
    """The model's own chunks, with another length or another number of chunks to look back where that is given.

    Raises:
        StreamingError: the model was made for no chunks and none are given.
    """
    own, config = model.encoder.chunks, model.config.encoder
    if seconds is None and own is None:
        raise StreamingError(
            f"this model ({config.family}) says nothing about chunks; give --chunk SECONDS, or train it with"
            " encoder.streaming"
        )
    frame = config.samples_per_frame / SAMPLE_RATE
    size = own.size if own is not None else 0
    if seconds is not None:
        size = round(seconds / frame)
    return Chunks(size, config.left_chunks if left is None else left)


class StreamingRecognizer:
    """One utterance, or one day of speech, through a recognizer.

        recognizer = StreamingRecognizer(model)
        for piece in microphone:               # [S] at 16 kHz, any S
            for word in recognizer.push(piece):
                print(word.text, word.start)
        recognizer.finish()                    # the last words

    A word that was returned is never taken back; `pending` is the best guess at what follows it. Memory does not grow with
    what is heard.

    Args:
        model: with an encoder that can stream, in evaluation mode.
        recognizer: the search; greedy by default.
        chunks: default: the model's own, see `chunks_of`.

    Raises:
        StreamingError: an encoder that cannot work chunk by chunk, or no chunks.
    """

    def __init__(self, model: TaskNetwork, recognizer: TextSearch | None = None, chunks: Chunks | None = None):
        chunks = chunks or chunks_of(model)
        together = model.config.inputs_to_logits_ratio // model.config.encoder.samples_per_frame
        if chunks is not None and chunks.size % together:
            raise StreamingError(
                f"chunks of {chunks.size} frames: the head makes one frame of {together}; take a multiple of that"
            )
        self.model = model
        self.recognizer = recognizer or text_decoder(model)
        self._encoder = model.encoder.streaming(chunks)
        self._search = self.recognizer.streaming()
        self._step = model.config.inputs_to_logits_ratio / SAMPLE_RATE
        self._words = WordBuilder(self.recognizer.vocabulary, self._step)

    @property
    def latency(self) -> Latency:
        """Algorithmic latency of the encoder. A word is told when its end is known: with the label that follows it."""
        return self._encoder.latency

    @property
    def pending(self) -> str:
        """What may have been said since the last word that was returned."""
        settled = self._words.begun
        return settled + self.recognizer.vocabulary.decode(each.label for each in self._search.pending)

    @torch.no_grad()
    def push(self, waveform: Tensor) -> list[Word]:
        """Hear ``[S]`` samples at 16 kHz; words that are complete now.

        Raises:
            AudioError: not ``[S]`` floats, or samples that are no numbers.
            InferenceError: the model gives NaN or infinity.
        """
        return self._heard(self._encoder.push(waveform[None]))

    @torch.no_grad()
    def finish(self) -> list[Word]:
        """The last words. What is pushed next begins another utterance.

        Raises:
            AudioError: less was heard than one frame needs.
            InferenceError: the model gives NaN or infinity.
        """
        words = self._heard(self._encoder.flush()) + self._words.push(self._search.finish()) + self._words.finish()
        self._search = self.recognizer.streaming()
        self._words = WordBuilder(self.recognizer.vocabulary, self._step)
        return words

    def _heard(self, encoded: EncoderOutput) -> list[Word]:
        assert encoded.hidden_states is not None
        if not encoded.hidden_states[0].shape[1]:
            return []
        states = encoded.hidden_states
        if self.model.head.final:
            assert encoded.last_hidden_state is not None
            states = (*states[:-1], encoded.last_hidden_state)
        output = finite_output(self.model.head(states)[0], self.model)
        return self._words.push(self._search.push(self.recognizer.frames(output)))


@dataclass(frozen=True)
class StreamedTranscript:
    """What is said in a file that was heard as a stream.

    Args:
        file: its path.
        seconds: its length.
        text: empty where no word was heard.
        words: each with its time.
        latency: algorithmic, in seconds: between a sound and the frame it belongs to, at worst.
        real_time_factor: seconds of computing for a second of audio, reading the file included.
    """

    file: str
    seconds: float
    text: str
    words: tuple[Word, ...]
    latency: float
    real_time_factor: float


def transcribe_stream(
    model: TaskNetwork,
    file: str | Path,
    recognizer: TextSearch | None = None,
    *,
    chunks: Chunks | None = None,
    channel: Channel | None = None,
    piece: float = 0.1,
    said: Callable[[Word], None] | None = None,
) -> StreamedTranscript:
    """Write down what is said in an audio file, hearing it as a stream (as fast as the machine can).

    Args:
        model: from `load_recognizer`, with an encoder that can stream.
        file: of any format, rate and length; never in memory as a whole.
        recognizer, chunks: see `StreamingRecognizer`.
        channel: which one of a file with several, counted from 0; ``"mix"`` for the mean of all.
        piece: seconds that are heard at a time.
        said: is told each word as soon as it is known.

    Raises:
        AudioError: a file that is missing, damaged, silent, too short, or has several channels and none is chosen.
        InferenceError: the model gives NaN or infinity.
        StreamingError: as `StreamingRecognizer`.
    """
    frames, rate, _ = audio_shape(file)
    stream, words = StreamingRecognizer(model, recognizer, chunks), []
    low, high, begin = float("inf"), float("-inf"), time.perf_counter()

    def found(new: list[Word]) -> None:
        for word in new:
            words.append(word)
            if said is not None:
                said(word)

    for samples in audio_pieces(file, piece, channel=channel):
        if len(samples):
            low, high = min(low, float(samples.min())), max(high, float(samples.max()))
        with named(name_of(file)):
            found(stream.push(samples))
    if is_silent(torch.tensor([low, high])):
        raise AudioError(f"{name_of(file)}: digital silence, so there is nothing to hear; replace it or leave it out")
    with named(name_of(file)):
        try:
            found(stream.finish())
        except AudioError as error:
            raise AudioError(f"{name_of(file)}: too short: {error}") from None
    seconds, spent = frames / rate, time.perf_counter() - begin
    text = " ".join(word.text for word in words)
    return StreamedTranscript(name_of(file), seconds, text, tuple(words), stream.latency.seconds, spent / seconds)
