"""The heads that make one vector of an utterance, by the name that configs use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..encoder.errors import CheckpointError
from ..encoder.stream import Stream
from .aasist import AASIST
from .ecapa_tdnn import ECAPA
from .head import Head
from .mfa_conformer import MFAConformer
from .mhfa import MHFA
from .plain_xvector import PlainXVector
from .pooled import Pooled
from .rawnet3 import RawNet3
from .ska_tdnn import SKATDNN
from .sls import SLS
from .x_vector import XVector

EMBEDDERS: dict[str, type[Head]] = {
    "mhfa": MHFA,
    "pooled": Pooled,
    "x_vector": XVector,
    "ecapa_tdnn": ECAPA,
    "rawnet3": RawNet3,
    "mfa_conformer": MFAConformer,
    "ska_tdnn": SKATDNN,
    "plain_xvector": PlainXVector,
    "aasist": AASIST,
    "sls": SLS,
}


def build(kinds: Mapping[str, Callable[..., Head]], options: Mapping[str, Any], stream: Stream, layers: int) -> Head:
    """The head that ``options`` describe: ``{"kind": "mhfa", "width": 128, ...}``.

    Args:
        kinds: heads to choose from.
        options: its kind and its options.
        stream, layers: of the encoder, see `Head`.

    Raises:
        CheckpointError: a kind that is not there, or options that the head does not have.
    """
    kind = str(options.get("kind"))
    if kind not in kinds:
        raise CheckpointError(f"config: the head is {kind!r}; it can be {', '.join(kinds)}")
    try:
        return kinds[kind](stream, layers, **{key: value for key, value in options.items() if key != "kind"})
    except TypeError as error:
        raise CheckpointError(f"config: head {kind}: {error}") from None
