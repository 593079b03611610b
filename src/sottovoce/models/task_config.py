"""The config of a task model: the config of its encoder, its head, and what its outputs mean."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

from ..encoder.checks.checked_config import CheckedConfig
from ..encoder.checks.values import TABLE, TEXT, TEXTS, check, one_of, or_none, several, short
from ..encoder.config import EncoderConfig, Shape
from ..errors import CheckpointError
from ..heads.framewise.frame_head import FrameHead
from ..heads.options import OptionValues
from ..heads.registry import HEADS
from ..text.plain_data import table_in
from .llr_scoring import CLASSES
from .spelling import check_spelling

RULES = {
    "head": or_none(TABLE),
    "scoring": one_of(None, "cosine", "llr"),
    "scoring_options": or_none(TABLE),
    "task": TEXT,
    "labels": or_none(several(TEXT, maximum=2**20)),
    "spelling": or_none(TEXTS),
    "aliases": or_none(TEXTS),
    "pipeline_settings": or_none(TABLE),
}


SCORINGS = {"verification": "cosine", "spoofing": "llr"}
"""Task -> the scoring that its models must have."""


class TaskConfig(CheckedConfig):
    """An encoder, a head, and what they were trained for.

    Args:
        encoder: config of the encoder, as an object or as plain data.
        head: the kind of the head and its options: ``{"kind": "mhfa", ...}``.
        scoring: how outputs become scores: ``cosine`` compares two embeddings, ``llr`` is the calibrated log-likelihood ratio
            of one output; ``None`` for other tasks.
        scoring_options: options of `CosineScoring` or `LLRScoring`.
        task: what the model was trained for: ``verification``, ``spoofing``, ``recognition``, ``diarization`` or
            ``intent``; for stock models also ``classification`` and ``frame classification``.
        labels: names of the outputs, if outputs are classes. With a ``ctc`` or ``transducer`` head they are the vocabulary,
            the blank first and pieces in the order in which they were learned. For an ``intent`` model with a
            ``classifier`` they are ``question=answer``, and the answers to one question follow each other.
        spelling: text of labels that differs from their names, see `sottovoce.models.spelling`.
        aliases: labels that are the same token as another, see `sottovoce.models.spelling`.
        pipeline_settings: what a released diarization model was tuned with, see `sottovoce.diarization.tuned_settings`.

    Raises:
        CheckpointError: a name that is unknown, a value of another type, an unknown head, a number of outputs that is not
            the number of labels, or a scoring or head that does not fit the task.
    """

    model_type = "sottovoce_task"
    optional = ("spelling", "aliases", "pipeline_settings")
    sub_configs = {"encoder": EncoderConfig}

    def __init__(
        self,
        encoder: EncoderConfig | Mapping[str, object] | None = None,
        head: OptionValues | None = None,
        scoring: str | None = None,
        scoring_options: OptionValues | None = None,
        task: str = "",
        labels: Sequence[str] | None = None,
        spelling: Mapping[str, str] | None = None,
        aliases: Mapping[str, str] | None = None,
        pipeline_settings: Mapping[str, object] | None = None,
        **kwargs: Any,
    ):
        check({name: value for name, value in locals().items() if name in RULES}, RULES)
        if encoder is None:
            encoder = EncoderConfig()
        if not isinstance(encoder, EncoderConfig | Mapping):
            raise CheckpointError(f"config: encoder is {short(encoder)}; it must be the table of an encoder's config")
        self.encoder = encoder if isinstance(encoder, EncoderConfig) else EncoderConfig.from_dict(dict(encoder))
        self.head: dict[str, Any] = dict(head) if head is not None else {"kind": "mhfa"}
        self.scoring = scoring
        self.scoring_options = dict(scoring_options or {})
        self.task = task
        self.labels = list(labels) if labels is not None else None
        self.spelling = dict(spelling) if spelling else None
        self.aliases = dict(aliases) if aliases else None
        self.pipeline_settings = dict(pipeline_settings) if pipeline_settings else None
        if not isinstance(self.head.get("kind"), str) or self.head["kind"] not in HEADS:
            raise CheckpointError(f"config: the head is {short(self.head.get('kind'))}; it can be {', '.join(HEADS)}")
        outputs = self.head.get("outputs")
        if outputs is not None and outputs != len(self.labels or ()):
            raise CheckpointError(
                f"config: the {self.head['kind']} head has {outputs} outputs and there are {len(self.labels or ())} labels"
            )
        if outputs is not None:
            for label, count in Counter(self.labels).items():
                if count > 1 or not label:
                    raise CheckpointError(f"config: labels: {short(label)} is empty or occurs twice")
        if task == "spoofing" and self.labels is not None and self.labels != list(CLASSES):
            raise CheckpointError(
                f"config: labels are {short(self.labels)}; those of a spoofing model are {', '.join(CLASSES)}"
            )
        if task == "recognition" and not issubclass(HEADS[self.head["kind"]], FrameHead):
            raise CheckpointError(
                f"config: the head is {self.head['kind']}; that of a model for recognition labels frames"
            )
        if scoring != SCORINGS.get(task, scoring):
            raise CheckpointError(
                f"config: scoring is {short(scoring)}; that of a model for {task} is {SCORINGS[task]}"
            )
        check_spelling(self.labels or (), self.spelling or {}, self.aliases or {})
        classes = self.labels if self.answers is None else self.answers
        if classes is not None:
            kwargs["id2label"] = dict(enumerate(classes))
            kwargs["label2id"] = {label: place for place, label in enumerate(classes)}
        super().__init__(**kwargs)

    @classmethod
    def changeable(cls) -> tuple[str, ...]:
        return (*cls.field_names(), *EncoderConfig.field_names())

    @classmethod
    def changed(cls, fields: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
        own = {name: value for name, value in changes.items() if name in cls.field_names()}
        of_encoder = {name: value for name, value in changes.items() if name not in own}
        merged = {**fields, **own}
        if of_encoder:
            encoder: Any = merged["encoder"]
            merged["encoder"] = {**(encoder if isinstance(encoder, Mapping) else encoder.to_dict()), **of_encoder}
        return merged

    @classmethod
    def from_file(cls, fields: Mapping[str, object], name: str) -> TaskConfig:
        config = super().from_file(fields, name)
        EncoderConfig.from_file(table_in(fields, "encoder"), f"{name}: encoder")
        return config

    @property
    def inputs_to_logits_ratio(self) -> int:
        """Samples from one frame of the output to the next. Stock pipelines cut long audio by it."""
        return self.encoder.samples_per_frame * int(self.head.get("downsampling", 1))

    @property
    def auto_class(self) -> str | None:
        """The auto class of Transformers for models with this head; ``None`` if there is none."""
        return HEADS[self.head["kind"]].auto_class

    @property
    def transcribes(self) -> bool:
        """Whether its labels are text, so that it is saved with a tokenizer."""
        return self.task == "recognition" and bool(self.labels)

    @property
    def pipeline(self) -> str | None:
        """The stock pipeline that runs it; ``None`` if there is none, as for sequences of labels that are no text."""
        if self.auto_class == "AutoModelForCTC" and not self.transcribes:
            return None
        return HEADS[self.head["kind"]].pipeline

    @property
    def answers(self) -> list[str] | None:
        """The answers to the first question of an intent model with a classifier, which is about the intent if there is one.

        Stock code knows one question for a model, so these answers are its classes, and its logits are the first outputs.
        ``None`` for all other models.
        """
        if self.task != "intent" or self.head["kind"] != "classifier" or not self.labels:
            return None
        pairs = [label.partition("=") for label in map(str, self.labels)]
        asked = [answer for _, _, answer in takewhile(lambda pair: pair[:2] == (pairs[0][0], "="), pairs)]
        return asked or None

    def with_shapes(self, encoder: Shape, head: Shape) -> TaskConfig:
        """A copy with other shapes of the encoder and the head."""
        fields = self.to_dict()
        fields["encoder"] = self.encoder.with_shape(encoder).to_dict()
        fields["head"] = {key: value for key, value in self.head.items() if key != "shape"}
        if head:
            fields["head"]["shape"] = head
        return type(self).from_dict(fields)
