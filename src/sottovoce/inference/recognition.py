"""Recognition as a person uses it: what is said in audio files of any length."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..data.audio.channels import Channel
from ..data.audio.reading import SAMPLE_RATE, SilenceWarning, audio_shape, is_silent, read_audio, refuse_silence
from ..data.audio.sources import name_of
from ..decoding.text_decoders import TextSearch, text_decoder
from ..decoding.timing import Word, words_of
from ..encoder.checks.finite_outputs import finite_output, named
from ..errors import AudioError, CheckpointError
from ..heads.framewise.frame_head import FrameHead
from ..models.networks import load_network
from ..models.task_network import TaskNetwork


def load_recognizer(source: str | Path) -> TaskNetwork:
    """A task model that writes down what is said.

    Raises:
        CheckpointError: nothing there, damaged, or a model for something else.
    """
    model = load_network(source)
    frames = isinstance(model, TaskNetwork) and isinstance(model.head, FrameHead)
    if not isinstance(model, TaskNetwork) or not frames or model.config.task not in ("recognition", ""):
        raise CheckpointError(
            f"{source}: this is no recognition model; fine-tune one with `sottovoce compress` and a recognition recipe"
        )
    return model


@dataclass(frozen=True)
class Windows:
    """How files longer than a window are heard: in windows that overlap, each with the whole network.

        window 1  ├──────────────┤
        window 2             ├──────────────┤
        taken     ├────────────┼───────────┼─ ...       a seam in the middle of each overlap

    Of every overlap the first half is taken from the earlier window and the rest from the later one, so that each frame
    has at least half an overlap of context on both sides. What is taken is strung together, and searched as one
    utterance: no word is cut at a seam. Windows begin at whole frames, so frames of neighbors fall together.

    Memory for audio and network is that of one window. What grows with the file is a number a frame for the best path
    (50 frames a second, or fewer with downsampling), the log-probabilities of all labels for a beam search, and a number
    for each inner unit of the joiner for a transducer.

    Args:
        seconds: of a window.
        overlap: seconds of neighbors that are the same.

    Raises:
        AudioError: an overlap below 0.1 s, or a window that is not twice as long.
    """

    seconds: float = 30.0
    overlap: float = 4.0

    def __post_init__(self) -> None:
        if self.overlap < 0.1 or self.seconds < 2 * self.overlap:
            raise AudioError(
                f"windows of {self.seconds:g} s that share {self.overlap:g} s: at least 0.1 s must be shared, and a window"
                " must be twice as long"
            )


@dataclass(frozen=True)
class Transcript:
    """What is said in a file.

    Args:
        file: its path.
        seconds: its length.
        text: empty where no word was heard.
        words: each with its time.
    """

    file: str
    seconds: float
    text: str
    words: tuple[Word, ...] = ()


@torch.no_grad()
def transcribe(
    model: TaskNetwork,
    file: str | Path,
    recognizer: TextSearch | None = None,
    *,
    channel: Channel | None = None,
    windows: Windows | None = None,
) -> Transcript:
    """Write down what is said in an audio file of any format, rate and length.

    Args:
        model: from `load_recognizer`.
        file: up to one window it is heard as a whole, beyond in `Windows`.
        recognizer: the search; greedy by default.
        channel: which one of a file with several, counted from 0; ``"mix"`` for the mean of all.
        windows: of long files.

    Raises:
        AudioError: a file that is missing, damaged, silent, too short, or has several channels and none is chosen.
        InferenceError: the model gives NaN or infinity.
    """
    recognizer = recognizer or text_decoder(model)
    windows = windows or Windows()
    samples, rate, _ = audio_shape(file)
    with named(name_of(file)):
        if samples <= windows.seconds * rate:
            wave = _read(file, channel, 0.0, None)
            refuse_silence(wave, name_of(file))
            frames = recognizer.frames(_output(model, wave))
        else:
            parts = _parts(model, file, samples / rate, channel, windows)
            frames = torch.cat([recognizer.frames(part) for part in parts])
    labels = recognizer.labels(frames)
    words = words_of(labels, recognizer.vocabulary, model.config.inputs_to_logits_ratio / SAMPLE_RATE)
    text = recognizer.vocabulary.decode(each.label for each in labels)
    return Transcript(name_of(file), samples / rate, text, tuple(words))


def _output(model: TaskNetwork, wave: Tensor) -> Tensor:
    """``[T, ...]`` of a waveform ``[S]``."""
    return finite_output(model(wave[None].to(model.device)).output[0], model)


def _parts(
    model: TaskNetwork, file: str | Path, seconds: float, channel: Channel | None, windows: Windows
) -> Iterator[Tensor]:
    """Output ``[t, ...]`` of one stretch after another, without gaps."""
    hop = model.config.inputs_to_logits_ratio
    half = max(round(windows.overlap * SAMPLE_RATE / 2 / hop), 2)  # in frames
    size = max(round(windows.seconds * SAMPLE_RATE / hop), 4 * half)
    step = size - 2 * half
    start, heard, last = 0, False, False
    while not last:
        begin = start * hop / SAMPLE_RATE
        last = begin + size * hop / SAMPLE_RATE >= seconds
        wave = _read(file, channel, begin, None if last else size * hop / SAMPLE_RATE)
        heard = heard or not is_silent(wave)
        if last and not heard:
            raise AudioError(
                f"{name_of(file)}: digital silence, so there is nothing to hear; replace it or leave it out"
            )
        output = _output(model, wave)
        yield output[half if start else 0 : None if last else size - half]
        start += step


def _read(file: str | Path, channel: Channel | None, start: float, duration: float | None) -> Tensor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SilenceWarning)  # of a window there is nothing to say, of a file it is an error
        return read_audio(file, channel=channel, start=start, duration=duration)
