"""Recognition: the text of recordings of any length."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..data.audio.channels import Channel
from ..data.audio.reading import SilenceWarning, audio_shape, is_silent, read_audio, refuse_silence
from ..data.audio.sources import name_of
from ..decoding.text_decoders import TextSearch, text_decoder
from ..decoding.timing import Word, words_of
from ..encoder.checks.finite_outputs import finite_output, named
from ..errors import AudioError
from ..models.task_network import TaskNetwork
from ..quantities import SAMPLE_RATE, Seconds
from .arguments import Audio, Model, audio_file, task_model


@dataclass(frozen=True)
class Windows:
    """Windows that overlap, in which a long file is passed through the network.

        window 1  ├──────────────┤
        window 2             ├──────────────┤
        used      ├────────────┼───────────┼─ ...       a seam in the middle of each overlap

    The first half of each overlap comes from the earlier window and the second half from the later one, so each frame has at
    least half an overlap of context on both sides. The outputs are joined and decoded as one utterance, so no word is cut at
    a seam. Windows start at whole frames, so the frames of neighboring windows coincide.

    Audio and activations take the memory of one window. Beside them memory grows with the file by one number a frame for the
    best path (50 frames a second, or fewer with downsampling), by the log-probabilities of all labels for a beam search, and
    by the width of the joiner for a transducer.

    Args:
        seconds: length of a window.
        overlap: seconds that two neighboring windows share.

    Raises:
        AudioError: an overlap below 0.1 s, or windows that are not at least twice as long as it.
    """

    seconds: Seconds = 30.0
    overlap: Seconds = 4.0

    def __post_init__(self) -> None:
        if self.overlap < 0.1 or self.seconds < 2 * self.overlap:
            raise AudioError(
                f"windows of {self.seconds:g} s that share {self.overlap:g} s: at least 0.1 s must be shared, and a window"
                " must be twice as long"
            )


@dataclass(frozen=True)
class Transcript:
    """The text of a recording.

    Args:
        file: path of the file.
        seconds: its length.
        text: the words with spaces between them; empty without any word.
        words: each word with its time.
    """

    file: str
    seconds: Seconds
    text: str
    words: tuple[Word, ...] = ()


@torch.no_grad()
def transcribe(
    model: Model,
    recording: Audio,
    *,
    decoder: TextSearch | None = None,
    channel: Channel | None = None,
    windows: Windows | None = None,
) -> Transcript:
    """The text of a recording of any format, rate and length, with the time of each word.

    Args:
        model: a recognition model, or the place of one.
        recording: what is transcribed. Up to one window long it is passed through the network as a whole.
        decoder: finds the text in the outputs of the network, see `text_decoder`; by default a greedy search.
        channel: the channel of a file with several, counted from 0, or ``"mix"`` for the mean of all.
        windows: how longer recordings are cut.

    Raises:
        AudioError: a file that is missing, damaged, silent or too short, or has several channels and none is chosen.
        CheckpointError: the model cannot be loaded, or is for another task.
        InferenceError: an output of the model is NaN or infinite.
    """
    network = task_model(model, "recognition")
    decoder = decoder or text_decoder(network)
    windows = windows or Windows()
    with audio_file(recording, channel) as (file, channel):
        samples, rate, _ = audio_shape(file)
        name = name_of(file)
        with named(name):
            if samples <= windows.seconds * rate:
                wave = _read(file, channel, 0.0, None)
                refuse_silence(wave, name)
                frames = decoder.frames(_output(network, wave))
            else:
                parts = _parts(network, file, samples / rate, channel, windows)
                frames = torch.cat([decoder.frames(part) for part in parts])
    labels = decoder.labels(frames)
    words = words_of(labels, decoder.vocabulary, network.config.inputs_to_logits_ratio / SAMPLE_RATE)
    text = decoder.vocabulary.decode(each.label for each in labels)
    return Transcript(name, samples / rate, text, tuple(words))


def _output(model: TaskNetwork, wave: Tensor) -> Tensor:
    """The output ``[T, ...]`` for a waveform ``[S]``."""
    return finite_output(model(wave[None].to(model.device)).output[0], model)


def _parts(
    model: TaskNetwork, file: Path, seconds: Seconds, channel: Channel | None, windows: Windows
) -> Iterator[Tensor]:
    """The output of a long file as consecutive parts ``[t, ...]`` without gaps."""
    hop = model.config.inputs_to_logits_ratio
    half = max(round(windows.overlap * SAMPLE_RATE / 2 / hop), 2)  # in frames
    size = max(round(windows.seconds * SAMPLE_RATE / hop), 4 * half)
    step = size - 2 * half
    start, sound, last = 0, False, False
    while not last:
        begin = start * hop / SAMPLE_RATE
        last = begin + size * hop / SAMPLE_RATE >= seconds
        wave = _read(file, channel, begin, None if last else size * hop / SAMPLE_RATE)
        sound = sound or not is_silent(wave)
        if last and not sound:
            raise AudioError(
                f"{name_of(file)}: digital silence, so there is nothing to hear; replace it or leave it out"
            )
        output = _output(model, wave)
        yield output[half if start else 0 : None if last else size - half]
        start += step


def _read(file: Path, channel: Channel | None, start: Seconds, duration: Seconds | None) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SilenceWarning)  # a silent window is normal; a silent file is an error
        return read_audio(file, channel=channel, start=start, duration=duration)
