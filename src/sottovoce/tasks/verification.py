"""Speaker verification: did the same person say both?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from ..data.batches import Batch
from ..data.cuts import cut_speaker
from ..data.targets import Classes
from ..encoder.config import EncoderConfig
from ..encoder.errors import DataError
from ..heads.aam_softmax import AAMSoftmax
from ..heads.task_config import TaskConfig
from ..heads.task_model import TaskModel
from ..metrics.bootstrap import bootstrap
from ..metrics.dcf import min_dcf
from ..metrics.eer import eer
from ..metrics.trials import Trials
from .embedders import Embedder, head_config
from .embedding import embed
from .options import Options
from .task import EvaluationData, Objective, plain

if TYPE_CHECKING:
    from lhotse.cut import Cut


class Margin(Options):
    """The loss: AAM-softmax, see `AAMSoftmax`."""

    margin: float = Field(0.2, ge=0, lt=1.5, description="angular margin in radians")
    margin_ramp: int = Field(0, ge=0, description="steps over which the margin grows from 0")
    scale: float = Field(30.0, gt=0)
    centres: int = Field(1, ge=1, description="centres of each speaker")
    hardest: int = Field(0, ge=0, description="how many confusable speakers get a margin of their own")
    hardest_margin: float = Field(0.06, ge=0, lt=1.5)


class Verification(Options):
    """An embedding of each utterance, AAM-softmax over the training speakers, cosine scores.

    Args:
        head: what makes the embedding.
        loss: options of the loss.
        mean_of: at most so many training utterances give the mean that is taken away before scoring.
        draws: bootstrap draws of intervals.
    """

    metric: ClassVar[str] = "eer"
    better: ClassVar[Literal["lower", "higher"]] = "lower"
    scored_on_trials: ClassVar[bool] = True
    whole_utterances: ClassVar[bool] = False

    head: Embedder = Embedder(mhfa={})
    loss: Margin = Margin()
    mean_of: int = Field(500, ge=2)
    draws: int = Field(1000, ge=1)

    def labels(self, cuts: Sequence[Cut]) -> list[str]:
        """The training speakers, in alphabetical order.

        Raises:
            DataError: a cut without a speaker, or fewer than two speakers.
        """
        found = set()
        for cut in cuts:
            if (speaker := cut_speaker(cut)) is None:
                raise DataError(f"cut {cut.id}: has no speaker; verification learns from labelled speech")
            found.add(speaker)
        if len(found) < 2:
            raise DataError(f"verification: the training data has {len(found)} speaker; at least 2 are needed")
        return sorted(found)

    def targets(self, cuts: Sequence[Cut], labels: Sequence[str]) -> Classes:
        return Classes(cuts, labels)

    def config(self, encoder: EncoderConfig, train: Sequence[Cut] = ()) -> TaskConfig:
        return TaskConfig(encoder=encoder, head=head_config(self.head), scoring="cosine", task="verification")

    def with_loss(self, changes: Mapping[str, Any]) -> Verification:
        return self.model_copy(update={"loss": Margin.model_validate({**self.loss.model_dump(), **changes})})

    def objective(self, model: TaskModel, labels: Sequence[str]) -> SpeakerObjective:
        return SpeakerObjective(model.head.size, labels, self.loss)

    def calibrate(self, model: TaskModel, train: Sequence[Cut]) -> None:
        """Fit the mean that scoring takes away, on utterances spread evenly over the training data."""
        assert model.scoring is not None
        places = np.linspace(0, len(train) - 1, min(self.mean_of, len(train))).round().astype(int)
        chosen = [train[k] for k in np.unique(places)]
        model.scoring.fit_mean(torch.stack(list(embed(model, chosen).values())))

    def scores(self, model: TaskModel, cuts: Sequence[Cut], trials: Trials) -> NDArray[np.float64]:
        """Cosine scores of all trials.

        Raises:
            DataError: trials name utterances that are not among ``cuts``.
        """
        assert model.scoring is not None
        known = {cut.id: cut for cut in cuts}
        names = trials.utterances()
        if absent := [name for name in names if name not in known]:
            raise DataError(f"trials: {len(absent)} utterances are not in the data, the first is {absent[0]!r}")
        vectors = embed(model, [known[name] for name in names])
        place = {name: k for k, name in enumerate(names)}
        unit = model.scoring.centred(torch.stack([vectors[name] for name in names]).to(model.device)).double().cpu()
        left, right = ([place[name] for name in side] for side in (trials.left, trials.right))
        return (unit[left] * unit[right]).sum(-1).numpy()

    def evaluate(self, model: TaskModel, test: EvaluationData) -> dict[str, Any]:
        """EER and minDCF (p_target 0.01), with 95 % intervals bootstrapped by speaker where speakers are known."""
        cuts, trials = test.cuts, test.trials
        assert trials is not None  # the recipe was checked
        scores = self.scores(model, cuts, trials)
        results: dict[str, Any] = {
            "trials": len(trials),
            "targets": int(trials.targets.sum()),
            "threshold": equal_error_threshold(scores, trials.targets),
        }
        speakers = {cut.id: cut_speaker(cut) for cut in cuts}
        left, right = ([speakers[name] for name in side] for side in (trials.left, trials.right))
        known = [s for s in (*left, *right) if s is not None]
        by_speaker = len(known) == 2 * len(trials) and len({a for a, t in zip(left, trials.targets) if t}) > 1  # noqa: B905
        for name, metric in (("eer", eer), ("min_dcf", min_dcf)):
            if by_speaker:
                interval = bootstrap(metric, scores, trials.targets, left, right, draws=self.draws)  # type: ignore[arg-type]
                results |= plain(name, interval)
            else:
                results[name] = metric(scores, trials.targets)
        results["protocol"] = f"{len(trials):,} trials" + (
            f", 95 % interval over {results['eer_interval']['speakers']} speakers" if by_speaker else ""
        )
        return results

    def settle(self, model: TaskModel, numbers: Mapping[str, Any]) -> None:
        """Decide at the equal-error point of the development trials."""
        assert model.scoring is not None
        model.scoring.threshold.fill_(numbers["threshold"])

    def told(self, numbers: Mapping[str, Any]) -> str:
        text = f"EER {100 * numbers['eer']:.2f} %"
        if "eer_interval" in numbers:
            text += f" [{100 * numbers['eer_interval']['low']:.2f}, {100 * numbers['eer_interval']['high']:.2f}]"
        return f"{text}, minDCF {numbers['min_dcf']:.3f}, {numbers['trials']} trials"


class SpeakerObjective(Objective):
    """AAM-softmax whose margin grows with the steps."""

    def __init__(self, size: int, speakers: Sequence[str], options: Margin):
        super().__init__(speakers)
        self.ramp = options.margin_ramp
        self.loss = AAMSoftmax(size, len(speakers), **options.model_dump(exclude={"margin_ramp"}))

    def begin(self, step: int) -> None:
        self.loss.set_margin(min(step / self.ramp, 1.0) if self.ramp else 1.0)

    def forward(self, output: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "labels" not in batch:
            raise DataError("verification: this data has no speaker labels; set the weight of the task loss to 0")
        loss, accuracy = self.loss(output, batch["labels"])
        return loss, {"accuracy": accuracy}


def equal_error_threshold(scores: NDArray[np.float64], targets: NDArray[np.bool_]) -> float:
    """The score at which misses and false alarms are as nearly equal as they get."""
    order = np.sort(scores)
    misses = np.searchsorted(np.sort(scores[targets]), order) / targets.sum()
    alarms = 1 - np.searchsorted(np.sort(scores[~targets]), order) / (~targets).sum()
    return float(order[np.abs(misses - alarms).argmin()])
