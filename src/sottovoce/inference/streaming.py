"""Recognition while audio arrives: words as soon as they are known, their latency, and the real-time factor."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from ..data.audio.channels import Channel
from ..data.audio.long_audio import audio_pieces
from ..data.audio.reading import audio_shape, is_silent
from ..data.audio.sources import name_of
from ..decoding.text_decoders import TextSearch, text_decoder
from ..decoding.timing import Word, WordBuilder
from ..encoder.checks.finite_outputs import finite_output, named
from ..encoder.output import EncoderOutput
from ..encoder.streaming.chunks import Chunks
from ..encoder.streaming.encoder_stream import Latency
from ..errors import AudioError, StreamingError
from ..models.task_network import TaskNetwork
from ..quantities import SAMPLE_RATE, Seconds
from .arguments import Audio, Model, audio_file, task_model


def chunks_of(model: TaskNetwork, seconds: Seconds | None = None, left: int | None = None) -> Chunks | None:
    """The chunks that a model was trained for, or others.

    Args:
        model: with an encoder that can stream.
        seconds: length of a chunk; by default that of the model.
        left: number of earlier chunks that a frame attends to; by default that of the model.

    Raises:
        StreamingError: the model was trained for no chunks and ``seconds`` is not given.
    """
    own, config = model.encoder.chunks, model.config.encoder
    if seconds is None and own is None:
        raise StreamingError(
            f"this model ({config.family}) was trained for no chunks; give --chunk SECONDS, or train it with"
            " encoder.streaming"
        )
    frame = config.samples_per_frame / SAMPLE_RATE
    size = own.size if own is not None else 0
    if seconds is not None:
        size = round(seconds / frame)
    return Chunks(size, config.left_chunks if left is None else left)


class StreamingRecognizer:
    """Recognizes a stream of audio of any length.

        recognizer = StreamingRecognizer(model)
        for piece in microphone:               # [S] at 16 kHz, any S
            for word in recognizer.push(piece):
                print(word.text, word.start)
        recognizer.finish()                    # the last words

    A word that was returned never changes; `pending` is the best guess at what follows it. Memory does not grow with the
    length of the stream.

    Args:
        model: a recognition model whose encoder can stream, or the place of one.
        decoder: finds the text in the outputs of the network, see `text_decoder`; by default a greedy search.
        chunks: the chunks in which the encoder works; by default those of the model, see `chunks_of`.

    Raises:
        CheckpointError: the model cannot be loaded, or is for another task.
        StreamingError: an encoder that cannot work chunk by chunk, or no chunks.
    """

    def __init__(self, model: Model, *, decoder: TextSearch | None = None, chunks: Chunks | None = None):
        self.model = task_model(model, "recognition")
        config = self.model.config
        chunks = chunks or chunks_of(self.model)
        frames = config.inputs_to_logits_ratio // config.encoder.samples_per_frame
        if chunks is not None and chunks.size % frames:
            raise StreamingError(
                f"chunks of {chunks.size} frames: the head makes one frame of {frames}; take a multiple of that"
            )
        self.decoder = decoder or text_decoder(self.model)
        self._encoder = self.model.encoder.streaming(chunks)
        self._search = self.decoder.streaming()
        self._step = config.inputs_to_logits_ratio / SAMPLE_RATE
        self._words = WordBuilder(self.decoder.vocabulary, self._step)

    @property
    def latency(self) -> Latency:
        """Algorithmic latency of the encoder. A word is returned when its end is known, that is with the label after it."""
        return self._encoder.latency

    @property
    def pending(self) -> str:
        """The most likely text after the last word that was returned; it may still change."""
        return self._words.begun + self.decoder.vocabulary.decode(each.label for each in self._search.pending)

    @torch.no_grad()
    def push(self, waveform: Tensor) -> list[Word]:
        """Take the next samples ``waveform[S]`` at 16 kHz; the words that are complete now.

        Raises:
            AudioError: not ``[S]`` floats, or a sample is NaN or infinite.
            InferenceError: an output of the model is NaN or infinite.
        """
        return self._decode(self._encoder.push(waveform[None]))

    @torch.no_grad()
    def finish(self) -> list[Word]:
        """End the utterance; its last words. The next `push` begins another one.

        Raises:
            AudioError: the utterance was shorter than one frame needs.
            InferenceError: an output of the model is NaN or infinite.
        """
        words = self._decode(self._encoder.flush()) + self._words.push(self._search.finish()) + self._words.finish()
        self._search = self.decoder.streaming()
        self._words = WordBuilder(self.decoder.vocabulary, self._step)
        return words

    def _decode(self, encoded: EncoderOutput) -> list[Word]:
        assert encoded.hidden_states is not None
        if not encoded.hidden_states[0].shape[1]:
            return []
        states = encoded.hidden_states
        if self.model.head.reads_encoder_output:
            assert encoded.last_hidden_state is not None
            states = (*states[:-1], encoded.last_hidden_state)
        output = finite_output(self.model.head(states)[0], self.model)
        return self._words.push(self._search.push(self.decoder.frames(output)))


@dataclass(frozen=True)
class StreamedTranscript:
    """The text of a recording that was recognized as a stream.

    Args:
        file: path of the file.
        seconds: its length.
        text: the words with spaces between them; empty without any word.
        words: each word with its time.
        latency: algorithmic latency in seconds: the longest time between a sound and the output of its frame, apart from
            computing.
        real_time_factor: seconds of computing for a second of audio, with reading the file.
    """

    file: str
    seconds: Seconds
    text: str
    words: tuple[Word, ...]
    latency: float
    real_time_factor: float


def transcribe_stream(
    model: Model,
    recording: Audio,
    *,
    decoder: TextSearch | None = None,
    chunks: Chunks | None = None,
    channel: Channel | None = None,
    piece: float = 0.1,
    on_word: Callable[[Word], None] | None = None,
) -> StreamedTranscript:
    """The text of a recording, recognized as a stream as fast as the machine can.

    Args:
        model: a recognition model whose encoder can stream, or the place of one.
        recording: what is transcribed; it is never in memory as a whole.
        decoder, chunks: see `StreamingRecognizer`.
        channel: the channel of a file with several, counted from 0, or ``"mix"`` for the mean of all.
        piece: seconds of audio that are pushed at a time.
        on_word: called with each word as soon as it is known.

    Raises:
        AudioError: a file that is missing, damaged, silent or too short, or has several channels and none is chosen.
        CheckpointError, StreamingError: see `StreamingRecognizer`.
        InferenceError: an output of the model is NaN or infinite.
    """
    stream, words = StreamingRecognizer(model, decoder=decoder, chunks=chunks), list[Word]()

    def add(new: list[Word]) -> None:
        for word in new:
            words.append(word)
            if on_word is not None:
                on_word(word)

    with audio_file(recording, channel) as (file, channel):
        frames, rate, _ = audio_shape(file)
        name = name_of(file)
        low, high, begin = float("inf"), float("-inf"), time.perf_counter()
        for samples in audio_pieces(file, piece, channel=channel):
            if len(samples):
                low, high = min(low, float(samples.min())), max(high, float(samples.max()))
            with named(name):
                add(stream.push(samples))
        if is_silent(torch.tensor([low, high])):
            raise AudioError(f"{name}: digital silence, so there is nothing to hear; replace it or leave it out")
        with named(name):
            try:
                add(stream.finish())
            except AudioError as error:
                raise AudioError(f"{name}: too short: {error}") from None
        seconds, spent = frames / rate, time.perf_counter() - begin
    text = " ".join(word.text for word in words)
    return StreamedTranscript(name, seconds, text, tuple(words), stream.latency.seconds, spent / seconds)
