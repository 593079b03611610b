"""Recipe sections of recognizers: heads, and their loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from ..heads.sequence.ctc import CTC
from ..heads.sequence.transducer import Transducer
from ..options import OneOf, Options, one_of
from .head_options import ConstructorOptions, constructor_options, option_values

SEQUENCE_SECTIONS: Mapping[str, type[ConstructorOptions]] = {
    name: constructor_options(head, given=("outputs",)) for name, head in {"ctc": CTC, "transducer": Transducer}.items()
}
"""The heads for sequences of labels, by the name that recipes use. The labels determine their number of outputs."""


@one_of(SEQUENCE_SECTIONS)
class RecognitionHead(OneOf[ConstructorOptions]):
    """The head of a recognizer."""


class RecognitionLoss(Options):
    """The loss of either head.

    Args:
        per: how the loss is averaged. ``utterance``: over utterances. ``label``: with CTC, over utterances after each loss
            is divided by its number of labels; with a transducer, over all labels of the batch.
        ctc: weight of the auxiliary CTC loss, with 1 for the transducer loss; default: 0.2 if the head has that output.
        warmup: steps over which the weight of the transducer loss rises from 0 to 1 and that of CTC falls from 1 to
            ``ctc``. CTC costs little and finds the first alignments faster.
    """

    per: Literal["label", "utterance"] = "label"
    ctc: float | None = Field(None, ge=0)
    warmup: int = Field(0, ge=0)

    def check(self, head: OneOf[ConstructorOptions]) -> None:
        """Raises: ValueError: options of the loss that do not apply to the head."""
        if head.kind == "ctc" and (self.ctc is not None or self.warmup):
            raise ValueError("ctc and warmup are for the head transducer; with ctc leave them out")
        if head.kind == "transducer" and not option_values(head.options)["ctc"] and (self.ctc or self.warmup):
            raise ValueError("ctc and warmup need a CTC output; give the head ctc: true")

    @property
    def ctc_weight(self) -> float:
        return 0.2 if self.ctc is None else self.ctc
