"""Speaker models of wespeaker: ``avg_model.pt``, a state dict, with the ``config.yaml`` of its training beside it.

Their embedding comes from Kaldi's filterbank of 16-bit samples with a Hamming window, minus its mean over the utterance
(github.com/wenet-e2e/wespeaker, wespeaker/cli/speaker.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from sottovoce.encoder.checks.values import check, short
from sottovoce.encoder.config import EncoderConfig
from sottovoce.encoder.frontend.without_layers import filterbank_config
from sottovoce.encoder.loading.model_files import Directory, is_file
from sottovoce.errors import CheckpointError

from ...formats.tensors import read_torch_tensors
from ...origins import license
from ..foreign_yaml import CONFIG, config_of, tagged_yaml, tagged_yaml_or_nothing
from ..whole_model import WholeModel
from .speaker_network import speaker_model
from .wespeaker_heads import HEADS, SIZES, SpeakerHead, head_named

SUFFIXES = (".pt", ".pth")
WEIGHTS = ("avg_model.pt", "final_model.pt", "models/avg_model.pt")
"""Weights that a directory is read from, the first that is there."""

FILES = f"wespeaker ({WEIGHTS[0]} with its {CONFIG})"


def claims(path: Path) -> bool:
    """Whether there is a ``config.yaml`` that names one of their networks on a filterbank."""
    config = config_of(path, SUFFIXES)
    return config is not None and head_named(tagged_yaml_or_nothing(config).get("model")) is not None


def hint(names: Mapping[str, object]) -> str | None:
    """What a state dict lacks that is all there is."""
    if any(head.marks <= names.keys() for head in HEADS):
        return f"tensors of a wespeaker model without the {CONFIG} of its training; copy it beside the file"
    return None


def load(path: Path) -> WholeModel:
    """The fields of our `TaskConfig`, the weights, and notes.

    Args:
        path: the weights, or a folder with them.

    Raises:
        CheckpointError: no weights, settings that are not supported, or tensors that do not fit them.
    """
    config = config_of(path, SUFFIXES)
    assert config is not None  # `claims` has found it
    settings = tagged_yaml(config)
    file = path if is_file(path) else next((path / each for each in WEIGHTS if is_file(path / each)), None)
    if file is None:
        raise CheckpointError(f"{path}: {CONFIG} without weights; none of {', '.join(WEIGHTS)} is there")
    head = head_named(settings.get("model"))
    assert head is not None
    options = _options(settings, head, config)
    encoder = features(settings, options, config)
    encoder.origin = {"name": file.resolve().parent.name, "license": license(Directory(config.parent))}
    tensors: dict[str, Tensor] = head.prepared(read_torch_tensors(file))
    return speaker_model(encoder, head.options(str(settings["model"]), options), head.names(), tensors, str(file))


def _options(settings: Mapping[str, object], head: SpeakerHead, config: Path) -> dict[str, object]:
    """The arguments of their class.

    Raises:
        CheckpointError: they are no table, or one of them is unknown, missing or not supported.
    """
    found = settings.get("model_args")
    if not isinstance(found, Mapping):
        raise CheckpointError(f"{config}: model_args is {short(found)}; it must be a table")
    check(found, {**SIZES, **head.arguments}, f"{config}: model_args of {settings['model']}")
    for name in SIZES:
        if name not in found:
            raise CheckpointError(f"{config}: model_args has no {name}")
    return dict(found)


def features(settings: Mapping[str, object], options: Mapping[str, object], config: Path) -> EncoderConfig:
    """The filterbank of a model.

    Raises:
        CheckpointError: another front end, another rate, or a filterbank with other windows.
    """
    data = settings.get("dataset_args")
    data = data if isinstance(data, Mapping) else {}
    bank = data.get("fbank_args")
    bank = bank if isinstance(bank, Mapping) else {}
    wanted = {"frontend": ("fbank", data), "resample_rate": (16000, data)}
    wanted |= {"frame_length": (25, bank), "frame_shift": (10, bank), "num_mel_bins": (options["feat_dim"], bank)}
    for name, (value, where) in wanted.items():
        if where.get(name, value) != value:
            raise CheckpointError(f"{config}: {name} is {short(where[name])}; the models that can be read have {value}")
    cmvn = data.get("cmvn_args")
    if isinstance(cmvn, Mapping) and (not cmvn.get("norm_mean", True) or cmvn.get("norm_var", False)):
        raise CheckpointError(
            f"{config}: cmvn_args is {short(dict(cmvn))}; those that can be read subtract the mean alone"
        )
    return filterbank_config("wespeaker", int(str(options["feat_dim"])), "mean" if data.get("cmvn", True) else "none")
