"""The config of a task model: the encoder's config, and what stands on top of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import PreTrainedConfig

from ..encoder.config import EncoderConfig, Shape
from ..encoder.errors import CheckpointError
from .catalogue import AUTO_CLASSES, HEADS

SCORINGS = (None, "cosine", "llr")


class TaskConfig(PreTrainedConfig):
    """An encoder, a head, and what they were trained for.

    Args:
        encoder: config of the encoder, as an object or as plain data.
        head: ``{"kind": "mhfa", ...}``: which head, and its options.
        scoring: what makes decisions of outputs: ``cosine`` of two, ``llr`` (a calibrated likelihood ratio) of one, or
            ``None``.
        scoring_options: of `CosineScoring`: what it has room for.
        task: what it was trained for: ``verification``, ``spoofing``, ``recognition``, ``diarization``,
            ``intent``; of stock models also ``classification`` and ``frame classification``.
        labels: names of the outputs, where outputs are classes; of a ``ctc`` or ``transducer`` head they are the
            vocabulary, the blank first, in the order that makes it a tokenizer.

    Raises:
        CheckpointError: an unknown head or scoring, or a head with another number of outputs than labels.
    """

    model_type = "sottovoce_task"
    sub_configs = {"encoder": EncoderConfig}

    def __init__(
        self,
        encoder: EncoderConfig | Mapping[str, Any] | None = None,
        head: Mapping[str, Any] | None = None,
        scoring: str | None = None,
        scoring_options: Mapping[str, Any] | None = None,
        task: str = "",
        labels: Sequence[str] | None = None,
        **kwargs: Any,
    ):
        if encoder is None:
            encoder = EncoderConfig()
        self.encoder = encoder if isinstance(encoder, EncoderConfig) else EncoderConfig.from_dict(dict(encoder))
        self.head = dict(head) if head is not None else {"kind": "mhfa"}
        self.scoring = scoring
        self.scoring_options = dict(scoring_options or {})
        self.task = task
        self.labels = list(labels) if labels is not None else None
        if self.head.get("kind") not in HEADS:
            raise CheckpointError(f"config: the head is {self.head.get('kind')!r}; it can be {', '.join(HEADS)}")
        outputs = self.head.get("outputs")
        if outputs is not None and outputs != len(self.labels or ()):
            raise CheckpointError(
                f"config: the {self.head['kind']} head has {outputs} outputs and there are {len(self.labels or ())} labels"
            )
        if scoring not in SCORINGS:
            raise CheckpointError(f"config: scoring is {scoring!r}; it can be cosine, llr or null")
        if self.labels is not None and all(isinstance(label, str) for label in self.labels):
            kwargs["id2label"] = dict(enumerate(self.labels))
            kwargs["label2id"] = {label: place for place, label in enumerate(self.labels)}
        super().__init__(**kwargs)

    @property
    def inputs_to_logits_ratio(self) -> int:
        """Samples from one frame of the output to the next; stock pipelines cut long audio by it."""
        return self.encoder.samples_per_frame * int(self.head.get("downsampling", 1))

    @property
    def auto_class(self) -> str | None:
        """The class of Transformers under which stock code looks for such a model; ``None`` where there is none."""
        return AUTO_CLASSES.get(self.head["kind"])

    def with_shapes(self, encoder: Shape, head: Shape) -> TaskConfig:
        """A copy with other shapes of encoder and head."""
        fields = self.to_dict()
        fields["encoder"] = self.encoder.with_shape(encoder).to_dict()
        if head:
            fields["head"] = {**self.head, "shape": head}
        return type(self).from_dict(fields)
