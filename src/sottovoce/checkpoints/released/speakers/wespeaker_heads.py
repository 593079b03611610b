"""The networks of wespeaker that can be read, as heads of ours: names of classes, options, names of tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from sottovoce.encoder.checks.values import FLAG, Rule, one_of, whole
from sottovoce.heads.speaker.maps.resnet import BLOCKS

from ...families.key_map import KeyMap
from .campplus_names import cam_names, from_zero
from .wespeaker_names import ecapa_names, resnet_names

Options = Mapping[str, object]

POOLINGS = {"TSTP": "tstp", "ASTP": "astp", "TAP": "mean"}
"""Their pooling -> ours."""

SIZES = {"feat_dim": whole(1, 4096), "embed_dim": whole(1, 65536)}
"""The arguments that every class needs, and their values."""


def _unchanged(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return dict(tensors)


@dataclass(frozen=True)
class SpeakerHead:
    """A kind of network.

    Args:
        model: pattern of the names of its classes.
        marks: tensors by which a state dict is known to be of this kind.
        arguments: the other arguments of its classes, and the values that can be read; the classes have no more of them.
        options: kind and options of our head, from the name of the class and its arguments.
        names: the names of its tensors.
        prepared: the tensors as the names are for.
    """

    model: str
    marks: frozenset[str]
    arguments: Mapping[str, Rule]
    options: Callable[[str, Options], dict[str, object]]
    names: Callable[[], KeyMap]
    prepared: Callable[[Mapping[str, Tensor]], dict[str, Tensor]] = _unchanged


def _resnet(model: str, options: Options) -> dict[str, object]:
    return {
        "kind": "resnet",
        "depth": model.removeprefix("ResNet"),
        "channels": options.get("m_channels", 32),
        "size": options["embed_dim"],
        "pooling": POOLINGS[str(options.get("pooling_func", "TSTP"))],
        "two_layers": options.get("two_emb_layer", False),
    }


def _ecapa(model: str, options: Options) -> dict[str, object]:
    channels = int(model.rpartition("_c")[2])
    return {
        "kind": "wespeaker_ecapa",
        "channels": channels,
        "size": options["embed_dim"],
        "out_norm": options.get("emb_bn", False),
        "fusion": {"kind": "last", "normalize": "none"},
        "pooling": {"kind": "astp", "context": "GLOB" in model},
    }


def _split_context(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The first map of attention in two: theirs reads frame, mean and deviation in one tensor, if it sees the context."""
    found = dict(tensors)
    weight, out = found.get("pool.linear1.weight"), found.get("pool.linear2.weight")
    if weight is not None and out is not None and weight.dim() == 3 and weight.shape[1] == 3 * out.shape[0]:
        channels = out.shape[0]
        found["pool.linear1.weight"] = weight[:, :channels]
        found["pool.linear1.context"] = weight[:, channels:]
    return found


def _cam(model: str, options: Options) -> dict[str, object]:
    found = {"growth": "growth_rate", "bottleneck": "bn_size", "channels": "init_channels"}
    given = {ours: options[theirs] for ours, theirs in found.items() if theirs in options}
    pooling = POOLINGS[str(options.get("pooling_func", "TSTP"))]
    return {"kind": "cam_plus_plus", "size": options["embed_dim"], "pooling": pooling, **given}


HEADS = (
    SpeakerHead(
        rf"ResNet({'|'.join(BLOCKS)})",
        frozenset({"conv1.weight", "layer4.0.conv1.weight", "seg_1.weight"}),
        {"pooling_func": one_of(*POOLINGS), "two_emb_layer": FLAG, "m_channels": whole(1, 4096)},
        _resnet,
        resnet_names,
        _split_context,
    ),
    SpeakerHead(
        r"ECAPA_TDNN(_GLOB)?_c(512|1024)",
        frozenset({"layer2.se_res2block.0.conv.weight", "pool.linear1.weight", "linear.weight"}),
        {"pooling_func": one_of("ASTP"), "emb_bn": FLAG},
        _ecapa,
        ecapa_names,
        _split_context,
    ),
    SpeakerHead(
        "CAMPPlus",
        frozenset({"head.conv1.weight", "xvector.tdnn.linear.weight"}),
        {
            "pooling_func": one_of(*POOLINGS),
            **{name: whole(1, 4096) for name in ("growth_rate", "bn_size", "init_channels")},
            "config_str": one_of("batchnorm-relu"),
        },
        _cam,
        cam_names,
        from_zero,
    ),
)
"""Every kind."""


def head_named(model: object) -> SpeakerHead | None:
    """The kind of network that a class is of; ``None`` for any other."""
    return next((each for each in HEADS if re.fullmatch(each.model, str(model))), None)
