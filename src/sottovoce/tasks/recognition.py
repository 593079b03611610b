"""Recognition: what was said, by CTC over characters or pieces of words."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from pydantic import Field, field_validator
from torch import Tensor
from torch.nn import functional as F

from ..data.batches import Batch, BatchLoader, EvaluationBatches
from ..data.targets import Tokens
from ..decoding.recogniser import Recogniser
from ..decoding.vocabulary import Vocabulary, characters_of, pieces_of
from ..encoder.config import EncoderConfig
from ..encoder.errors import DataError
from ..heads.ctc import BLANK
from ..heads.task_config import TaskConfig
from ..heads.task_model import TaskModel
from ..metrics.wer import Normaliser, RecognitionScore, score_recognition
from .options import Options
from .task import EvaluationData, Objective, plain
from .transcripts import ALPHABET, spelling, tell_lost, transcript

if TYPE_CHECKING:
    from lhotse.cut import Cut


class CTCHead(Options):
    """The head: `CTC`."""

    width: int | None = Field(256, ge=1, description="of the inner map; null for one linear map")
    fusion: Literal["sum", "last"] = "sum"
    dropout: float = Field(0.0, ge=0, lt=1)


class CTCLoss(Options):
    """The loss (Graves et al. 2006): mean over utterances, each ``per`` label of its own, or as a whole."""

    per: Literal["label", "utterance"] = "label"


class Recognition(Options):
    """CTC over characters, or over pieces of words; WER with an interval by speaker.

    Args:
        head, loss: see their classes.
        pieces: size of a vocabulary of byte-pair pieces, the blank included; ``None`` for characters.
        alphabet: characters that transcripts keep, besides the blank; on both sides of the scoring too.
        lower: transcripts are written in lower case.
        beam: of the prefix beam search in evaluations; ``None`` takes the best path.
        worst: how many alignments the results keep, those with most errors.
        draws: bootstrap draws of intervals.
    """

    metric: ClassVar[str] = "wer"
    better: ClassVar[Literal["lower", "higher"]] = "lower"
    scored_on_trials: ClassVar[bool] = False
    whole_utterances: ClassVar[bool] = True

    head: CTCHead = CTCHead()
    loss: CTCLoss = CTCLoss()
    pieces: int | None = Field(None, ge=3)
    alphabet: str = ALPHABET
    lower: bool = True
    beam: int | None = Field(None, ge=1)
    worst: int = Field(5, ge=0)
    draws: int = Field(1000, ge=1)

    @field_validator("alphabet")
    @classmethod
    def _has_letters(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("an alphabet has letters")
        return value

    def normaliser(self) -> Normaliser:
        """How transcripts are written before anything is done with them."""
        return spelling(self.alphabet, lower=self.lower)

    def labels(self, cuts: Sequence[Cut]) -> list[str]:
        """The vocabulary of the training transcripts, the blank first.

        Raises:
            DataError: a cut without a transcript, or nothing of it is left; or too few pieces for the characters.
        """
        normaliser = self.normaliser()
        texts = [transcript(cut, normaliser) for cut in cuts]
        tell_lost(cuts, self.alphabet, lower=self.lower)
        return characters_of(texts) if self.pieces is None else pieces_of(texts, self.pieces)

    def targets(self, cuts: Sequence[Cut], labels: Sequence[str]) -> Tokens:
        normaliser, vocabulary = self.normaliser(), Vocabulary(labels)
        return Tokens(cuts, lambda cut: vocabulary.encode(transcript(cut, normaliser)))

    def config(self, encoder: EncoderConfig, train: Sequence[Cut]) -> TaskConfig:
        labels = self.labels(train)
        head = {"kind": "ctc", **self.head.model_dump(), "outputs": len(labels)}
        return TaskConfig(encoder=encoder, head=head, task="recognition", labels=labels)

    def with_loss(self, changes: Mapping[str, Any]) -> Recognition:
        return self.model_copy(update={"loss": CTCLoss.model_validate({**self.loss.model_dump(), **changes})})

    def objective(self, model: TaskModel, labels: Sequence[str]) -> CTCObjective:
        return CTCObjective(labels, self.loss)

    def calibrate(self, model: TaskModel, train: Sequence[Cut]) -> None:
        """Nothing: the search needs no more than the weights."""

    def evaluate(self, model: TaskModel, test: EvaluationData) -> dict[str, Any]:
        """WER and CER over all of the data, with 95 % intervals over speakers, or utterances where one has no speaker."""
        normaliser = self.normaliser()
        references = {cut.id: transcript(cut, normaliser) for cut in test.cuts}
        recogniser = Recogniser(model.config.labels or (), beam=self.beam)
        found = recognise(model, test.cuts, recogniser)
        words = score_recognition(references, found, normaliser=normaliser)
        letters = score_recognition(references, found, unit="character", normaliser=normaliser)
        speakers = {cut.id: speaker for cut in test.cuts if (speaker := _only_speaker(cut)) is not None}
        by_speaker = len(speakers) == len(test.cuts) and len(set(speakers.values())) > 1
        results: dict[str, Any] = {
            "utterances": len(references),
            "words": words.total,
            "substitutions": words.substitutions,
            "deletions": words.deletions,
            "insertions": words.insertions,
            "normaliser": normaliser.name,
            "search": recogniser.name,
            "worst": [str(each) for each in words.worst(self.worst) if each.errors],
        }
        for name, score in (("wer", words), ("cer", letters)):
            results |= self._rate(name, score, speakers if by_speaker else None)
        over = "utterances" if not by_speaker else f"{len(set(speakers.values()))} speakers"
        results["protocol"] = (
            f"{words.total:,} words in {len(references):,} utterances, {normaliser.name}, {recogniser.name}"
        ) + (f", 95 % interval over {over}" if "wer_interval" in results else "")
        return results

    def _rate(self, name: str, score: RecognitionScore, speakers: Mapping[str, str] | None) -> dict[str, Any]:
        if len(score.utterances) < 2:
            return {name: score.rate}  # nothing to draw from
        return plain(name, score.interval(speakers, draws=self.draws))

    def settle(self, model: TaskModel, numbers: Mapping[str, Any]) -> None:
        """Nothing: no threshold decides."""

    def told(self, numbers: Mapping[str, Any]) -> str:
        text = f"WER {100 * numbers['wer']:.2f} %"
        if "wer_interval" in numbers:
            text += f" [{100 * numbers['wer_interval']['low']:.2f}, {100 * numbers['wer_interval']['high']:.2f}]"
        counts = ", ".join(f"{numbers[k]} {k[:3]}" for k in ("substitutions", "deletions", "insertions"))
        return f"{text} ({counts}), CER {100 * numbers['cer']:.2f} %; {numbers['protocol']}"


class CTCObjective(Objective):
    """CTC; an utterance with fewer frames than its labels need adds nothing, and the first of them is told."""

    def __init__(self, labels: Sequence[str], options: CTCLoss):
        super().__init__(labels)
        self.per = options.per
        self._told = False

    def forward(self, output: Tensor, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        if "tokens" not in batch:
            raise DataError("recognition: this data has no transcripts; set the weight of the task loss to 0")
        tokens, token_lengths, frames = batch["tokens"], batch["token_lengths"], batch["frames"]
        # In float32 whatever the autocast: probabilities of whole utterances are far out of bfloat16's reach.
        log_probs = output.float().log_softmax(-1).transpose(0, 1)
        each = F.ctc_loss(log_probs, tokens, frames, token_lengths, BLANK, "none", zero_infinity=True)
        loss = (each / token_lengths.clamp(min=1) if self.per == "label" else each).mean()
        # Equal labels side by side need a blank between them.
        needed = token_lengths + ((tokens[:, 1:] == tokens[:, :-1]) & (tokens[:, 1:] != BLANK)).sum(1)
        short = needed > frames
        if not self._told and bool(short.any()):
            self._tell(batch, needed, short)
        return loss, {"too_long": short.float().mean()}

    def _tell(self, batch: Batch, needed: Tensor, short: Tensor) -> None:
        self._told = True
        k = int(short.nonzero()[0])
        warnings.warn(
            f"recognition: {batch['ids'][k]} has {int(batch['frames'][k])} frames, its transcript needs {int(needed[k])};"
            " such utterances add nothing to the loss (told once; the log counts them as task/too_long)",
            stacklevel=2,
        )


def _only_speaker(cut: Cut) -> str | None:
    found = {supervision.speaker for supervision in cut.supervisions}
    return found.pop() if len(found) == 1 else None


@torch.no_grad()
def recognise(model: TaskModel, cuts: Sequence[Cut], recogniser: Recogniser) -> dict[str, str]:
    """What is said in each cut, by its id; batched by length, each what it would be alone.

    Args:
        model: it is put into evaluation mode for the time being.
        cuts: they are loaded and decoded batch by batch.
        recogniser: the search.
    """
    was_training = model.training
    model.eval()
    found: dict[str, str] = {}
    for batch in BatchLoader(EvaluationBatches(cuts, max_seconds=60.0)):
        made = model(batch["waveform"].to(model.device), batch["lengths"].to(model.device))
        found |= dict(zip(batch["ids"], recogniser.texts(made.output.float().cpu(), made.lengths.cpu()), strict=True))
    model.train(was_training)
    return {cut.id: found[cut.id] for cut in cuts}
