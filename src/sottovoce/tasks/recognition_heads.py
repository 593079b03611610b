"""What a recognizer can be made of, as recipes write it: heads, and their loss."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from ..bounded import WIDEST
from ..options import Options, one_of


class CTCOptions(Options):
    """One label or the blank for every frame, see `sottovoce.heads.sequence.ctc.CTC`."""

    width: int | None = Field(256, ge=1, le=WIDEST, description="of the inner map; null for one linear map")
    fusion: Literal["sum", "last"] = "sum"
    dropout: float = Field(0.0, ge=0, lt=1)
    downsampling: int = Field(1, ge=1, le=1_000, description="frames that become one before the head")


class TransducerOptions(Options):
    """A stateless predictor and a joiner, see `sottovoce.heads.sequence.transducer.Transducer`."""

    predictor: int = Field(512, ge=1, le=WIDEST, description="size of the predictor's embedding")
    context: int = Field(2, ge=1, le=1_000, description="labels that the predictor sees")
    width: int = Field(512, ge=1, le=WIDEST, description="inner units of the joiner")
    ctc: bool = Field(True, description="whether there is a CTC output for an auxiliary loss")
    fusion: Literal["sum", "last"] = "sum"
    downsampling: int = Field(1, ge=1, le=1_000, description="frames that become one before the head")


RecognitionHead: Any = one_of("RecognitionHead", {"ctc": CTCOptions, "transducer": TransducerOptions})


class RecognitionLoss(Options):
    """The loss of either head.

    Args:
        per: what it is a mean over. ``label``: each utterance counts per label of its own (CTC), or all labels of a batch
            alike (transducer). ``utterance``: each utterance as a whole.
        ctc: weight of the auxiliary CTC loss beside 1 of the transducer's; default: 0.2 where the head has that output.
        warmup: steps over which CTC hands over to the transducer: the weight of the transducer's loss rises from 0 to
            1, that of CTC falls from 1 to ``ctc``. CTC costs little and finds the first alignments faster.
    """

    per: Literal["label", "utterance"] = "label"
    ctc: float | None = Field(None, ge=0)
    warmup: int = Field(0, ge=0)

    def check(self, head: Any) -> None:
        """Raises: ValueError: something is asked of the loss that the head cannot give."""
        if head.kind == "ctc" and (self.ctc is not None or self.warmup):
            raise ValueError("ctc and warmup are for the head transducer; with ctc leave them out")
        if head.kind == "transducer" and not head.options.ctc and (self.ctc or self.warmup):
            raise ValueError("ctc and warmup need a CTC output; give the head ctc: true")

    @property
    def ctc_weight(self) -> float:
        return 0.2 if self.ctc is None else self.ctc
