"""AASIST and AASIST-L as released: ``NAME.pth``, a state dict, with ``NAME.conf`` beside it (github.com/clovaai/aasist)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sottovoce.encoder.checks.values import PROBABILITY, Rule, one_of, several, short, whole
from sottovoce.encoder.frontend.without_layers import waveform_config
from sottovoce.encoder.loading.model_files import Directory, read_json
from sottovoce.encoder.loading.pretrained import blueprint, mismatch_error
from sottovoce.errors import CheckpointError
from sottovoce.heads.spoofing.stack_graphs import TEMPERATURES
from sottovoce.models.llr_scoring import CLASSES
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_network import TaskNetwork

from ..formats.tensors import read_torch_tensors
from ..origins import license
from .aasist_names import their_names
from .whole_model import WholeModel

CONF = ".conf"

FILES = f"AASIST (.pth with its {CONF})"

BLOCKS = 6
"""Number of residual blocks; the last width in ``filts`` is that of three of them."""

_COUNT = whole(1, 2**12)
_PAIR = several(whole(1, 2**16), 2, 2)


def _follow_each_other(filts: Any) -> bool:
    """Whether it is ``[filters, [1, a], [a, b], [b, c], [c, c]]``."""
    if not isinstance(filts, list) or len(filts) != 5 or not _COUNT.holds(filts[0]):
        return False
    pairs = filts[1:]
    if not all(map(_PAIR.holds, pairs)):
        return False
    return [pair[0] for pair in pairs] == [1, *(pair[1] for pair in pairs[:-1])] and pairs[-1][0] == pairs[-1][1]


_SIZES = {
    "nb_samp": whole(1, 2**30),
    "first_conv": whole(1, 4094),
    "filts": Rule(
        "[70, [1, 32], [32, 32], [32, 64], [64, 64]] or other widths that follow each other", _follow_each_other
    ),
    "gat_dims": _PAIR,
    "pool_ratios": several(PROBABILITY, 3, 4),
    "temperatures": one_of([TEMPERATURES[0]] * 2 + [TEMPERATURES[1]] * 2),
}
"""Entries of ``model_config``, and what they can be."""

_MARK = frozenset({"pos_S", "master1", "HtrgGAT_layer_ST11.att_weight11"})
"""Tensors by which a state dict is known to be of this class."""


def claims(path: Path) -> bool:
    """Whether a file is a state dict with a ``.conf`` beside it."""
    return path.suffix == ".pth" and path.with_suffix(CONF).is_file()


def hint(names: Mapping[str, object]) -> str | None:
    """What is missing where a state dict of this class is all there is; ``None`` for any other."""
    if names.keys() >= _MARK:
        return "tensors of an AASIST without its .conf, which says their sizes; copy it beside the file, under the same name"
    return None


def load(path: Path) -> WholeModel:
    """The fields of our `TaskConfig`, the weights of a `TaskModel`, and notes.

    Args:
        path: the ``.pth`` file.

    Raises:
        CheckpointError: the ``.conf`` is of another architecture or has values that are not supported, or the tensors do
            not fit it.
    """
    files = Directory(path.parent)
    conf = path.with_suffix(CONF)
    fields: dict[str, Any] = task_fields(read_json(files, conf.name) or {}, conf)
    fields["encoder"].origin = {"name": path.name, "license": license(files)}
    tensors = read_torch_tensors(path)
    return WholeModel(fields, converted(TaskConfig(**fields), tensors, str(path)), [])


def task_fields(content: Mapping[str, object], conf: Path) -> dict[str, object]:
    """The fields of our config for the content of a ``.conf``.

    Args:
        content: the content.
        conf: the file, for messages.

    Raises:
        CheckpointError: another architecture, or a value that is missing or not supported.
    """
    model = content.get("model_config")
    if not isinstance(model, Mapping) or (found := model.get("architecture")) != "AASIST":
        what = f"is for {short(found)}" if isinstance(model, Mapping) else "has no model_config"
        raise CheckpointError(f"{conf}: {what}; the models of this format that can be read are AASIST")
    for name, rule in _SIZES.items():
        if not rule.holds(model.get(name)):
            raise CheckpointError(f"{conf}: {name} is {short(model.get(name))}; it {rule.verb} {rule.wants}")
    filters, *pairs = model["filts"]
    widths = [pair[1] for pair in pairs]
    channels = widths + widths[-1:] * (BLOCKS - len(widths))
    width, embedding = model["gat_dims"]
    if width != channels[-1]:
        raise CheckpointError(
            f"{conf}: gat_dims begins with {width}, and filts ends with {channels[-1]}; both must agree"
        )
    head = {
        "kind": "sinc_aasist",
        "filters": filters,
        "taps": model["first_conv"] + 1 - model["first_conv"] % 2,  # theirs adds one tap to an even number
        "channels": channels,
        "width": embedding,
        "ratios": model["pool_ratios"][:3],  # the fourth is never used
    }
    return {
        "encoder": waveform_config(model["nb_samp"]),
        "head": {"kind": "classifier", "classes": 2, "embedding": head},
        "scoring": "llr",
        "scoring_options": {"score": "bonafide"},
        "task": "spoofing",
        "labels": list(CLASSES),
    }


def converted(config: TaskConfig, tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """Our weights, of their tensors.

    Args:
        config: config of the model.
        tensors: their tensors by name.
        name: name of the file, for messages.

    Raises:
        CheckpointError: tensors that are missing, left over or misshapen.
    """
    wanted = {k: v for k, v in blueprint(TaskNetwork, config).items() if k.startswith("head.")}
    return gathered(wanted, tensors, theirs_of, name)


def gathered(
    wanted: Mapping[str, Tensor],
    tensors: Mapping[str, Tensor],
    theirs_of: Callable[[str], tuple[str, ...]],
    name: str,
) -> dict[str, Tensor]:
    """Our weights, each of one or several of their tensors.

    Args:
        wanted: names and shapes of ours.
        tensors: their tensors by name.
        theirs_of: name of ours -> names of theirs whose values, one after another, are its values.
        name: name of the file, for messages.

    Raises:
        CheckpointError: see `converted`.
    """
    weights: dict[str, Tensor] = {}
    missing: list[str] = []
    misshapen: list[str] = []
    used: set[str] = set()
    for ours, like in wanted.items():
        theirs = theirs_of(ours)
        used.update(theirs)
        if lacking := [each for each in theirs if each not in tensors]:
            missing += lacking
            continue
        flat = torch.cat([tensors[each].flatten() for each in theirs])
        if flat.numel() != like.numel():
            shapes = ", ".join(str(tuple(tensors[each].shape)) for each in theirs)
            misshapen.append(f"{theirs[0]} {shapes} for {tuple(like.shape)}")
        else:
            weights[ours] = flat.view(like.shape)
    if error := mismatch_error(name, missing, [each for each in tensors if each not in used], misshapen):
        raise error
    return weights


def theirs_of(ours: str) -> tuple[str, ...]:
    """The names of their tensors that a tensor of our model holds, one after another."""
    inside = ours.removeprefix("head.").removeprefix("embedding.")
    if not ours.startswith("head.embedding."):
        return (f"out_layer.{inside}",)
    return their_names(inside, BLOCKS, {"norm": "first_bn"})
