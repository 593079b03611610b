"""Understanding as a person uses it: what does this recording ask for?"""

from __future__ import annotations

from pathlib import Path

import torch

from ..data.audio.channels import Channel
from ..data.audio.long_audio import LONGEST
from ..data.audio.reading import audio_shape, read_speech
from ..data.audio.sources import name_of
from ..decoding.slu.interpreter import slu_interpreter
from ..decoding.slu.slu_prediction import SLUPrediction
from ..encoder.checks.finite_outputs import finite_output, named
from ..errors import AudioError, CheckpointError, DataError
from ..models.networks import load_network
from ..models.task_network import TaskNetwork


def load_classifier(source: str | Path) -> TaskNetwork:
    """A task model that understands utterances.

    Raises:
        CheckpointError: nothing there, damaged, or a model for something else.
    """
    model = load_network(source)
    task = model.config.task if isinstance(model, TaskNetwork) else ""
    if not isinstance(model, TaskNetwork) or task != "intent":
        what = f"a model for {task}" if task else "no intent model"
        raise CheckpointError(
            f"{source}: this is {what}; to classify, make an intent model with `sottovoce compress` and an intent recipe"
        )
    try:
        slu_interpreter(model)  # its labels must be readable
    except DataError as error:
        raise CheckpointError(f"{source}: {error}") from None
    return model


def check_utterance(file: str | Path) -> None:
    """Stop early where a file is none that can be classified, as far as its header says so.

    Raises:
        AudioError: it is missing, empty, not audio, visibly cut off, or longer than a minute.
    """
    samples, rate, _ = audio_shape(file)
    check_length(name_of(file), samples / rate)


def check_length(name: str, seconds: float) -> None:
    """Stop where a recording is no single utterance.

    Raises:
        AudioError: it is longer than a minute.
    """
    if seconds > LONGEST:
        raise AudioError(
            f"{name}: {seconds:.0f} s is no single utterance; at most {LONGEST:g} s are classified, so cut it first"
        )


@torch.no_grad()
def classify(model: TaskNetwork, file: str | Path, *, channel: Channel | None = None) -> SLUPrediction:
    """Intent and slots of a file of any format and rate, with probabilities.

    Args:
        model: from `load_classifier`.
        file: one utterance of up to a minute; it is heard as a whole.
        channel: which one of a file with several, counted from 0; ``"mix"`` for the mean of all.

    Raises:
        AudioError: a file that is missing, damaged, silent, too short, longer than a minute, or has several channels and
            none is chosen.
        InferenceError: the model gives NaN or infinity.
    """
    check_utterance(file)
    wave = read_speech(file, channel=channel)
    with named(name_of(file)):
        made = model(wave[None].to(model.device))
        finite_output(made.output, model)
    return slu_interpreter(model).understand(made.output.float().cpu(), made.output_lengths.cpu())[0]
