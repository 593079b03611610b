"""The heads there are, by the name that configs use."""

from .classifier import Classifier
from .embedders import EMBEDDERS
from .framewise.frame_classifier import FrameClassifier
from .framewise.powerset_head import PowersetHead
from .head import Head
from .mean_classifier import MeanClassifier
from .sequence.ctc import CTC
from .sequence.transducer import Transducer

HEADS: dict[str, type[Head]] = {
    **EMBEDDERS,
    "classifier": Classifier,
    "ctc": CTC,
    "frame_classifier": FrameClassifier,
    "mean_classifier": MeanClassifier,
    "powerset": PowersetHead,
    "transducer": Transducer,
}

AUTO_CLASSES = dict.fromkeys(EMBEDDERS, "AutoModelForAudioXVector") | {
    "classifier": "AutoModelForAudioClassification",
    "ctc": "AutoModelForCTC",
    "frame_classifier": "AutoModelForAudioFrameClassification",
    "mean_classifier": "AutoModelForAudioClassification",
    "powerset": "AutoModelForAudioFrameClassification",
}
"""Kind of head -> the class of Transformers under which stock code looks for such a model; there is none for a transducer."""

PIPELINES = {
    "AutoModelForCTC": "automatic-speech-recognition",
    "AutoModelForAudioClassification": "audio-classification",
}
"""Class of Transformers -> the stock pipeline that runs it."""
