"""Stock Transformers checkpoints as their own classes, which networks of sottovoce are compared with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..encoder.checks.finite import check_finite
from ..encoder.loading.model_files import model_type
from ..encoder.loading.pretrained import without_report
from ..models.loading import CLASSES, config_fields
from ..text.one_line import one_line_errors

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def load_stock(source: str | Path) -> PreTrainedModel | None:
    """A checkpoint as its stock Transformers class; ``None`` if it is in another format.

    Raises:
        CheckpointError: it is damaged, or of a class that Transformers does not know.
    """
    from transformers import AutoModel

    kind = model_type(config_fields(source))
    if kind is None or kind in CLASSES:
        return None
    with one_line_errors(str(source)), without_report():
        model: PreTrainedModel = AutoModel.from_pretrained(str(source)).eval()
        check_finite(model.state_dict(), str(source))
        return model
