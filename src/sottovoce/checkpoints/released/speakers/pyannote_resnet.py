"""wespeaker's ResNets as pyannote packs them: ``pytorch_model.bin``, a checkpoint of Lightning (``keys resnet.*``).

pyannote/wespeaker-voxceleb-resnet34-LM is one. The file holds the arguments of the class and a description of the task,
whose objects are not built (github.com/pyannote/pyannote-audio, src/pyannote/audio/models/embedding/wespeaker).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sottovoce.encoder.checks.values import short
from sottovoce.encoder.frontend.without_layers import filterbank_config
from sottovoce.encoder.loading.model_files import Directory
from sottovoce.errors import CheckpointError

from ...families.key_map import KeyMap
from ...formats.tensors import only_tensors, peeked, read_torch
from ...origins import license
from ..whole_model import WholeModel
from .speaker_network import speaker_model
from .wespeaker_names import resnet_names

WEIGHTS, META, STATE = "pytorch_model.bin", "pyannote.audio", "state_dict"
FILES = f"pyannote's wespeaker models ({WEIGHTS})"

CLASS = re.compile(r"WeSpeakerResNet(34|152|221|293)")
POOLING = "statistics"
"""pyannote's pooling adds nothing to the variance, as wespeaker's does."""

SETTINGS = {
    "sample_rate": 16000,
    "num_channels": 1,
    "frame_length": (25, 25.0),
    "frame_shift": (10, 10.0),
    "window_type": "hamming",
    "use_energy": False,
    "round_to_power_of_two": True,
    "snip_edges": True,
    "fbank_centering_span": None,
}
"""Arguments of the class, and the values that can be read."""


def _file(path: Path) -> Path:
    return path / WEIGHTS if path.is_dir() else path


def claims(path: Path) -> bool:
    """Whether a file, or the ``pytorch_model.bin`` in a folder, is a checkpoint of pyannote's class."""
    content = peeked(_file(path), (".bin", ".ckpt", ".pt"))
    return isinstance(content, Mapping) and META in content and STATE in content


def hint(names: Mapping[str, object]) -> str | None:
    """Such a file is never without what belongs to it."""
    return None


def load(path: Path) -> WholeModel:
    """The fields of our `TaskConfig`, the weights, and notes.

    Args:
        path: the file, or a folder with it.

    Raises:
        CheckpointError: another class of pyannote's, settings that are not supported, or tensors that do not fit.
    """
    file = _file(path)
    content: Any = read_torch(file)
    depth = _depth(content, file)
    settings = content.get("hyper_parameters")
    settings = settings if isinstance(settings, Mapping) else {}
    for name, value in SETTINGS.items():
        allowed = value if isinstance(value, tuple) else (value,)
        if settings.get(name, allowed[0]) not in allowed:
            raise CheckpointError(f"{file}: {name} is {short(settings[name])}; it must be {allowed[0]}")
    tensors = only_tensors(content[STATE], str(file))
    embed = tensors.get("resnet.seg_1.weight")
    if embed is None:
        held = ", ".join(list(tensors)[:3]) or "nothing"
        raise CheckpointError(
            f"{file}: no resnet.seg_1.weight among its tensors ({held}, ...), so it is of another version"
        )
    encoder = filterbank_config("wespeaker", int(settings.get("num_mel_bins", 80)))
    encoder.origin = {"name": file.resolve().parent.name, "license": license(Directory(file.parent))}
    head: dict[str, Any] = {
        "kind": "resnet",
        "depth": depth,
        "size": embed.shape[0],
        "pooling": POOLING,
        "two_layers": "resnet.seg_2.weight" in tensors,
    }
    first = tensors.get("resnet.conv1.weight")
    head["channels"] = 32 if first is None else first.shape[0]
    return speaker_model(encoder, head, _names(), tensors, str(file))


def _names() -> KeyMap:
    table = resnet_names()
    rows = tuple(replace(row, theirs=f"resnet.{row.theirs}") for row in table.rows)
    return replace(table, rows=rows, unused=tuple(f"resnet.{each}" for each in table.unused))


def _depth(content: Mapping[str, Any], file: Path) -> str:
    meta = content[META]
    architecture = meta.get("architecture") if isinstance(meta, Mapping) else None
    name = architecture.get("class") if isinstance(architecture, Mapping) else None
    if (found := CLASS.fullmatch(str(name))) is None:
        raise CheckpointError(
            f"{file}: a model of pyannote's class {short(name)}; those that can be read are WeSpeakerResNet34, 152, 221 and"
            " 293, and DiariZen's (a folder with config.toml)"
        )
    return found[1]
