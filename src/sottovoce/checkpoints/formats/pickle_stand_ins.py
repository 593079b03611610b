"""Stand-ins for classes whose objects lie beside the weights in other projects' pickles.

A checkpoint of pyannote holds a description of its task, one of Lightning the settings of a training. Nothing of that is
used: where a pickle names one of these classes, torch makes an object of `Inert`, which keeps nothing and runs nothing. The
modules that are named are never imported. A class that is not in the list is refused.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

from torch.serialization import safe_globals

KNOWN = (
    "pyannote.audio.core.model.Introspection",
    "pyannote.audio.core.task.Problem",
    "pyannote.audio.core.task.Resolution",
    "pyannote.audio.core.task.Specifications",
    "pyannote.audio.core.task.TrainDataset",
    "torch.torch_version.TorchVersion",
    "omegaconf.base.ContainerMetadata",
    "omegaconf.base.Metadata",
    "omegaconf.dictconfig.DictConfig",
    "omegaconf.listconfig.ListConfig",
    "omegaconf.nodes.AnyNode",
    "pytorch_lightning.utilities.parsing.AttributeDict",
    "lightning.fabric.utilities.data.AttributeDict",
    "lightning_fabric.utilities.data.AttributeDict",
    "typing.Any",
)
"""The classes, by module and name."""


class Inert(dict[object, object]):
    """An object of any of these classes; whatever it is built from is dropped."""

    def __new__(cls, *arguments: object) -> Inert:
        return super().__new__(cls)

    def __init__(self, *arguments: object):
        super().__init__()

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass


def inert_classes() -> AbstractContextManager[None]:
    """While it lasts, ``torch.load(weights_only=True)`` reads objects of these classes as `Inert` ones."""
    return safe_globals([(Inert, name) for name in KNOWN])
