"""Speaker diarization: who spoke when? The local model is trained here; a verification model clusters its speakers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field
from torch import Tensor

from ..data.batches.batches import Batch
from ..data.batches.speaker_activity import SpeakerActivity, turns_of_cut
from ..diarization.loss import powerset_loss
from ..diarization.models import SegmentationModel
from ..diarization.powerset import Powerset
from ..distillation.logits import DistillationLoss, FrameDistillationLoss
from ..encoder.config import EncoderConfig
from ..encoder.evaluation_mode import evaluating
from ..errors import DataError
from ..heads.framewise.powerset_head import PowersetHead
from ..models.task_config import TaskConfig
from ..models.task_network import TaskNetwork
from ..options import Options
from ..text.plain_data import PlainData, number_in, table_in
from .head_options import ConstructorOptions, with_options_of
from .scoring.diarization_scores import DecisionOptions, local_score, numbers_of, recording_score
from .task import EvaluationData, Objective

if TYPE_CHECKING:
    from lhotse.cut import Cut

_SLACK = 2
"""Frames by which an encoder's count may differ from that of 25 ms windows every 20 ms (a filterbank's window is longer)."""


@with_options_of(PowersetHead)
class PowersetOptions(ConstructorOptions):
    """The recipe section of the head."""

    speakers: int
    at_once: int


class NoOptions(Options):
    """Options of the loss, which has none."""


class Diarization(Options):
    """Powerset classes of a few local speakers, with a permutation-invariant loss (2310.13025, 2505.24111).

    Args:
        head: see `PowersetHead`.
        loss: a section without options.
        decisions: how evaluation makes and scores decisions; see `DecisionOptions`.
        draws: number of bootstrap draws for confidence intervals.
    """

    metric: ClassVar[str] = "der"
    better: ClassVar[Literal["lower", "higher"]] = "lower"
    scored_on_trials: ClassVar[bool] = False
    min_speakers: ClassVar[int] = 0
    whole_utterances: ClassVar[bool] = False

    head: PowersetOptions = PowersetOptions.model_validate({})
    loss: NoOptions = NoOptions()
    decisions: DecisionOptions = DecisionOptions()
    draws: int = Field(1000, ge=1, le=100_000)

    @property
    def powerset(self) -> Powerset:
        return Powerset(self.head.speakers, self.head.at_once)

    def labels(self, cuts: Sequence[Cut]) -> list[str]:
        """The classes: ``nobody``, ``1``, ``2``, ..., ``1+2``, ...

        Raises:
            DataError: turns without a speaker, or no speech at all.
        """
        if not any([turns_of_cut(cut) for cut in cuts]):
            raise DataError(f"diarization: nobody speaks in the {len(cuts)} recordings; they need turns (RTTM)")
        return self._names()

    def _names(self) -> list[str]:
        return ["+".join(str(k + 1) for k in each) or "nobody" for each in self.powerset.sets]

    def targets(self, cuts: Sequence[Cut], labels: Sequence[str]) -> SpeakerActivity:
        return SpeakerActivity(cuts, self.head.speakers)

    def config(self, encoder: EncoderConfig, train: Sequence[Cut] = ()) -> TaskConfig:
        head = {"kind": "powerset", **self.head.model_dump()}
        return TaskConfig(encoder=encoder, head=head, task="diarization", labels=self._names())

    def with_loss(self, changes: PlainData) -> Diarization:
        return self.model_copy(update={"loss": NoOptions.model_validate(dict(changes))})

    def objective(self, model: TaskNetwork, labels: Sequence[str]) -> DiarizationObjective:
        return DiarizationObjective(labels, self.powerset)

    def distillation_loss(self, student: TaskNetwork, teacher: TaskNetwork, temperature: float) -> DistillationLoss:
        return FrameDistillationLoss(temperature)

    def calibrate(self, model: TaskNetwork, train: Sequence[Cut]) -> None:
        """Do nothing: the decision is the class with the highest logit."""

    def check(self, test: EvaluationData) -> None:
        for cut in test.cuts:
            turns_of_cut(cut)
        self.decisions.embedder()

    def evaluate(self, model: TaskNetwork, test: EvaluationData) -> dict[str, object]:
        """Local DER, and with a verification model DER and JER of whole recordings.

        The local DER treats every window as a recording of its own and matches its speakers with the reference separately.
        It measures the local model alone, and models are chosen by it. 95 % intervals are bootstrapped over recordings.
        """
        with evaluating(model):
            score = local_score(model, test.cuts, self.decisions)
            results = numbers_of(score, [cut.id for cut in test.cuts], self.draws)
            results["protocol"] = f"local, windows of {self.decisions.window:g} s; {score.protocol}"
            if (embedder := self.decisions.embedder()) is not None:
                whole = recording_score(SegmentationModel(model), embedder, test.cuts, self.decisions)
                results["recordings"] = numbers_of(whole, [cut.id for cut in test.cuts], self.draws) | {
                    "jer": whole.jer,
                    "protocol": f"{len(whole.files)} recordings, step {self.decisions.step:g} s; {whole.protocol}",
                }
        return results

    def set_threshold(self, model: TaskNetwork, numbers: PlainData) -> None:
        """Do nothing: the task has no threshold."""

    def summary(self, numbers: PlainData) -> str:
        def rates(of: PlainData) -> str:
            der, miss, false_alarm, confusion = (
                100 * number_in(of, name) for name in ("der", "miss", "false_alarm", "confusion")
            )
            return f"DER {der:.2f} % (miss {miss:.2f}, false alarm {false_alarm:.2f}, confusion {confusion:.2f})"

        text = f"{rates(numbers)}; {numbers['protocol']}"
        if "recordings" in numbers:
            whole = table_in(numbers, "recordings")
            text = f"{rates(whole)}, JER {100 * number_in(whole, 'jer'):.2f} %; {whole['protocol']}; local {rates(numbers)}"
        return text


class DiarizationObjective(Objective):
    """The permutation-invariant powerset loss."""

    def __init__(self, labels: Sequence[str], powerset: Powerset):
        super().__init__(labels)
        self.powerset = powerset

    def forward(self, output: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "activity" not in batch:
            raise DataError("diarization: this data does not say who speaks when; set the weight of the task loss to 0")
        activity = batch["activity"].to(output.device)
        T = min(output.shape[1], activity.shape[1])
        if max(output.shape[1], activity.shape[1]) - T > _SLACK:
            raise DataError(
                f"diarization: the encoder makes {output.shape[1]} frames of {activity.shape[1]} of 20 ms; it needs"
                " an encoder with this step"
            )
        lengths = batch["frames"].to(output.device).clamp(max=T)
        loss, ordered = powerset_loss(self.powerset, output[:, :T], activity[:, :T], lengths)
        decided = self.powerset.decode(output[:, :T].detach()).to(ordered.dtype)
        inside = batch["waveform"].new_ones(len(activity), T).cumsum(1).to(output.device) <= lengths[:, None]
        spoken, detected, correct = ((each.sum(-1) * inside) for each in (ordered, decided, ordered * decided))
        errors = spoken.maximum(detected) - correct
        return loss, {"local_der": errors.sum() / spoken.sum().clamp(min=1)}
