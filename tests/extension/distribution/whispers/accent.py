"""A task: with which accent does somebody speak? Classes of utterances, from a field of the corpus."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from sottovoce.data.batches.batches import Batch, BatchLoader, EvaluationBatches
from sottovoce.data.batches.targets import Classes
from sottovoce.data.corpora.cuts import cut_field
from sottovoce.distillation.logits import ClassDistillationLoss, DistillationLoss
from sottovoce.encoder.config import EncoderConfig
from sottovoce.encoder.evaluation_mode import evaluating
from sottovoce.errors import DataError
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_network import TaskNetwork
from sottovoce.options import Options
from sottovoce.tasks.head_options import EmbedderChoice, chosen_config
from sottovoce.tasks.task import EvaluationData, Objective

if TYPE_CHECKING:
    from lhotse.cut import Cut


class AccentLoss(Objective):
    """Cross-entropy over the accents."""

    def forward(self, output: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of logits ``[B, classes]``."""
        return F.cross_entropy(output.float(), batch["labels"]), {}


class AccentIdentification(Options):
    """The accent of an utterance, from the corpus's field ``accent``.

    Args:
        head: what makes the vector that is classified.
    """

    metric: ClassVar[str] = "accuracy"
    better: ClassVar[Literal["lower", "higher"]] = "higher"
    scored_on_trials: ClassVar[bool] = False
    min_speakers: ClassVar[int] = 0
    whole_utterances: ClassVar[bool] = False

    head: EmbedderChoice = EmbedderChoice(lobed_pooling={})

    def labels(self, cuts: "Sequence[Cut]") -> list[str]:
        return sorted({_accent(cut) for cut in cuts})

    def targets(self, cuts: "Sequence[Cut]", labels: Sequence[str]) -> Classes:
        return Classes(cuts, labels, _accent)

    def config(self, encoder: EncoderConfig, train: "Sequence[Cut]") -> TaskConfig:
        labels = self.labels(train)
        head = {"kind": "classifier", "classes": len(labels), "embedding": chosen_config(self.head)}
        return TaskConfig(encoder=encoder, head=head, task="accent", labels=labels)

    def with_loss(self, changes: Mapping[str, Any]) -> "AccentIdentification":
        return self  # the loss has no options

    def objective(self, model: TaskNetwork, labels: Sequence[str]) -> AccentLoss:
        return AccentLoss(labels)

    def distillation_loss(self, student: TaskNetwork, teacher: TaskNetwork, temperature: float) -> DistillationLoss:
        return ClassDistillationLoss(temperature)

    def calibrate(self, model: TaskNetwork, train: "Sequence[Cut]") -> None:
        """Nothing: the likeliest accent is taken."""

    def check(self, test: EvaluationData) -> None:
        for cut in test.cuts:
            _accent(cut)

    def evaluate(self, model: TaskNetwork, test: EvaluationData) -> dict[str, Any]:
        """The fraction of utterances whose likeliest accent is theirs."""
        labels = list(model.config.labels or ())
        truth = {cut.id: _accent(cut) for cut in test.cuts}
        right = 0
        with evaluating(model), torch.no_grad():
            for batch in BatchLoader(EvaluationBatches(test.cuts, max_seconds=60.0)):
                output = model(batch["waveform"], batch["lengths"]).output
                found = [labels[k] for k in output.argmax(-1)]
                right += sum(truth[name] == accent for name, accent in zip(batch["ids"], found, strict=True))
        return {"accuracy": right / len(truth), "protocol": f"{len(truth)} utterances"}

    def set_threshold(self, model: TaskNetwork, numbers: Mapping[str, Any]) -> None:
        """Nothing: no threshold decides."""

    def summary(self, numbers: Mapping[str, Any]) -> str:
        return f"accent accuracy {100 * numbers['accuracy']:.1f} % of {numbers['protocol']}"


def _accent(cut: "Cut") -> str:
    """Raises: DataError: the cut has none."""
    if (accent := cut_field(cut, "accent")) is None:
        raise DataError(f"cut {cut.id}: has no accent")
    return accent
