"""Speech recognition by CTC or a transducer over characters or subwords."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

import torch
from pydantic import Field, field_validator, model_validator

from ..data.batches.batches import BatchLoader, EvaluationBatches
from ..data.batches.targets import Tokens
from ..decoding.text_decoders import TextSearch, text_decoder
from ..decoding.vocabulary import Vocabulary, characters_of, pieces_of
from ..distillation.logits import DistillationLoss
from ..encoder.checks.finite_outputs import finite_output
from ..encoder.config import EncoderConfig
from ..encoder.evaluation_mode import evaluating
from ..metrics.recognition import RecognitionScore, TextNormalizer, score_recognition
from ..models.task_config import TaskConfig
from ..models.task_network import TaskNetwork
from ..options import Options
from ..options.bounds import WIDEST
from ..text.plain_data import PlainData, number_in
from .objectives.sequence_objectives import sequence_distillation_loss, sequence_objective
from .recognition_heads import RecognitionHead, RecognitionLoss
from .task import EvaluationData, Objective, interval_fields, rate_text
from .transcripts import ALPHABET, spelling, transcript, warn_lost_characters

if TYPE_CHECKING:
    from lhotse.cut import Cut


class Recognition(Options):
    """CTC or a transducer over characters or subwords, scored by WER with confidence intervals over speakers.

    Args:
        head: ``ctc`` or ``transducer``.
        loss: options of the loss, see `RecognitionLoss`.
        subwords: size of a vocabulary of byte-pair subwords, including the blank; ``None`` for characters.
        alphabet: characters that are kept, besides the space, in transcripts and in both texts that are scored.
        lower: whether transcripts are converted to lower case.
        beam: width of the beam search in evaluations; ``None`` for a greedy search.
        alignments: number of alignments in the results, those with most errors.
        draws: number of bootstrap draws for confidence intervals.
    """

    metric: ClassVar[str] = "wer"
    better: ClassVar[Literal["lower", "higher"]] = "lower"
    scored_on_trials: ClassVar[bool] = False
    min_speakers: ClassVar[int] = 0
    whole_utterances: ClassVar[bool] = True

    head: RecognitionHead = RecognitionHead.model_validate({"ctc": {}})
    loss: RecognitionLoss = RecognitionLoss()
    subwords: int | None = Field(None, ge=3)
    alphabet: str = ALPHABET
    lower: bool = True
    beam: int | None = Field(None, ge=1, le=WIDEST)
    alignments: int = Field(5, ge=0)
    draws: int = Field(1000, ge=1, le=100_000)

    @field_validator("alphabet")
    @classmethod
    def _has_letters(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("the alphabet is empty or blank; list the letters that transcripts may have")
        return value

    @model_validator(mode="after")
    def _loss_fits_head(self) -> Recognition:
        try:
            self.loss.check(self.head)
        except ValueError as error:
            raise ValueError(f"loss: {error}") from None
        return self

    def normalizer(self) -> TextNormalizer:
        """The text normalization that is applied to all transcripts."""
        return spelling(self.alphabet, lower=self.lower)

    def labels(self, cuts: Sequence[Cut]) -> list[str]:
        """The vocabulary of the training transcripts, the blank first.

        Raises:
            DataError: a cut whose transcript is missing or empty after normalization, or fewer subwords than characters.
        """
        normalizer = self.normalizer()
        texts = [transcript(cut, normalizer) for cut in cuts]
        warn_lost_characters(cuts, self.alphabet, lower=self.lower)
        return characters_of(texts) if self.subwords is None else pieces_of(texts, self.subwords)

    def targets(self, cuts: Sequence[Cut], labels: Sequence[str]) -> Tokens:
        normalizer, vocabulary = self.normalizer(), Vocabulary(labels)
        return Tokens(cuts, lambda cut: vocabulary.encode(transcript(cut, normalizer)))

    def config(self, encoder: EncoderConfig, train: Sequence[Cut]) -> TaskConfig:
        labels = self.labels(train)
        head = {"kind": self.head.kind, **self.head.options.model_dump(), "outputs": len(labels)}
        return TaskConfig(encoder=encoder, head=head, task="recognition", labels=labels)

    def with_loss(self, changes: PlainData) -> Recognition:
        loss = RecognitionLoss.model_validate({**self.loss.model_dump(), **changes})
        loss.check(self.head)
        return self.model_copy(update={"loss": loss})

    def objective(self, model: TaskNetwork, labels: Sequence[str]) -> Objective:
        return sequence_objective(model, labels, self.loss)

    def distillation_loss(self, student: TaskNetwork, teacher: TaskNetwork, temperature: float) -> DistillationLoss:
        return sequence_distillation_loss(student, teacher, temperature)

    def calibrate(self, model: TaskNetwork, train: Sequence[Cut]) -> None:
        """Do nothing: the search needs only the weights."""

    def references(self, cuts: Sequence[Cut]) -> dict[str, str]:
        """The normalized reference transcript of each cut, by its id.

        Raises:
            DataError: a cut whose transcript is missing or empty after normalization.
        """
        normalizer = self.normalizer()
        return {cut.id: transcript(cut, normalizer) for cut in cuts}

    def check(self, test: EvaluationData) -> None:
        self.references(test.cuts)

    def evaluate(self, model: TaskNetwork, test: EvaluationData) -> dict[str, object]:
        """WER and CER over all data, with 95 % intervals over speakers, or over utterances if one has no speaker."""
        normalizer = self.normalizer()
        references = self.references(test.cuts)
        recognizer = text_decoder(model, beam=self.beam)
        found = recognize(model, test.cuts, recognizer)
        words = score_recognition(references, found, normalizer=normalizer)
        letters = score_recognition(references, found, unit="character", normalizer=normalizer)
        speakers = {cut.id: speaker for cut in test.cuts if (speaker := _only_speaker(cut)) is not None}
        by_speaker = len(speakers) == len(test.cuts) and len(set(speakers.values())) > 1
        results: dict[str, object] = {
            "utterances": len(references),
            "words": words.total,
            "substitutions": words.substitutions,
            "deletions": words.deletions,
            "insertions": words.insertions,
            "normalizer": normalizer.name,
            "search": recognizer.name,
            "worst": [str(each) for each in words.worst(self.alignments) if each.errors],
        }
        for name, score in (("wer", words), ("cer", letters)):
            results |= self._rate(name, score, speakers if by_speaker else None)
        over = "utterances" if not by_speaker else f"{len(set(speakers.values()))} speakers"
        results["protocol"] = (
            f"{words.total:,} words in {len(references):,} utterances, {normalizer.name}, {recognizer.name}"
        ) + (f", 95 % interval over {over}" if "wer_interval" in results else "")
        return results

    def _rate(self, name: str, score: RecognitionScore, speakers: Mapping[str, str] | None) -> dict[str, object]:
        if len(score.utterances) < 2:
            return {name: score.rate}  # the bootstrap has nothing to draw from
        return interval_fields(name, score.interval(speakers, draws=self.draws))

    def set_threshold(self, model: TaskNetwork, numbers: PlainData) -> None:
        """Do nothing: the task has no threshold."""

    def summary(self, numbers: PlainData) -> str:
        counts = ", ".join(f"{numbers[k]} {k[:3]}" for k in ("substitutions", "deletions", "insertions"))
        text = f"WER {rate_text(numbers, 'wer')} ({counts}), CER {100 * number_in(numbers, 'cer'):.2f} %"
        return f"{text}; {numbers['protocol']}"


def _only_speaker(cut: Cut) -> str | None:
    found = {supervision.speaker for supervision in cut.supervisions}
    return found.pop() if len(found) == 1 else None


@torch.no_grad()
def recognize(model: TaskNetwork, cuts: Sequence[Cut], recognizer: TextSearch) -> dict[str, str]:
    """The recognized text of each cut, by its id. Cuts are batched by length, which does not change the results.

    Args:
        model: the model; it is in evaluation mode during the call.
        cuts: the utterances; they are loaded and decoded batch by batch.
        recognizer: the search that finds the text in the outputs.

    Raises:
        AudioError: a cut cannot be read.
        InferenceError: an output of the model is NaN or infinite.
    """
    with evaluating(model):
        found: dict[str, str] = {}
        for batch in BatchLoader(EvaluationBatches(cuts, max_seconds=60.0)):
            made = model(batch["waveform"].to(model.device), batch["lengths"].to(model.device))
            finite_output(made.output, model, batch["ids"])
            found |= dict(zip(batch["ids"], recognizer.texts(made.output, made.output_lengths), strict=True))
    return {cut.id: found[cut.id] for cut in cuts}
