"""A network to infer with, and not more: without the base class of Transformers, whose import takes as long as torch's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ..encoder.checks.finite import check_finite, unknown_yet
from ..encoder.config import EncoderConfig
from ..encoder.loading.model_files import model_type, read_json
from ..encoder.loading.pretrained import blueprint, check_fit, files_of
from ..encoder.loading.uninitialized import Uninitialized
from ..encoder.loading.weight_files import read_weights
from ..encoder.network import EncoderNetwork
from ..text.one_line import one_line_errors
from .load import load_model
from .task_config import TaskConfig
from .task_network import TaskNetwork

KINDS: dict[str, tuple[Any, type[EncoderNetwork] | type[TaskNetwork]]] = {
    EncoderConfig.model_type: (EncoderConfig, EncoderNetwork),
    TaskConfig.model_type: (TaskConfig, TaskNetwork),
}
"""What ``config.json`` says that a model of ours is -> its config and its network."""


def load_network(source: str | Path) -> EncoderNetwork | TaskNetwork:
    """The network of whatever `load_model` takes, in evaluation mode.

    A directory in our own format is read here, with the checks that ``from_pretrained`` makes; anything else is what
    `load_model` makes of it.

    Raises:
        CheckpointError: nothing there, an unknown kind, damaged, or not fitting its own config.
    """
    name = str(source)
    if not Path(source).is_dir():
        return load_model(source)
    files = files_of(source, {})
    fields = read_json(files, "config.json")
    kind = model_type(fields)
    if fields is None or kind not in KINDS:
        return load_model(source)
    with one_line_errors(name):
        config = KINDS[kind][0].from_file(fields, name)
        weights = read_weights(files)
        check_fit(blueprint(KINDS[kind][1], config), weights, name)
        network = _filled(KINDS[kind][1], config, weights)
        check_finite(network.state_dict(), name, unknown_yet(network))
    network.name_or_path = name  # what errors call it, as `from_pretrained` says too
    return network.eval()


def _filled(kind: Any, config: Any, weights: dict[str, Tensor]) -> Any:
    """A network with these weights, in the type that its config says they were saved in."""
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(config.dtype or before)
        with Uninitialized():
            network: nn.Module = kind(config)
    finally:
        torch.set_default_dtype(before)
    network.load_state_dict(weights)
    return network
