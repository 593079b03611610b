"""The heads there are, by the name that configs use."""

from .classifier import Classifier
from .ctc import CTC
from .embedders import EMBEDDERS
from .head import Head
from .powerset_head import PowersetHead
from .transducer import Transducer

HEADS: dict[str, type[Head]] = {
    **EMBEDDERS,
    "classifier": Classifier,
    "ctc": CTC,
    "powerset": PowersetHead,
    "transducer": Transducer,
}
