"""Two formulations of spoken-language understanding: questions with one answer each, or a sequence of labels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ..data.batches.batches import Batch
from ..data.batches.targets import SLUTargets, Targets, Tokens
from ..decoding.slu.semantic_vocabulary import SemanticVocabulary
from ..decoding.slu.slu_classes import SLUClasses
from ..distillation.logits import ClassDistillationLoss, DistillationLoss
from ..errors import DataError
from ..metrics.semantics import Semantics
from ..models.task_network import TaskNetwork
from ..options import OneOf, Options, one_of
from .head_options import EMBEDDER_SECTIONS, HEAD_FAULTS, ConstructorOptions, chosen_config
from .objectives.sequence_objectives import sequence_distillation_loss, sequence_objective
from .recognition_heads import SEQUENCE_SECTIONS, RecognitionLoss
from .task import Objective

if TYPE_CHECKING:
    from lhotse.cut import Cut

ReadSemantics = Callable[["Cut"], Semantics]
"""Returns the intents and slots of a cut."""


@one_of({**EMBEDDER_SECTIONS, **SEQUENCE_SECTIONS}, HEAD_FAULTS)
class IntentHead(OneOf[ConstructorOptions]):
    """The head for intents and slots: an embedder for questions, or a head for sequences."""


class IntentLoss(Options):
    """The loss.

    Args:
        smoothing: label smoothing of the answers to questions (1512.00567).
        questions: whether the cross-entropies of several questions are added or averaged.
        per, ctc, warmup: for sequences only, see `RecognitionLoss`.
    """

    smoothing: float = Field(0.0, ge=0, lt=1)
    questions: Literal["sum", "mean"] = "mean"
    per: Literal["label", "utterance"] = "label"
    ctc: float | None = Field(None, ge=0)
    warmup: int = Field(0, ge=0)

    @property
    def sequence(self) -> RecognitionLoss:
        """The options for sequences."""
        return RecognitionLoss(per=self.per, ctc=self.ctc, warmup=self.warmup)

    def check(self, head: IntentHead) -> None:
        """Raises: ValueError: options of the loss that do not apply to the head."""
        if head.kind in SEQUENCE_SECTIONS:
            if self.smoothing:
                raise ValueError(
                    f"smoothing is an option of heads that classify utterances; leave it out with {head.kind}"
                )
            self.sequence.check(head)
        elif self.ctc is not None or self.warmup:
            raise ValueError("ctc and warmup are for the head transducer; with questions leave them out")


class Formulation(Protocol):
    """How intents and slots are mapped to outputs of a head."""

    def labels(self, meanings: Sequence[Semantics]) -> list[str]:
        """Names of the outputs that training data with these intents and slots needs."""

    def targets(self, cuts: Sequence[Cut], labels: Sequence[str], read: ReadSemantics) -> Targets:
        """The targets that batches carry."""

    def head(self, labels: Sequence[str]) -> dict[str, object]:
        """Config of the head."""

    def objective(self, model: TaskNetwork, labels: Sequence[str], loss: IntentLoss) -> Objective:
        """The loss."""

    def distillation_loss(self, student: TaskNetwork, teacher: TaskNetwork, temperature: float) -> DistillationLoss:
        """The distance between the outputs of student and teacher."""

    def unknown(self, meaning: Semantics, labels: Sequence[str]) -> list[str]:
        """The intents and slots that no output can express."""


class ClassFormulation:
    """A pooling head and one linear map, whose outputs are the concatenated answers to all questions.

    Args:
        chosen: the pooling head.
        intents, slots: the questions; ``all`` for every type of slot in the training data.
    """

    def __init__(self, chosen: IntentHead, intents: Sequence[str], slots: Sequence[str] | Literal["all"]):
        self.chosen, self.intents, self.slots = chosen, intents, slots

    def labels(self, meanings: Sequence[Semantics]) -> list[str]:
        types = sorted({kind for each in meanings for kind, _ in each.slots}) if self.slots == "all" else self.slots
        questions = SLUClasses.from_semantics(meanings, self.intents, types)
        if all(len(answers) < 2 for answers in questions.classes.values()):
            classes = ", ".join(questions.labels[:5])
            raise DataError(
                f"intents: every utterance of the training data means the same ({classes}); give it at least two intents"
            )
        return questions.labels

    def targets(self, cuts: Sequence[Cut], labels: Sequence[str], read: ReadSemantics) -> SLUTargets:
        questions = SLUClasses(labels)
        return SLUTargets(cuts, questions.classes, lambda cut: questions.answers(read(cut)))

    def head(self, labels: Sequence[str]) -> dict[str, object]:
        return {"kind": "classifier", "embedding": chosen_config(self.chosen), "classes": len(labels)}

    def objective(self, model: TaskNetwork, labels: Sequence[str], loss: IntentLoss) -> Objective:
        return ClassObjective(labels, loss)

    def distillation_loss(self, student: TaskNetwork, teacher: TaskNetwork, temperature: float) -> DistillationLoss:
        questions = SLUClasses(student.config.labels or ())
        return ClassDistillationLoss(temperature, [len(answers) for answers in questions.classes.values()])

    def unknown(self, meaning: Semantics, labels: Sequence[str]) -> list[str]:
        questions = SLUClasses(labels)
        return [f"{q}={a}" for q, a in questions.answers(meaning).items() if a not in questions.classes[q]]


class SequenceFormulation:
    """CTC or a transducer over intents, slots and the letters of fillers.

    Args:
        chosen: the head.
    """

    def __init__(self, chosen: IntentHead):
        self.chosen = chosen

    def labels(self, meanings: Sequence[Semantics]) -> list[str]:
        return SemanticVocabulary.from_semantics(meanings).labels

    def targets(self, cuts: Sequence[Cut], labels: Sequence[str], read: ReadSemantics) -> Tokens:
        vocabulary = SemanticVocabulary(labels)

        def encode(cut: Cut) -> list[int]:
            try:
                return vocabulary.encode(read(cut))
            except DataError as error:
                raise DataError(f"cut {cut.id}: {error}") from None

        return Tokens(cuts, encode)

    def head(self, labels: Sequence[str]) -> dict[str, object]:
        return {**chosen_config(self.chosen), "outputs": len(labels)}

    def objective(self, model: TaskNetwork, labels: Sequence[str], loss: IntentLoss) -> Objective:
        return sequence_objective(model, labels, loss.sequence)

    def distillation_loss(self, student: TaskNetwork, teacher: TaskNetwork, temperature: float) -> DistillationLoss:
        return sequence_distillation_loss(student, teacher, temperature)

    def unknown(self, meaning: Semantics, labels: Sequence[str]) -> list[str]:
        marks = [f"{name}={what}" for name, what in meaning.intents.items()]
        return [mark for mark in marks if mark not in labels]


class ClassObjective(Objective):
    """Cross-entropy of every question."""

    def __init__(self, labels: Sequence[str], options: IntentLoss):
        super().__init__(labels)
        self.questions = SLUClasses(labels)
        self.options = options

    def forward(self, output: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "labels" not in batch:
            raise DataError("intents: this data has no labels; set the weight of the task loss to 0")
        pairs = list(zip(self.questions.split(output.float()).values(), batch["labels"].unbind(1), strict=True))
        losses = [F.cross_entropy(*pair, label_smoothing=self.options.smoothing) for pair in pairs]
        right = [(logits.argmax(-1) == answer).float().mean() for logits, answer in pairs]
        total = sum(losses[1:], start=losses[0])
        if self.options.questions == "mean":
            total = total / len(losses)
        return total, {"accuracy": sum(right[1:], start=right[0]) / len(right)}
