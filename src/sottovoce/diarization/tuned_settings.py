"""The settings of the pipeline that a released diarization model brings along, and what a user changes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ..encoder.checks.finite_outputs import called
from ..errors import DataError
from ..models.task_network import TaskNetwork
from .ahc import AHCOptions
from .pipeline import DiarizationSettings
from .plda import PLDA
from .plda_files import read_plda
from .speaker_count import SpeakerCount
from .vbx import VBxOptions


@dataclass(frozen=True)
class Changes:
    """What a user sets; ``None`` leaves a setting as the model has it, or else at its default.

    Args:
        window, step, exclusive: see `DiarizationSettings`.
        threshold, linkage: see `AHCOptions`. A linkage without a PLDA means agglomerative clustering alone.
        plda: file or folder of a PLDA, see `read_plda`; embeddings are then clustered by VBx.
        fa, fb, loop: see `VBxOptions`.
    """

    window: float | None = None
    step: float | None = None
    threshold: float | None = None
    linkage: str | None = None
    plda: str | Path | None = None
    fa: float | None = None
    fb: float | None = None
    loop: float | None = None
    exclusive: bool = False


def model_settings(model: TaskNetwork, changes: Changes | None = None) -> DiarizationSettings:
    """The settings of the pipeline for a model.

    Args:
        model: a diarization model.
        changes: what the user sets.

    Raises:
        DataError: a value is out of its range, a constant of VBx without a PLDA, or the model is clustered by VBx and its
            PLDA is not beside it.
    """
    changes = changes or Changes()
    brought: Mapping[str, object] = model.config.pipeline_settings or {}
    given = {name: value for name, value in vars(changes).items() if value is not None}
    values = {**brought, **given}
    plda = _plda(model, changes, "fa" in brought)
    if plda is None and (constant := next((name for name in ("fa", "fb", "loop") if name in given), None)) is not None:
        raise DataError(f"--{constant} is an option of VBx, which needs --plda; sottovoce plda makes one")
    ahc = {name: values[name] for name in ("threshold", "linkage", "smallest") if name in values}
    vbx = {name: values[name] for name in ("fa", "fb", "loop", "rounds") if name in values}
    own = {name: values[name] for name in ("window", "step", "median", "batch", "alone", "exclusive") if name in values}
    if plda is not None and isinstance(size := brought.get("dimensions"), int):
        plda = plda.first(size)
    return DiarizationSettings(
        **own,
        ahc=AHCOptions(**ahc),
        vbx=None if plda is None else VBxOptions(**vbx),
        plda=plda,
    )


def speaker_bounds(model: TaskNetwork) -> SpeakerCount | None:
    """The least and largest number of speakers that a released model was tuned for; ``None`` for any other model."""
    brought: Mapping[str, object] = model.config.pipeline_settings or {}
    least, most = brought.get("least"), brought.get("most")
    if not isinstance(least, int) or not isinstance(most, int):
        return None
    return SpeakerCount(least, most)


def _plda(model: TaskNetwork, changes: Changes, clustered: bool) -> PLDA | None:
    """The PLDA that the user gives, or the one beside a model that is clustered by VBx."""
    if changes.plda is not None:
        return read_plda(changes.plda)
    if not clustered or changes.linkage is not None:
        return None
    place = Path(str(model.name_or_path))
    folder = place if place.is_dir() else place.parent
    if not (folder / "plda").is_dir():
        raise DataError(
            f"{called(model)}: its speakers are clustered by VBx with a PLDA, and there is no folder plda beside it; copy it"
            " there, or give --plda; --linkage centroid clusters without"
        )
    return read_plda(folder)
