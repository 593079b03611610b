"""Spoken-language understanding: the intent and the slots of an utterance."""

from __future__ import annotations

import torch

from ..data.audio.channels import Channel
from ..data.audio.long_audio import LONGEST
from ..data.audio.reading import audio_shape, read_speech
from ..data.audio.sources import name_of
from ..decoding.slu.interpreter import Interpreter, slu_interpreter
from ..decoding.slu.slu_prediction import SLUPrediction
from ..encoder.checks.finite_outputs import called, finite_output, named
from ..errors import AudioError, CheckpointError, DataError
from ..models.task_network import TaskNetwork
from ..quantities import Seconds
from .arguments import Audio, Model, audio_file, task_model


def check_length(name: str, seconds: Seconds) -> None:
    """Check that a recording can be one utterance.

    Args:
        name: the name of the recording, for the message.
        seconds: its length.

    Raises:
        AudioError: it is longer than a minute.
    """
    if seconds > LONGEST:
        raise AudioError(
            f"{name}: {seconds:.0f} s is no single utterance; at most {LONGEST:g} s are classified, so cut it first"
        )


@torch.no_grad()
def classify(model: Model, recording: Audio, *, channel: Channel | None = None) -> SLUPrediction:
    """Intents and slots of one utterance, each with its probability.

    Args:
        model: an intent model, or the place of one.
        recording: one utterance of up to a minute.
        channel: the channel of a file with several, counted from 0, or ``"mix"`` for the mean of all.

    Raises:
        AudioError: a file that is missing, damaged, silent, too short or longer than a minute, or has several channels and
            none is chosen.
        CheckpointError: the model cannot be loaded, is for another task, or has labels that name no intents.
        InferenceError: an output of the model is NaN or infinite.
    """
    network = task_model(model, "intent")
    reader = intent_reader(network)
    with audio_file(recording, channel) as (file, channel), named(name_of(file)):
        samples, rate, _ = audio_shape(file)
        check_length(name_of(file), samples / rate)
        output = network(read_speech(file, channel=channel)[None].to(network.device))
        finite_output(output.output, network)
    return reader.understand(output.output.float().cpu(), output.output_lengths.cpu())[0]


def intent_reader(network: TaskNetwork) -> Interpreter:
    """What reads intents and slots from the outputs of a model.

    Raises:
        CheckpointError: its labels name no intents.
    """
    try:
        return slu_interpreter(network)
    except DataError as error:
        raise CheckpointError(f"{called(network)}: {error}") from None
