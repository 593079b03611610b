"""The heads that turn an utterance into one vector, by the name that configs use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from ..encoder.layers.low_rank import use_factors, without_factors
from ..encoder.stream import ResidualStream
from ..errors import CheckpointError
from ..plugins import Registry
from .head import Embedder, Head
from .options import check_options
from .speaker.direct_pooling import DirectPooling
from .speaker.ecapa_tdnn import ECAPA, WespeakerECAPA
from .speaker.maps.cam_plus_plus import CAMPlusPlus
from .speaker.maps.resnet import ResNet
from .speaker.mfa_conformer import MFAConformer
from .speaker.mhfa import MHFA
from .speaker.plain_xvector import PlainXVector
from .speaker.rawnet.rawnet3 import RawNet3
from .speaker.rawnet.sinc_rawnet3 import SincRawNet3
from .speaker.ska_tdnn import SKATDNN
from .speaker.x_vector import XVector
from .spoofing.aasist import AASIST
from .spoofing.sinc_aasist import SincAASIST
from .spoofing.sls import SLS

GROUP = "sottovoce.heads"
"""Entry point group by which other packages add heads."""

OUR_EMBEDDERS: dict[str, type[Embedder]] = {
    "mhfa": MHFA,
    "pooled": DirectPooling,
    "x_vector": XVector,
    "ecapa_tdnn": ECAPA,
    "wespeaker_ecapa": WespeakerECAPA,
    "rawnet3": RawNet3,
    "sinc_rawnet3": SincRawNet3,
    "mfa_conformer": MFAConformer,
    "ska_tdnn": SKATDNN,
    "plain_xvector": PlainXVector,
    "resnet": ResNet,
    "cam_plus_plus": CAMPlusPlus,
    "aasist": AASIST,
    "sinc_aasist": SincAASIST,
    "sls": SLS,
}

EMBEDDERS: Registry[type[Head]] = Registry("head", GROUP, OUR_EMBEDDERS)
"""The heads that a `Classifier` can be built on: these, and those of other packages."""


def build(
    kinds: Mapping[str, Callable[..., Head]], options: Mapping[str, object], stream: ResidualStream, layers: int
) -> Head:
    """The head that ``options`` describe: ``{"kind": "mhfa", "width": 128, ...}``.

    Args:
        kinds: the heads to choose from, by name.
        options: kind and options of the head. Every head accepts ``shape``: the widths that remain after pruning, and the
            ranks of factorized linear maps.
        stream, layers: the residual stream and the number of hidden states of the encoder, see `Head`.

    Raises:
        CheckpointError: an unknown kind, or options that the head does not have.
    """
    kind = str(options.get("kind"))
    if kind not in kinds:
        raise CheckpointError(f"config: the head is {kind!r}; it can be {', '.join(kinds)}")
    own: dict[str, Any] = {key: value for key, value in options.items() if key != "kind"}
    shape = own.pop("shape", None) or {}
    if "shape" in signature(kinds[kind]).parameters:
        own["shape"] = shape or None
    elif widths := without_factors(shape):
        raise CheckpointError(f"config: head {kind} has no units of its own, and its shape has {', '.join(widths)}")
    check_options(kinds[kind], own, f"head {kind}")
    try:
        head = kinds[kind](stream, layers, **own)
    except KeyError as error:  # heads look up their own parts in the shape by name
        raise CheckpointError(f"config: head {kind}: {error} is missing in its shape") from error
    use_factors(head, shape)
    head.shape = shape or head.shape
    return head
