"""Losses of speaker embeddings: classification of the training speakers, with or without a margin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field, model_validator
from torch import Tensor

from ...data.batches.batches import Batch
from ...errors import DataError
from ...options import Options
from ...options.bounds import WIDEST
from ...text.plain_data import PlainData
from ..task import Objective
from .aam_softmax import AAMSoftmax, Penalty
from .softmax import Softmax


class SpeakerLoss(Options):
    """The loss: ``aam``, see `AAMSoftmax`, or ``softmax``, which has no further options.

    ESPnet-SPK uses margin 0.3 (0.5 in joint training), scale 30 and 3 centers; it configures 5 hardest speakers with margin
    0.06, which have no effect in its code (``penalty: espnet``).
    """

    kind: Literal["aam", "softmax"] = "aam"
    margin: float = Field(0.2, ge=0, lt=1.5, description="angular margin in radians")
    margin_ramp: int = Field(0, ge=0, description="steps over which the margin grows from 0")
    scale: float = Field(30.0, gt=0)
    centers: int = Field(1, ge=1, le=WIDEST, description="centers of each speaker")
    hardest: int = Field(0, ge=0, description="how many confusable speakers get a margin of their own")
    hardest_margin: float = Field(0.06, ge=0, lt=1.5)
    penalty: Penalty = Field(
        "paper", description="size of that margin: of the paper, of wespeaker, or none as in ESPnet"
    )

    @model_validator(mode="after")
    def _no_margin_without_angles(self) -> SpeakerLoss:
        fields = {name: field.default for name, field in type(self).model_fields.items() if name != "kind"}
        given = [name for name, default in fields.items() if getattr(self, name) != default]
        if self.kind == "softmax" and given:
            raise ValueError(f"plain softmax has no {given[0]}; take it out, or take kind: aam")
        return self

    def changed(self, changes: PlainData) -> SpeakerLoss:
        """A copy of these options with some changed.

        Raises:
            ValidationError: unknown options, or values out of range.
            DataError: changes that alter the classifier, which must be the same in all stages.
        """
        found = type(self).model_validate({**self.model_dump(), **changes})
        for name in ("kind", "centers"):
            if getattr(found, name) != getattr(self, name):
                raise DataError(f"verification: loss.{name} decides on the classifier, so it is the same in all stages")
        return found

    def build(self, size: int, speakers: int) -> AAMSoftmax | Softmax:
        if self.kind == "softmax":
            return Softmax(size, speakers)
        return AAMSoftmax(size, speakers, **self.model_dump(exclude={"kind", "margin_ramp"}))


class SpeakerObjective(Objective):
    """A classifier over speakers. Its margin, if it has one, grows over the first steps."""

    def __init__(self, size: int, speakers: Sequence[str], options: SpeakerLoss):
        super().__init__(speakers)
        self.ramp = options.margin_ramp
        self.loss = options.build(size, len(speakers))

    def begin(self, step: int) -> None:
        if isinstance(self.loss, AAMSoftmax):
            self.loss.set_margin(min(step / self.ramp, 1.0) if self.ramp else 1.0)

    def load_matching(self, labels: Sequence[str], weights: Mapping[str, Tensor]) -> int:
        """Copy the classifier rows of the speakers that an earlier stage had, too; a large-margin stage often has fewer."""
        known = {label: k for k, label in enumerate(labels)}
        pairs = [(k, known[label]) for k, label in enumerate(self.labels) if label in known]
        own, others = ([pair[side] for pair in pairs] for side in (0, 1))
        for name, tensor in self.state_dict().items():
            tensor.view(len(self.labels), -1)[own] = weights[name].view(len(labels), -1)[others].to(tensor)
        return len(pairs)

    def forward(self, output: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "labels" not in batch:
            raise DataError("verification: this data has no speaker labels; set the weight of the task loss to 0")
        loss, accuracy = self.loss(output, batch["labels"])
        return loss, {"accuracy": accuracy}
