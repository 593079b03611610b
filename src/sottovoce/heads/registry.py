"""All heads, by the name that configs use."""

from ..plugins import Registry
from .classifier import Classifier
from .embedders import GROUP, OUR_EMBEDDERS
from .framewise.frame_classifier import FrameClassifier
from .framewise.powerset_head import PowersetHead
from .head import Head
from .mean_classifier import MeanClassifier
from .sequence.ctc import CTC
from .sequence.transducer import Transducer

HEADS: Registry[type[Head]] = Registry(
    "head",
    GROUP,
    {
        **OUR_EMBEDDERS,
        "classifier": Classifier,
        "ctc": CTC,
        "frame_classifier": FrameClassifier,
        "mean_classifier": MeanClassifier,
        "powerset": PowersetHead,
        "transducer": Transducer,
    },
)
