"""Anti-spoofing: whether a recording is bona fide speech, or was made or changed by a machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from ..data.batches.batches import Batch
from ..data.batches.targets import Classes
from ..data.corpora.cuts import cut_field, cut_speaker
from ..distillation.logits import ClassDistillationLoss, DistillationLoss, ScoreDistillationLoss
from ..encoder.config import EncoderConfig
from ..errors import DataError
from ..metrics.detection.calibration import fit_calibration
from ..metrics.detection.log_likelihood_ratio_cost import cllr
from ..metrics.detection.spoofing import (
    C_FALSE_ALARM,
    C_MISS,
    P_SPOOF,
    breakdown,
    nearest_eer,
    spoof_act_dcf,
    spoof_min_dcf,
)
from ..metrics.intervals import bootstrap_groups
from ..models.llr_scoring import CLASSES, Score
from ..models.task_config import TaskConfig
from ..models.task_network import TaskNetwork
from ..options import Options
from ..text.plain_data import PlainData, number_in
from .head_options import EmbedderChoice, chosen_config
from .scoring.cost_options import cost_text
from .scoring.embedding import outputs_of_all
from .task import EvaluationData, Objective, interval_fields

if TYPE_CHECKING:
    from lhotse.cut import Cut

SPOOF, BONAFIDE = CLASSES


class SpoofLoss(Options):
    """The loss.

    ``cross_entropy`` weights the two classes, since most corpora have many more spoofed recordings. ``one_class`` (Zhang et
    al. 2021) pulls bona fide speech toward one direction and pushes everything else away from it, which generalizes better
    to unseen attacks.
    """

    kind: Literal["cross_entropy", "one_class"] = "cross_entropy"
    bonafide_weight: float = Field(1.0, gt=0, description="of a bona fide recording against a spoofed one")
    margin_bonafide: float = Field(0.9, gt=-1, le=1, description="least cosine of bona fide speech")
    margin_spoof: float = Field(0.2, ge=-1, lt=1, description="largest cosine of anything else")
    scale: float = Field(20.0, gt=0)

    @property
    def middle(self) -> float:
        """The cosine halfway between the two margins."""
        return (self.margin_bonafide + self.margin_spoof) / 2


class Spoofing(Options):
    """An embedding of each recording and two classes. Scores are calibrated log-likelihood ratios, higher for bona fide.

    Args:
        head, loss: options of the head and of the loss.
        score: the score of a recording before it is calibrated: the ``difference`` of both logits, or that of ``bonafide``
            speech alone, as of the published AASIST. A model with one output has no choice.
        label: field of a recording with the value ``bonafide`` or ``spoof``.
        attack, codec: fields by which results are broken down. Recordings may lack them.
        draws: number of bootstrap draws for confidence intervals.
    """

    metric: ClassVar[str] = "min_dcf"
    better: ClassVar[Literal["lower", "higher"]] = "lower"
    scored_on_trials: ClassVar[bool] = False
    min_speakers: ClassVar[int] = 0
    whole_utterances: ClassVar[bool] = False

    head: EmbedderChoice = EmbedderChoice.model_validate({"mhfa": {"heads": 32}})
    loss: SpoofLoss = SpoofLoss()
    score: Score = "difference"
    label: str = "label"
    attack: str = "attack"
    codec: str = "codec"
    draws: int = Field(1000, ge=1, le=100_000)

    def label_of(self, cut: Cut) -> str:
        """The label of a recording, ``bonafide`` or ``spoof``.

        Raises:
            DataError: the label is missing or has another value.
        """
        found = cut_field(cut, self.label)
        if found is None:
            raise DataError(f"cut {cut.id}: has no {self.label}; anti-spoofing is learned and scored with labels")
        if found not in (SPOOF, BONAFIDE):
            raise DataError(f"cut {cut.id}: its {self.label} is {found!r}; it can be {BONAFIDE} or {SPOOF}")
        return found

    def labels(self, cuts: Sequence[Cut]) -> list[str]:
        """The classes ``spoof`` and ``bonafide``, in this order.

        Raises:
            DataError: a recording without a label, or a class without recordings.
        """
        found = {self.label_of(cut) for cut in cuts}
        if len(found) < 2:
            raise DataError(f"anti-spoofing: all {len(cuts)} recordings are {found.pop()}; both kinds are needed")
        return [SPOOF, BONAFIDE]

    def targets(self, cuts: Sequence[Cut], labels: Sequence[str]) -> Classes:
        return Classes(cuts, labels, self.label_of)

    def config(self, encoder: EncoderConfig, train: Sequence[Cut] = ()) -> TaskConfig:
        angular = self.loss.kind == "one_class"
        head = {
            "kind": "classifier",
            "embedding": chosen_config(self.head),
            "classes": 1 if angular else 2,
            "angular": angular,
        }
        return TaskConfig(
            encoder=encoder,
            head=head,
            scoring="llr",
            scoring_options={"score": self.score},
            task="spoofing",
            labels=[SPOOF, BONAFIDE],
        )

    def with_loss(self, changes: PlainData) -> Spoofing:
        if changes.get("kind", self.loss.kind) != self.loss.kind:
            raise DataError("anti-spoofing: the kind of loss decides on the head, so it is the same in all stages")
        return self.model_copy(update={"loss": SpoofLoss.model_validate({**self.loss.model_dump(), **changes})})

    def objective(self, model: TaskNetwork, labels: Sequence[str]) -> SpoofObjective:
        return SpoofObjective(labels, self.loss)

    def distillation_loss(self, student: TaskNetwork, teacher: TaskNetwork, temperature: float) -> DistillationLoss:
        if self.loss.kind == "one_class":
            return ScoreDistillationLoss(temperature, self.loss.scale, self.loss.middle)
        return ClassDistillationLoss(temperature)

    def calibrate(self, model: TaskNetwork, train: Sequence[Cut]) -> None:
        """Remove the calibration of an earlier stage; the new one is fitted on development data, see `set_threshold`."""
        model.scoring.forget()

    def check(self, test: EvaluationData) -> None:
        self.labels(test.cuts)

    def evaluate(self, model: TaskNetwork, test: EvaluationData) -> dict[str, object]:
        """The metrics of ASVspoof 5 track 1, over all recordings and by attack and codec: minDCF, EER (nearest point), and for
        calibrated models actDCF and Cllr.

        95 % intervals are bootstrapped over speakers if recordings name them, and otherwise over recordings.

        Raises:
            DataError: a recording without a label, or a class without recordings.
        """
        kinds = np.array([self.label_of(cut) == BONAFIDE for cut in test.cuts])
        raw = model.scoring.scores(outputs_of_all(model, test.cuts)).double().numpy()
        slope, offset = model.scoring.slope.item(), model.scoring.offset.item()
        llrs = slope * raw + offset
        calibration = fit_calibration(raw, kinds)
        results: dict[str, object] = {
            "bonafide": int(kinds.sum()),
            "spoofed": int((~kinds).sum()),
            "detection_cost": {"p_target": 1 - P_SPOOF, "c_miss": C_MISS, "c_fa": C_FALSE_ALARM},
            "calibration": {"slope": calibration.slope, "offset": calibration.offset},
        }
        rates: dict[str, Callable[..., float]] = {"min_dcf": spoof_min_dcf, "nearest_eer": nearest_eer}
        calibrated = {"act_dcf": spoof_act_dcf, "cllr": cllr} if model.scoring.calibrated else {}
        groups = [cut_speaker(cut) or cut.id for cut in test.cuts]
        for name, metric in (rates | calibrated).items():
            results |= interval_fields(name, bootstrap_groups(metric, llrs, kinds, groups, draws=self.draws))
        attacks, codecs = ([cut_field(cut, field) or "-" for cut in test.cuts] for field in (self.attack, self.codec))
        if len(set(attacks)) > 1:
            for name, metric in rates.items():
                results[f"{name}_by_attack"] = breakdown(metric, llrs, kinds, attacks=attacks).attacks
        # There is no error rate for a codec whose recordings are all of one class.
        whole = np.array([len({k for k, c in zip(kinds, codecs, strict=True) if c == name}) == 2 for name in codecs])
        if len({c for c, both in zip(codecs, whole, strict=True) if both}) > 1:
            chosen = [c for c, both in zip(codecs, whole, strict=True) if both]
            for name, metric in rates.items():
                results[f"{name}_by_codec"] = breakdown(metric, llrs[whole], kinds[whole], codecs=chosen).codecs
        counted = "speakers" if any(cut_speaker(cut) for cut in test.cuts) else "recordings"
        results["protocol"] = (
            f"{results['bonafide']} bona fide and {results['spoofed']} spoofed, ASVspoof 5 track 1 costs,"
            f" 95 % interval over {number_in(results, 'min_dcf_interval', 'speakers')} {counted}"
        )
        return results

    def set_threshold(self, model: TaskNetwork, numbers: PlainData) -> None:
        """Set the calibration from an evaluation on development data."""
        model.scoring.fit(number_in(numbers, "calibration", "slope"), number_in(numbers, "calibration", "offset"))

    def summary(self, numbers: PlainData) -> str:
        rate = 100 * number_in(numbers, "nearest_eer")
        text = f"{cost_text('min_dcf', numbers)}, EER (nearest point) {rate:.2f} %"
        if "cllr" in numbers:
            text += f", {cost_text('act_dcf', numbers)}, Cllr {number_in(numbers, 'cllr'):.3f} bits"
        return f"{text}; {numbers['protocol']}"


class SpoofObjective(Objective):
    """Weighted cross-entropy, or one-class softmax (Zhang, Jiang, Duan 2021, arXiv 2010.13995)."""

    weights: Tensor

    def __init__(self, labels: Sequence[str], options: SpoofLoss):
        super().__init__(labels)
        self.options = options
        self.register_buffer("weights", torch.tensor([1.0, options.bonafide_weight]), persistent=False)

    def forward(self, output: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "labels" not in batch:
            raise DataError("anti-spoofing: this data has no labels; set the weight of the task loss to 0")
        labels, options = batch["labels"], self.options
        output = output.float()
        if options.kind == "cross_entropy":
            loss = F.cross_entropy(output, labels, weight=self.weights)
            return loss, {"accuracy": (output.argmax(1) == labels).float().mean()}
        cosine, real = output[:, 0], labels == 1
        short = torch.where(real, options.margin_bonafide - cosine, cosine - options.margin_spoof)
        each = F.softplus(options.scale * short) * self.weights[labels]
        return each.mean(), {"accuracy": ((cosine > options.middle) == real).float().mean()}
