"""One way to load a model: `load`, a network to run; `load_pretrained`, the same as a model of Transformers.

Importing the classes of Transformers takes as long as importing torch, and a network that only runs needs none of them. So
`load` reads a directory in sottovoce's own format by itself, with the checks that ``from_pretrained`` makes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import torch
from torch import Tensor, nn

from ..encoder.checks.finite import check_finite, unknown_yet
from ..encoder.checks.finite_outputs import called
from ..encoder.config import EncoderConfig
from ..encoder.loading.format_registry import foreign_formats
from ..encoder.loading.model_files import Directory, is_file, model_type, read_json
from ..encoder.loading.pretrained import blueprint, check_fit, files_of
from ..encoder.loading.uninitialized import Uninitialized
from ..encoder.loading.weight_files import read_weights
from ..encoder.network import EncoderNetwork
from ..errors import CheckpointError
from ..text.one_line import one_line_errors
from .task_config import TaskConfig
from .task_network import TaskNetwork

if TYPE_CHECKING:
    from ..encoder.model import SpeechEncoder
    from .task_model import TaskModel

COMMANDS = {
    "diarization": "diarize",
    "intent": "classify",
    "recognition": "transcribe",
    "spoofing": "detect",
    "verification": "embed",
}
"""Task -> the command that runs its models."""

CLASSES: dict[str, tuple[type[EncoderConfig] | type[TaskConfig], type[EncoderNetwork] | type[TaskNetwork]]] = {
    EncoderConfig.model_type: (EncoderConfig, EncoderNetwork),
    TaskConfig.model_type: (TaskConfig, TaskNetwork),
}
"""``model_type`` of a config in sottovoce's own format -> classes of the config and of the network."""


@overload
def load(source: str | Path, task: str) -> TaskNetwork: ...


@overload
def load(source: str | Path, task: None = None) -> EncoderNetwork | TaskNetwork: ...


def load(source: str | Path, task: str | None = None) -> EncoderNetwork | TaskNetwork:
    """The network of a checkpoint, in evaluation mode: a task model if there is one, otherwise the encoder.

    It can be run, inspected, counted and pruned, but neither saved nor trained by Transformers; use `load_pretrained` for
    that.

    Args:
        source: a directory, file or hub id of a model of sottovoce, of a stock Transformers class, or in another format that
            `sottovoce.checkpoints` reads.
        task: the task that the model must be for, such as ``verification``; ``None`` for any model.

    Raises:
        CheckpointError: nothing there, an unknown format, damaged, weights that do not fit the config, or a model for another
            task.
    """
    network: EncoderNetwork | TaskNetwork | None = _own_network(source)
    if network is None:
        network = load_pretrained(source)
    network.config.return_dict = True  # a false one in config.json is for other programs
    return network if task is None else check_task(network, task)


def check_task(network: nn.Module, task: str) -> TaskNetwork:
    """The network, if it is a model for a task.

    Raises:
        CheckpointError: it is a model for another task, or a bare encoder.
    """
    make = f"make one with `sottovoce compress` and a recipe for {task}"
    if not isinstance(network, TaskNetwork):
        raise CheckpointError(f"{called(network)}: this is an encoder without a head and no model for {task}; {make}")
    if network.config.task == task:
        return network
    found = network.config.task or "no task that its config names"
    command = f" (`sottovoce {COMMANDS[found]}` runs it)" if found in COMMANDS else ""
    raise CheckpointError(f"{called(network)}: this is a model for {found}{command} and not for {task}; {make}")


@overload
def load_pretrained(source: str | Path, *, encoder_only: Literal[True]) -> SpeechEncoder: ...


@overload
def load_pretrained(source: str | Path, *, encoder_only: bool = False) -> SpeechEncoder | TaskModel: ...


def load_pretrained(source: str | Path, *, encoder_only: bool = False) -> SpeechEncoder | TaskModel:
    """What `load` loads as a model of Transformers, which can be trained and saved.

    Args:
        source: see `load`.
        encoder_only: leave the head out. The head of a stock class need not be known then, and a recognizer needs no
            tokenizer.

    Raises:
        CheckpointError: nothing there, an unknown format, damaged, or weights that do not fit the config.
    """
    from ..encoder.model import SpeechEncoder
    from .task_model import TaskModel

    if not (is_own_task_model(source) if encoder_only else is_task_model(source)):
        model: SpeechEncoder | TaskModel = SpeechEncoder.from_pretrained(str(source))
    else:
        task_model = TaskModel.from_pretrained(str(source))
        model = task_model.encoder if encoder_only else task_model
    model.config.return_dict = True  # a false one in config.json is for other programs
    return model.eval()


def is_own_task_model(source: str | Path) -> bool:
    """Whether there is a task model in sottovoce's own format.

    Raises:
        CheckpointError: nothing there, or a config that cannot be read.
    """
    return model_type(config_fields(source)) == TaskConfig.model_type


def is_task_model(source: str | Path) -> bool:
    """Whether there is a task model: one of sottovoce, a released one, or of a stock class with a head that is known.

    Raises:
        CheckpointError: nothing there, or a config that cannot be read.
    """
    return is_own_task_model(source) or foreign_formats(source).has_task(source, config_fields(source))


def config_fields(source: str | Path) -> dict[str, object]:
    """The content of ``config.json`` in a directory, beside a weights file or on the hub.

    It is empty where there is no such file, and for a file of a format that holds its own config.

    Raises:
        CheckpointError: nothing there, or a config that cannot be read.
    """
    path = Path(source)
    if is_file(path) and not path.name.endswith((".safetensors", "pytorch_model.bin")):
        return {}
    return read_json(files_of(source, {}), "config.json") or {}


def _own_network(source: str | Path) -> EncoderNetwork | TaskNetwork | None:
    """The network of a directory in sottovoce's own format; ``None`` for anything else."""
    name, files = str(source), files_of(source, {})
    if is_file(Path(source)) or not isinstance(files, Directory):
        return None
    fields = config_fields(source)
    if (kind := model_type(fields)) not in CLASSES:
        return None
    config_class, network_class = CLASSES[kind]
    with one_line_errors(name):
        config = config_class.from_file(fields, name)
        weights = read_weights(files)
        check_fit(blueprint(network_class, config), weights, name)
        network = _filled(network_class, config, weights)
        check_finite(network.state_dict(), name, unknown_yet(network))
    network.name_or_path = name  # for messages, as `from_pretrained` does
    return network.eval()


def _filled(network_class: Any, config: Any, weights: dict[str, Tensor]) -> Any:
    """A network with these weights, in the dtype that its config names."""
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(config.dtype or before)
        with Uninitialized():
            network: nn.Module = network_class(config)
    finally:
        torch.set_default_dtype(before)
    network.load_state_dict(weights)
    return network
