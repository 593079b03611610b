"""How a diarization model is scored: window by window, and over whole recordings with a verification model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator, model_validator

from ...data.audio.frames import FRAME_STEP
from ...data.batches.speaker_activity import turns_of_cut
from ...data.corpora.cuts import load_cut
from ...data.corpora.rttm import Turn
from ...diarization.ahc import AHCOptions
from ...diarization.models import SegmentationModel, SpeakerEmbedder, embedding_model
from ...diarization.pipeline import DiarizationSettings, embed_speakers, reconstruct, segment
from ...diarization.plda_files import read_plda
from ...diarization.stitching import turns_from_frames
from ...diarization.vbx import VBxOptions
from ...diarization.windows import Wave
from ...metrics.diarization import DiarizationScore, ScoringProtocol, score_diarization
from ...metrics.ratio_intervals import bootstrap_ratio
from ...models.loading import load
from ...models.task_network import TaskNetwork
from ...options import Options
from ...quantities import SAMPLE_RATE
from ..task import interval_fields

if TYPE_CHECKING:
    from lhotse.cut import Cut

Region = tuple[float, float]


class VbxOptions(Options):
    """Constants of VBx clustering, see `VBxOptions`."""

    fa: float = Field(0.07, gt=0, description="scale of the evidence; smaller for fewer speakers")
    fb: float = Field(0.8, gt=0, description="scale of the prior on voices; larger for fewer speakers")
    loop: float = Field(0.0, ge=0, lt=1, description="probability of staying with a speaker; 0 for no order")


class DecisionOptions(Options):
    """How evaluation makes and scores decisions.

    Args:
        embedding: a speaker model, with which whole recordings are scored, too.
        plda: file with the PLDA of this speaker model (see ``sottovoce plda``); whole recordings are then clustered by VBx.
        vbx: constants of VBx, see `VBxOptions`.
        window, step: length of a window, and for whole recordings the time from one window to the next, in seconds.
        median: length of the median filter in frames.
        linkage, threshold: the distance of two clusters, and the distance from which on they are different speakers; see
            `AHCOptions`. VBx starts from these clusters.
        smallest: number of embeddings that a speaker has at least; see `AHCOptions`.
        collar: seconds before and after each boundary of the reference that are not scored.
        skip_overlap: whether overlapping speech is excluded from the score.
    """

    embedding: str | None = None
    plda: str | None = None
    vbx: VbxOptions = VbxOptions()
    window: float = Field(8.0, ge=0.1)
    step: float = Field(0.8, ge=0.02)
    median: int = Field(11, ge=1)
    linkage: Literal["average", "centroid"] = "average"
    threshold: float = Field(0.7, ge=0, le=2)
    smallest: int = Field(13, ge=1)
    collar: float = Field(0.0, ge=0)
    skip_overlap: bool = False

    @field_validator("median")
    @classmethod
    def _odd(cls, median: int) -> int:
        if median % 2 == 0:
            raise ValueError(f"the length of the median filter must be odd, not {median} frames; take {median + 1}")
        return median

    @model_validator(mode="after")
    def _speakers(self) -> DecisionOptions:
        if self.plda is not None and self.embedding is None:
            raise ValueError("plda: a PLDA belongs to a speaker model, and none is given; name the model as embedding")
        return self

    def settings(self) -> DiarizationSettings:
        """Settings of the diarization pipeline.

        Raises:
            DataError: the PLDA cannot be read, or the step is longer than the window.
        """
        plda = None if self.plda is None else read_plda(self.plda)
        return DiarizationSettings(
            window=self.window,
            step=self.step,
            median=self.median,
            ahc=AHCOptions(self.threshold, self.linkage, self.smallest),
            vbx=None if plda is None else VBxOptions(**self.vbx.model_dump()),
            plda=plda,
        )

    def embedder(self) -> SpeakerEmbedder | None:
        """The speaker model, if whole recordings are scored.

        Raises:
            CheckpointError: the speaker model cannot be loaded, or is for another task.
            DataError: the PLDA belongs to another speaker model.
        """
        if self.embedding is None:
            return None
        embedder = embedding_model(load(self.embedding, task="verification"))
        if (plda := self.settings().plda) is not None:
            plda.check(embedder.size)
        return embedder

    def protocol(self) -> ScoringProtocol:
        return ScoringProtocol(collar=self.collar, skip_overlap=self.skip_overlap)


def local_score(model: TaskNetwork, cuts: Sequence[Cut], options: DecisionOptions) -> DiarizationScore:
    """Errors of each window (named ``recording@seconds``) with its own matching of speakers. No time is scored twice."""
    local = SegmentationModel(model)
    settings = DiarizationSettings(window=options.window, step=options.window, median=options.median)
    reference: dict[str, list[Turn]] = {}
    system: dict[str, list[Turn]] = {}
    scored: dict[str, list[Region]] = {}
    for cut in cuts:
        turns, regions = turns_of_cut(cut), scored_regions(cut)
        found = segment(_blocks(cut), local, local.powerset, settings)
        before = 0.0
        for start, activity in zip(found.starts.tolist(), found.activity, strict=True):
            offset = start * FRAME_STEP / SAMPLE_RATE
            end = min(offset + options.window, cut.duration)
            name = f"{cut.id}@{offset:.2f}"
            names = [f"speaker{k}" for k in range(activity.shape[1])]
            inside = _clipped(regions, max(offset, before), end)
            before = end
            if not inside:
                continue
            scored[name] = inside
            reference[name] = [Turn(a, b, turn.speaker) for turn in turns for a, b in _clipped([turn[:2]], offset, end)]
            system[name] = [
                Turn(turn.start + offset, turn.end + offset, turn.speaker)
                for turn in turns_from_frames(activity, names, end - offset)
            ]
    return score_diarization(reference, system, scored, options.protocol())


def recording_score(
    local: SegmentationModel, embedder: SpeakerEmbedder, cuts: Sequence[Cut], options: DecisionOptions
) -> DiarizationScore:
    """Errors of the whole pipeline in each recording."""
    settings, protocol = options.settings(), options.protocol()
    return threshold_scores(local, embedder, cuts, settings, [options.threshold], protocol)[options.threshold]


def threshold_scores(
    local: SegmentationModel,
    embedder: SpeakerEmbedder,
    cuts: Sequence[Cut],
    settings: DiarizationSettings,
    thresholds: Sequence[float],
    protocol: ScoringProtocol | None = None,
) -> dict[float, DiarizationScore]:
    """Errors of the whole pipeline at each clustering threshold. The networks run once.

    Args:
        local, embedder: the local model and the speaker model.
        cuts: recordings with turns.
        settings: settings of the pipeline; their threshold is not used.
        thresholds: cosine distances, 0..2.
        protocol: collar and treatment of overlap.
    """
    at = {each: replace(settings, ahc=replace(settings.ahc, threshold=each)) for each in thresholds}
    system: dict[float, dict[str, list[Turn]]] = {each: {} for each in thresholds}
    for cut in cuts:
        decided = segment(_blocks(cut), local, local.powerset, settings)
        voices = embed_speakers(_blocks(cut), embedder, decided, settings)
        for threshold in thresholds:
            system[threshold][cut.id] = reconstruct(decided, voices, at[threshold])
    reference = {cut.id: turns_of_cut(cut) for cut in cuts}
    regions = {cut.id: scored_regions(cut) for cut in cuts}
    return {each: score_diarization(reference, system[each], regions, protocol) for each in thresholds}


def best_threshold(scores: Mapping[float, DiarizationScore]) -> float:
    """The threshold with the lowest DER; the middle one of several, which is most robust on other data."""
    lowest = min(score.der for score in scores.values())
    best = sorted(threshold for threshold, score in scores.items() if score.der == lowest)
    return best[len(best) // 2]


def numbers_of(score: DiarizationScore, recordings: Sequence[str], draws: int) -> dict[str, object]:
    """DER with its confidence interval over recordings, and its components."""
    results: dict[str, object] = {"der": score.der}
    errors, speech = (dict.fromkeys(recordings, 0.0) for _ in range(2))
    for file in score.files:
        name = file.name if file.name in errors else file.name.rpartition("@")[0]
        errors[name] += file.errors
        speech[name] += file.speech
    if len(recordings) > 1:
        results |= interval_fields("der", bootstrap_ratio(list(errors.values()), list(speech.values()), draws=draws))
    return results | {
        "miss": score.miss,
        "false_alarm": score.false_alarm,
        "confusion": score.confusion,
        "speech_seconds": score.speech,
    }


def scored_regions(cut: Cut) -> list[Region]:
    """The regions of the cut that are scored: its UEM if it has one, otherwise all of it."""
    regions = (cut.custom or {}).get("uem")
    return [(float(a), float(b)) for a, b in regions] if regions else [(0.0, cut.duration)]


def _clipped(regions: Sequence[Region], start: float, end: float) -> list[Region]:
    inside = [(max(a, start), min(b, end)) for a, b in regions]
    return [(a, b) for a, b in inside if a < b]


def _blocks(cut: Cut) -> Callable[[], list[Wave]]:
    return lambda: [load_cut(cut).numpy()]
