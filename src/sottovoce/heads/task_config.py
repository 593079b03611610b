"""The config of a task model: the encoder's config, and what stands on top of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import PreTrainedConfig

from ..encoder.config import EncoderConfig
from ..encoder.errors import CheckpointError
from .catalogue import HEADS

SCORINGS = (None, "cosine", "llr")


class TaskConfig(PreTrainedConfig):
    """An encoder, a head, and what they were trained for.

    Args:
        encoder: config of the encoder, as an object or as plain data.
        head: ``{"kind": "mhfa", ...}``: which head, and its options.
        scoring: what makes decisions of outputs: ``cosine`` of two, ``llr`` (a calibrated likelihood ratio) of one, or
            ``None``.
        task: what it was trained for: ``verification``, ``spoofing``, ``recognition``, ``diarization``, ``intent``.
        labels: names of the outputs, where outputs are classes; of a ``ctc`` head they are the vocabulary, the blank
            first, in the order that makes it a tokenizer.

    Raises:
        CheckpointError: an unknown head or scoring, or a ctc head with another number of outputs than labels.
    """

    model_type = "sottovoce_task"
    sub_configs = {"encoder": EncoderConfig}

    def __init__(
        self,
        encoder: EncoderConfig | Mapping[str, Any] | None = None,
        head: Mapping[str, Any] | None = None,
        scoring: str | None = None,
        task: str = "",
        labels: Sequence[str] | None = None,
        **kwargs: Any,
    ):
        if encoder is None:
            encoder = EncoderConfig()
        self.encoder = encoder if isinstance(encoder, EncoderConfig) else EncoderConfig.from_dict(dict(encoder))
        self.head = dict(head) if head is not None else {"kind": "mhfa"}
        self.scoring = scoring
        self.task = task
        self.labels = list(labels) if labels is not None else None
        if self.head.get("kind") not in HEADS:
            raise CheckpointError(f"config: the head is {self.head.get('kind')!r}; it can be {', '.join(HEADS)}")
        if self.head["kind"] == "ctc" and self.head.get("outputs") != len(self.labels or ()):
            raise CheckpointError(
                f"config: the ctc head has {self.head.get('outputs')} outputs and there are {len(self.labels or ())} labels"
            )
        if scoring not in SCORINGS:
            raise CheckpointError(f"config: scoring is {scoring!r}; it can be cosine, llr or null")
        super().__init__(**kwargs)

    def with_encoder(self, encoder: EncoderConfig) -> TaskConfig:
        """A copy with another encoder."""
        fields = self.to_dict()
        fields["encoder"] = encoder.to_dict()
        return type(self).from_dict(fields)
