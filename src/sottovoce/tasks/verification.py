"""Speaker verification: whether two utterances are of one speaker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from ..data.batches.targets import Classes
from ..data.corpora.cuts import cut_speaker
from ..distillation.logits import DistillationLoss, EmbeddingDistillationLoss
from ..encoder.config import EncoderConfig
from ..errors import DataError, DistillationError
from ..metrics.detection.equal_error_rate import eer, rocch_eer
from ..metrics.detection.error_tradeoff import det
from ..metrics.detection.log_likelihood_ratio_cost import cllr
from ..metrics.detection.trials import Trials
from ..metrics.intervals import Metric, bootstrap
from ..models.task_config import TaskConfig
from ..models.task_network import TaskNetwork
from ..options import Options
from ..text.plain_data import PlainData, number_in, table_in
from .head_options import EmbedderChoice, chosen_config
from .objectives.speaker_loss import SpeakerLoss, SpeakerObjective
from .scoring.cost_options import DetectionCost, cost_text, named_cost
from .scoring.embedding import embed_all, embed_segments
from .scoring.speaker_scoring import (
    Scoring,
    TrialScores,
    calibrated_scores,
    describe_scoring,
    fit_trial_calibration,
    reset_calibration,
    score,
    segments_of,
    set_calibration,
)
from .task import EvaluationData, interval_fields, rate_text

if TYPE_CHECKING:
    from lhotse.cut import Cut


class Verification(Options):
    """An embedding of each utterance, trained by classification of the training speakers and scored by the cosine.

    Args:
        head: the head that makes the embedding.
        loss: options of the loss.
        scoring: how trials are scored, see `Scoring`.
        cost: priors and costs of minDCF and actDCF.
        mean_utterances: maximum number of training utterances for the mean embedding that scoring subtracts.
        draws: number of bootstrap draws for confidence intervals.
    """

    metric: ClassVar[str] = "eer"
    better: ClassVar[Literal["lower", "higher"]] = "lower"
    scored_on_trials: ClassVar[bool] = True
    whole_utterances: ClassVar[bool] = False

    head: EmbedderChoice = EmbedderChoice.model_validate({"mhfa": {}})
    loss: SpeakerLoss = SpeakerLoss()
    scoring: Scoring = Scoring()
    cost: DetectionCost = DetectionCost()
    mean_utterances: int = Field(500, ge=2)
    draws: int = Field(1000, ge=1, le=100_000)

    @property
    def min_speakers(self) -> int:
        """Minimum number of training speakers."""
        return max(2, self.scoring.as_norm.top if self.scoring.as_norm is not None else 0)

    def labels(self, cuts: Sequence[Cut]) -> list[str]:
        """The training speakers, in alphabetical order.

        Raises:
            DataError: a cut without a speaker, or fewer than two speakers.
        """
        found = set()
        for cut in cuts:
            if (speaker := cut_speaker(cut)) is None:
                raise DataError(f"cut {cut.id}: has no speaker; verification learns from labeled speech")
            found.add(speaker)
        if len(found) < 2:
            raise DataError(f"verification: the training data has {len(found)} speaker; at least 2 are needed")
        return sorted(found)

    def targets(self, cuts: Sequence[Cut], labels: Sequence[str]) -> Classes:
        return Classes(cuts, labels)

    def config(self, encoder: EncoderConfig, train: Sequence[Cut] = ()) -> TaskConfig:
        speakers = len({cut_speaker(cut) for cut in train})
        return TaskConfig(
            encoder=encoder,
            head=chosen_config(self.head),
            scoring="cosine",
            scoring_options=self.scoring.config(speakers),
            task="verification",
        )

    def with_loss(self, changes: PlainData) -> Verification:
        return self.model_copy(update={"loss": self.loss.changed(changes)})

    def objective(self, model: TaskNetwork, labels: Sequence[str]) -> SpeakerObjective:
        return SpeakerObjective(model.head.size, labels, self.loss)

    def distillation_loss(self, student: TaskNetwork, teacher: TaskNetwork, temperature: float) -> DistillationLoss:
        if temperature != 1:
            raise DistillationError("embeddings are compared by their cosine, which has no temperature; leave it out")
        return EmbeddingDistillationLoss()

    def calibrate(self, model: TaskNetwork, train: Sequence[Cut]) -> None:
        """Fit the scoring: the mean, on utterances spread evenly over the training data, then back-end and cohort."""
        chosen = [train[k] for k in evenly_spaced(len(train), self.mean_utterances)]
        if self.scoring.center:
            model.scoring.fit_mean(embed_all(model, chosen).to(model.device))
        else:
            model.scoring.mean.zero_()
        if self.scoring.needs_speakers:
            chosen = evenly_spaced_by_speaker(train, self.scoring.utterances)
            self.scoring.fit(model.scoring, embed_all(model, chosen), [str(cut_speaker(cut)) for cut in chosen])
        reset_calibration(model.scoring)

    def check(self, test: EvaluationData) -> None:
        _utterances(test.cuts, _trials(test))
        for cut in test.cuts:
            cut_speaker(cut)

    def scored(self, model: TaskNetwork, cuts: Sequence[Cut], trials: Trials) -> TrialScores:
        """Uncalibrated scores of all trials, and the quality measures that calibration needs.

        Raises:
            DataError: trials name utterances that are not among ``cuts``.
        """
        chosen = _utterances(cuts, trials)
        place = {cut.id: k for k, cut in enumerate(chosen)}
        left, right = (np.array([place[name] for name in side]) for side in (trials.left, trials.right))
        segments = segments_of(model.scoring)
        embeddings = embed_all(model, chosen) if segments is None else embed_segments(model, chosen, segments)
        return score(model.scoring, embeddings, [cut.duration for cut in chosen], left, right)

    def scores(self, model: TaskNetwork, cuts: Sequence[Cut], trials: Trials) -> NDArray[np.float64]:
        """Scores of all trials; log-likelihood ratios if the model is calibrated. Raises the same errors as `scored`."""
        return calibrated_scores(model.scoring, self.scored(model, cuts, trials))

    def evaluate(self, model: TaskNetwork, test: EvaluationData) -> dict[str, object]:
        """EER (interpolated, and on the convex hull of the ROC), minDCF and the DET curve; for calibrated models also
        actDCF and Cllr. 95 % intervals are bootstrapped by speaker if speakers are known.

        For a model that is still to be calibrated, the results also hold what `set_threshold` needs for that.
        """
        cuts, trials = test.cuts, _trials(test)
        scored = self.scored(model, cuts, trials)
        scores = calibrated_scores(model.scoring, scored)
        results: dict[str, object] = {"trials": len(trials), "targets": int(trials.targets.sum())}
        results["detection_cost"] = self.cost.model_dump()
        costs = self.cost.metrics(model.scoring.is_calibrated)
        metrics: dict[str, Metric] = {"eer": eer, "rocch_eer": rocch_eer} | costs
        decided = scores
        if model.scoring.calibration is not None:
            if model.scoring.is_calibrated:
                metrics["cllr"] = cllr
            else:
                found = fit_trial_calibration(scored, trials.targets, model.scoring.measures)
                results["calibration"] = {"slope": found.slope, "offset": found.offset, "measures": found.measures}
                decided = found.apply(scored.scores, scored.measures)
        results["threshold"] = equal_error_threshold(decided, trials.targets)
        speakers = {cut.id: cut_speaker(cut) for cut in cuts}
        left, right = ([speakers[name] for name in side] for side in (trials.left, trials.right))
        known = [s for s in (*left, *right) if s is not None]
        by_speaker = len(known) == 2 * len(trials) and len({a for a, t in zip(left, trials.targets) if t}) > 1  # noqa: B905
        for name, metric in metrics.items():
            if by_speaker:
                interval = bootstrap(metric, scores, trials.targets, left, right, draws=self.draws)  # type: ignore[arg-type]
                results |= interval_fields(name, interval)
            else:
                results[name] = metric(scores, trials.targets)
        curve = det(scores, trials.targets)
        results["det"] = {"miss": curve.miss.tolist(), "false_alarm": curve.false_alarm.tolist()}
        said = f"{len(trials):,} trials, {describe_scoring(model.scoring)}, {named_cost('min_dcf', results)}"
        results["protocol"] = said + (
            f", 95 % interval over {number_in(results, 'eer_interval', 'speakers')} speakers" if by_speaker else ""
        )
        return results

    def set_threshold(self, model: TaskNetwork, numbers: PlainData) -> None:
        """Calibrate on the development trials if the recipe asks for it, and set the threshold to their equal-error point."""
        model.scoring.threshold.fill_(number_in(numbers, "threshold"))
        if "calibration" in numbers:
            set_calibration(model.scoring, table_in(numbers, "calibration"))

    def summary(self, numbers: PlainData) -> str:
        hull = 100 * number_in(numbers, "rocch_eer")
        text = f"EER {rate_text(numbers, 'eer')}, on the ROC's hull {hull:.2f} %, {cost_text('min_dcf', numbers)}"
        if "cllr" in numbers:
            text += f", {cost_text('act_dcf', numbers)}, Cllr {number_in(numbers, 'cllr'):.3f} bits"
        return f"{text}, {numbers['trials']} trials"


def _trials(test: EvaluationData) -> Trials:
    """Raises: DataError: there are none."""
    if test.trials is None:
        raise DataError("verification is scored on trials; give the test data some")
    return test.trials


def _utterances(cuts: Sequence[Cut], trials: Trials) -> list[Cut]:
    """The cuts that trials name, in the order of their first appearance.

    Raises:
        DataError: trials name utterances that are not among ``cuts``.
    """
    known = {cut.id: cut for cut in cuts}
    names = trials.utterances()
    if absent := [name for name in names if name not in known]:
        raise DataError(f"trials: {len(absent)} utterances are not in the data, the first is {absent[0]!r}")
    return [known[name] for name in names]


def equal_error_threshold(scores: NDArray[np.float64], targets: NDArray[np.bool_]) -> float:
    """The score at which the rates of misses and false alarms are closest to each other."""
    order = np.sort(scores)
    misses = np.searchsorted(np.sort(scores[targets]), order) / targets.sum()
    alarms = 1 - np.searchsorted(np.sort(scores[~targets]), order) / (~targets).sum()
    return float(order[np.abs(misses - alarms).argmin()])


def evenly_spaced(count: int, maximum: int) -> list[int]:
    """At most ``maximum`` evenly spaced indices below ``count``."""
    return np.unique(np.linspace(0, count - 1, min(maximum, count)).round().astype(int)).tolist()


def evenly_spaced_by_speaker(cuts: Sequence[Cut], maximum: int) -> list[Cut]:
    """At most ``maximum`` utterances of each speaker, evenly spaced."""
    of: dict[str, list[Cut]] = {}
    for cut in cuts:
        of.setdefault(str(cut_speaker(cut)), []).append(cut)
    return [own[k] for own in of.values() for k in evenly_spaced(len(own), maximum)]
