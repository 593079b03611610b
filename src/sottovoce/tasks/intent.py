"""Spoken-language understanding: the intent and the slots of an utterance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from pydantic import Field, model_validator

from ..data.batches.batches import BatchLoader, EvaluationBatches
from ..data.batches.targets import Targets
from ..data.corpora.cuts import cut_field, cut_speaker
from ..decoding.slu.interpreter import slu_interpreter
from ..decoding.slu.slu_prediction import SLUPrediction
from ..distillation.logits import DistillationLoss
from ..encoder.checks.finite_outputs import finite_output
from ..encoder.config import EncoderConfig
from ..encoder.evaluation_mode import evaluating
from ..metrics.semantics import Fraction, Semantics, SemanticScore
from ..models.task_config import TaskConfig
from ..models.task_network import TaskNetwork
from ..options import Options
from ..text.plain_data import PlainData
from .recognition_heads import SEQUENCE_SECTIONS
from .slu_formulations import ClassFormulation, Formulation, IntentHead, IntentLoss, SequenceFormulation
from .slu_semantics import cut_semantics
from .task import EvaluationData, Objective, interval_fields, rate_text

if TYPE_CHECKING:
    from lhotse.cut import Cut


class Intent(Options):
    """Intents and slots: questions with one answer each, or (with the head ``ctc`` or ``transducer``) a sequence of labels.

    Args:
        head: a pooling head, which classifies, or ``ctc`` or ``transducer``, which spell out the slots.
        loss: options of the loss, see `IntentLoss`.
        intents: fields with the intent of an utterance; SLURP has ``intent`` (``<scenario>_<action>``), ``scenario`` and
            ``action``. The intent consists of all of them.
        slots: types of slots to fill, or ``all`` that the training data has. A field with the name of the type takes
            precedence over the list of slots.
        split: field by which results are broken down, such as the microphone in SLURP. Recordings may lack it.
        group_by: field whose values group recordings in the bootstrap if they have no speakers, such as the sentence.
        draws: number of bootstrap draws for confidence intervals.
    """

    metric: ClassVar[str] = "exact_match"
    better: ClassVar[Literal["lower", "higher"]] = "higher"
    scored_on_trials: ClassVar[bool] = False
    min_speakers: ClassVar[int] = 0
    whole_utterances: ClassVar[bool] = True

    head: IntentHead = IntentHead.model_validate({"pooled": {"width": 256, "fusion": {"sum": {}}}})
    loss: IntentLoss = IntentLoss()
    intents: list[str] = ["intent"]
    slots: list[str] | Literal["all"] = []
    split: str = "microphone"
    group_by: str = "slurp_id"
    draws: int = Field(1000, ge=1, le=100_000)

    @model_validator(mode="after")
    def _something_is_asked(self) -> Intent:
        if not self.intents and not self.slots:
            raise ValueError("intents, slots: at least one must be asked for")
        names = [*self.intents, *(() if self.slots == "all" else self.slots)]
        wrong = next((name for name in names if not name or "=" in name or names.count(name) > 1), None)
        if wrong is not None:
            raise ValueError(f"intents, slots: {wrong[:60]!r}: names must be different and without '='")
        try:
            self.loss.check(self.head)
        except ValueError as error:
            raise ValueError(f"loss.{error}") from None
        return self

    @property
    def form(self) -> Formulation:
        """How intents and slots are mapped to outputs of the head."""
        if self.head.kind in SEQUENCE_SECTIONS:
            return SequenceFormulation(self.head)
        return ClassFormulation(self.head, self.intents, self.slots)

    def meaning(self, cut: Cut) -> Semantics:
        """The intents and slots of a cut.

        Raises:
            DataError: the cut lacks them.
        """
        return cut_semantics(cut, self.intents, self.slots)

    def labels(self, cuts: Sequence[Cut]) -> list[str]:
        """Names of the outputs, from the training data alone.

        Raises:
            DataError: a cut without an intent or slots, or all cuts have the same ones.
        """
        return self.form.labels([self.meaning(cut) for cut in cuts])

    def targets(self, cuts: Sequence[Cut], labels: Sequence[str]) -> Targets:
        return self.form.targets(cuts, labels, self.meaning)

    def config(self, encoder: EncoderConfig, train: Sequence[Cut]) -> TaskConfig:
        labels = self.labels(train)
        return TaskConfig(encoder=encoder, head=self.form.head(labels), task="intent", labels=labels)

    def with_loss(self, changes: PlainData) -> Intent:
        loss = IntentLoss.model_validate({**self.loss.model_dump(), **changes})
        loss.check(self.head)
        return self.model_copy(update={"loss": loss})

    def objective(self, model: TaskNetwork, labels: Sequence[str]) -> Objective:
        return self.form.objective(model, labels, self.loss)

    def distillation_loss(self, student: TaskNetwork, teacher: TaskNetwork, temperature: float) -> DistillationLoss:
        return self.form.distillation_loss(student, teacher, temperature)

    def calibrate(self, model: TaskNetwork, train: Sequence[Cut]) -> None:
        """Do nothing: the decision is the most likely answer."""

    def check(self, test: EvaluationData) -> None:
        for cut in test.cuts:
            self.meaning(cut)
            self._drawn_with(cut)

    def evaluate(self, model: TaskNetwork, test: EvaluationData) -> dict[str, object]:
        """The results of `score` for the model's predictions on every recording."""
        found = {name: each.semantics for name, each in understand(model, test.cuts).items()}
        return self.score(test.cuts, found, model.config.labels or ())

    def score(self, cuts: Sequence[Cut], found: Mapping[str, Semantics], labels: Sequence[str]) -> dict[str, object]:
        """Exact match, accuracy of intents, F1 of slots and SLU-F1 over every recording, with 95 % intervals.

        A recording without a prediction counts as wrong. So do intents and slots that the training data lacks; the results
        list them.

        Args:
            cuts: the recordings.
            found: the prediction for each recording, by its id.
            labels: names of the outputs, from the training data.

        Raises:
            DataError: a recording without reference intents or slots.
        """
        gold = {cut.id: self.meaning(cut) for cut in cuts}
        groups = {cut.id: self._drawn_with(cut) for cut in cuts}
        score = SemanticScore(gold, found, groups)
        results: dict[str, object] = {"recordings": len(gold), **self._rates("exact_match", score.exact_match())}
        if self.intents:
            results |= self._rates("intent_accuracy", score.intent_accuracy())
        if len(self.intents) > 1:
            results["intent_accuracy_by_field"] = {f: score.intent_accuracy([f]).value for f in self.intents}
        if self.slots:
            results |= self._rates("slot_f1", score.slot_f1()) | self._rates("slu_f1", score.slu_f1())
        if self.slots and self.slots != "all":
            results |= self._rates("slot_accuracy", score.slot_accuracy(self.slots))
            results["slot_accuracy_by_slot"] = {kind: score.slot_accuracy([kind]).value for kind in self.slots}
        results |= self._by_split(cuts, gold, found)
        unknown = Counter(label for each in gold.values() for label in self.form.unknown(each, labels))
        results["unknown_to_training"] = dict(unknown)
        results["protocol"] = self._protocol(len(gold), groups, cuts, unknown)
        return results

    def _drawn_with(self, cut: Cut) -> str:
        return cut_speaker(cut) or cut_field(cut, self.group_by) or cut.id

    def _rates(self, name: str, rate: Fraction) -> dict[str, object]:
        interval = rate.interval(draws=self.draws)
        return {name: rate.value} if interval is None else interval_fields(name, interval)

    def _by_split(
        self, cuts: Sequence[Cut], gold: Mapping[str, Semantics], found: Mapping[str, Semantics]
    ) -> dict[str, object]:
        kinds = {cut.id: kind for cut in cuts if (kind := cut_field(cut, self.split)) is not None}
        parts = {}
        for kind in sorted(set(kinds.values())):
            names = [name for name in gold if kinds.get(name) == kind]
            score = SemanticScore({n: gold[n] for n in names}, {n: found[n] for n in names if n in found})
            part = {"recordings": len(names), "exact_match": score.exact_match().value}
            if self.intents:
                part["intent_accuracy"] = score.intent_accuracy().value
            if self.slots:
                part["slu_f1"] = score.slu_f1().value
            parts[kind] = part
        return {f"by_{self.split}": parts} if parts else {}

    def _protocol(
        self, recordings: int, groups: Mapping[str, str], cuts: Sequence[Cut], unknown: Mapping[str, int]
    ) -> str:
        counted = "speakers" if any(cut_speaker(cut) for cut in cuts) else "recordings"
        if counted == "recordings" and len(set(groups.values())) < recordings:
            counted = "sentences"
        text = f"all {recordings} recordings scored, 95 % interval over {len(set(groups.values()))} {counted}"
        if unknown:
            first = next(iter(unknown))
            text += f"; {sum(unknown.values())} labels are unknown to training and count as wrong, such as {first!r}"
        return text

    def set_threshold(self, model: TaskNetwork, numbers: PlainData) -> None:
        """Do nothing: the task has no threshold."""

    def summary(self, numbers: PlainData) -> str:
        parts = []
        for key, name in _RATE_NAMES.items():
            if key in numbers:
                parts.append(f"{name} {rate_text(numbers, key, 1)}")
        return f"{', '.join(parts)}; {numbers['protocol']}"


_RATE_NAMES = {
    "exact_match": "exact match",
    "intent_accuracy": "intent accuracy",
    "slot_accuracy": "slot accuracy",
    "slot_f1": "slot F1",
    "slu_f1": "SLU-F1",
}


@torch.no_grad()
def understand(model: TaskNetwork, cuts: Sequence[Cut]) -> dict[str, SLUPrediction]:
    """The predicted intents and slots of each cut, by its id. Cuts are batched by length, which does not change the results.

    Args:
        model: the model; it is in evaluation mode during the call.
        cuts: the utterances; they are loaded batch by batch.

    Raises:
        AudioError: a cut cannot be read.
        InferenceError: an output of the model is NaN or infinite.
    """
    with evaluating(model):
        reader = slu_interpreter(model)
        found: dict[str, SLUPrediction] = {}
        for batch in BatchLoader(EvaluationBatches(cuts, max_seconds=60.0)):
            made = model(batch["waveform"].to(model.device), batch["lengths"].to(model.device))
            finite_output(made.output, model, batch["ids"])
            predictions = reader.understand(made.output.float().cpu(), made.output_lengths.cpu())
            found |= dict(zip(batch["ids"], predictions, strict=True))
    return {cut.id: found[cut.id] for cut in cuts}
