"""What a recognizer can be made of, as recipes write it: heads, and their loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from ..heads.sequence.ctc import CTC
from ..heads.sequence.transducer import Transducer
from ..options import Options, one_of
from .head_options import constructor_options

SEQUENCE_SECTIONS: Mapping[str, Any] = {
    name: constructor_options(head, given=("outputs",)) for name, head in {"ctc": CTC, "transducer": Transducer}.items()
}
"""The heads that give a sequence of labels, by the name that recipes use; the labels say how many outputs they have."""

RecognitionHead: Any = one_of("RecognitionHead", SEQUENCE_SECTIONS)


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
        """Raises: ValueError: options of the loss that the head has no use for."""
        if head.kind == "ctc" and (self.ctc is not None or self.warmup):
            raise ValueError("ctc and warmup are for the head transducer; with ctc leave them out")
        if head.kind == "transducer" and not head.options.ctc and (self.ctc or self.warmup):
            raise ValueError("ctc and warmup need a CTC output; give the head ctc: true")

    @property
    def ctc_weight(self) -> float:
        return 0.2 if self.ctc is None else self.ctc
