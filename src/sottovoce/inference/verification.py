"""Speaker verification as a person uses it: embeddings of files, is this the same speaker, how good is the model."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..data.audio.channels import Channel, resolve_channel
from ..data.audio.file_search import audio_files
from ..data.audio.long_audio import speech_parts
from ..data.audio.reading import audio_shape
from ..data.audio.sources import name_of
from ..data.corpora.audio_check import refuse_missing
from ..data.corpora.cuts import make_cut, read_cuts
from ..encoder.checks.finite_outputs import finite_output, named
from ..errors import CheckpointError, DataError
from ..metrics.detection.trials import read_trials
from ..models.networks import load_network
from ..models.task_network import TaskNetwork
from ..tasks.scoring.speaker_scoring import calibrated, calibration_of, score
from ..tasks.task import EvaluationData
from ..tasks.verification import Verification
from .batch import Batch, FaultyRecording
from .inputs import LIST, Recording, beside, list_lines
from .inputs import recordings as find

if TYPE_CHECKING:
    from lhotse.cut import Cut


def load_verifier(source: str | Path) -> TaskNetwork:
    """A task model that compares speakers.

    Raises:
        CheckpointError: nothing there, damaged, or a model for something else.
    """
    model = load_network(source)
    if not isinstance(model, TaskNetwork) or model.config.scoring != "cosine":
        raise CheckpointError(
            f"{source}: this is no speaker model; fine-tune one with `sottovoce compress` and a verification recipe"
        )
    return model


def embed(
    model: TaskNetwork,
    recordings: str | Path | Iterable[str | Path],
    *,
    channel: Channel | None = None,
    skip_faulty: bool = False,
) -> dict[str, Tensor]:
    """Embeddings ``[E]`` of recordings, by name.

    Args:
        model: from `load_verifier`.
        recordings: audio files of any format, rate and length, folders of them, manifests of cuts and lists, see
            `sottovoce.inference.inputs`.
        channel: which one of files with several, counted from 0; ``"mix"`` for the mean of all.
        skip_faulty: leave out what cannot be heard; a warning says why of each.

    Raises:
        AudioError: a file that is missing, damaged, silent, too short, or has several channels and none is chosen.
        DataError: a list or manifest that cannot be read.
        InferenceError: the model gives NaN or infinity.
    """
    batch = Batch(find(recordings, channel=channel), check=Recording.seconds, skip_faulty=skip_faulty)

    def hear(item: Recording) -> Tensor:
        with item.file() as file:
            return embed_file(model, file, channel=item.channel)

    found = {item.name: vector for item, vector in batch.heard(hear)}
    for fault in batch.faults:
        warnings.warn(f"left out: {fault}", FaultyRecording, stacklevel=2)
    return found


@torch.no_grad()
def embed_file(model: TaskNetwork, file: str | Path, *, channel: Channel | None = None) -> Tensor:
    """The embedding ``[E]`` of a file; of one of more than a minute the mean over its parts (`speech_parts`).

    Raises:
        AudioError, InferenceError: see `embed`.
    """
    with named(name_of(file)):  # a head that needs several frames does not know of whom it speaks
        outputs = [model(part[None].to(model.device)).output[0] for part in speech_parts(file, channel=channel)]
        return finite_output(torch.stack(outputs).float().mean(0).cpu(), model)


@dataclass(frozen=True)
class Verdict:
    """Whether two utterances are of one speaker.

    Args:
        score: as the model's recipe has it: a cosine (-1..1), normalized against other speakers or not; or, of a
            calibrated model, a log-likelihood ratio.
        threshold: from which score on it is the same speaker; ``None`` where the model was never given development
            trials to find one.
        calibrated: whether the score is a log-likelihood ratio.
    """

    score: float
    threshold: float | None
    calibrated: bool = False

    @property
    def same(self) -> bool | None:
        return None if self.threshold is None else self.score >= self.threshold


def verify(model: TaskNetwork, a: str | Path, b: str | Path, *, channel: Channel | None = None) -> Verdict:
    """Compare two files; see `embed` for what is raised."""
    seconds = [samples / rate for samples, rate, _ in map(audio_shape, (a, b))]
    vectors = [embed_file(model, file, channel=channel) for file in (a, b)]
    return verdicts(model, vectors, seconds, [(0, 1)], names=[name_of(a), name_of(b)])[0]


def verdicts(
    model: TaskNetwork,
    vectors: Sequence[Tensor],
    seconds: Sequence[float],
    pairs: Sequence[tuple[int, int]],
    *,
    names: Sequence[str],
) -> list[Verdict]:
    """Compare utterances of which the embeddings are known.

    Args:
        model: that made the embeddings.
        vectors: ``N`` embeddings ``[E]``.
        seconds: lengths of the ``N`` utterances.
        pairs: numbers of the two utterances of each comparison.
        names: what errors call the ``N`` utterances.

    Raises:
        InferenceError: a score is NaN or infinite.
    """
    left, right = np.array(pairs).reshape(-1, 2).T
    scored = calibrated(
        model.scoring, score(model.scoring, torch.stack(list(vectors)), list(seconds), left, right, names=names)
    )
    told = finite_output(torch.from_numpy(np.asarray(scored)), model, [f"{names[a]} and {names[b]}" for a, b in pairs])
    threshold = model.scoring.threshold.item()
    known, fitted = None if math.isnan(threshold) else threshold, calibration_of(model.scoring) is not None
    return [Verdict(value, known, fitted) for value in told.tolist()]


def read_pairs(path: str | Path, *, channel: Channel | None = None) -> list[tuple[Recording, Recording]]:
    """The comparisons in a list: two paths a line, with a tab or blanks between; or a trials file.

    Paths count from the folder of the list where they lead to a file, and from the working directory otherwise.

    Args:
        path: the list.
        channel: which channel of files with several.

    Raises:
        DataError: it cannot be read, is empty, or has lines that are something else.
    """
    path = Path(path)
    rows = [line.split("\t") if "\t" in line else line.split() for line in list_lines(path)]
    if len(rows[0]) == 3:
        trials = read_trials(path)
        rows = [[a, b] for a, b in zip(trials.left, trials.right, strict=True)]
    if wrong := [row for row in rows if len(row) != 2]:
        raise DataError(
            f"{path}: {' '.join(wrong[0])[:80]!r} is no comparison; write two paths a line, or a trials file"
        )
    known = {name: beside(path, name) for row in rows for name in row}
    heard = {name: Recording(name_of(place), place, channel) for name, place in known.items()}
    return [(heard[a], heard[b]) for a, b in rows]


def evaluate(
    model: TaskNetwork,
    data: str | Path,
    trials: str | Path,
    *,
    key: str | Path | None = None,
    enrol: str | Path | None = None,
    draws: int = 1000,
    channel: Channel | None = None,
) -> dict[str, Any]:
    """EER and minDCF over a trials file, with intervals by speaker where the manifest names speakers; see
    `Verification.evaluate`.

    Args:
        model: from `load_verifier`.
        data: Lhotse cuts (``.jsonl.gz``); a folder, whose files trials name by their path below it; or ``@LIST``, a text
            file of paths, by which trials name them.
        trials: lines ``1|0 a b``, ``a b target|nontarget`` or another form, see `trial_forms`.
        key, enrol: files that say which trials are of one speaker, and which utterance an enrolment is, where the trials
            do not; see `read_trials`.
        draws: of the bootstrap.
        channel: which one of the files of a folder with several; cuts say it themselves.

    Raises:
        DataError: trials that cannot be read, or name utterances that are not in the data; a channel of cuts.
        AudioError: an utterance that cannot be used, or has several channels and none is chosen.
        InferenceError: the model gives NaN or infinity.
    """
    pairs = read_trials(trials, key=key, enrol=enrol)
    cuts = _cuts(str(data), set(pairs.utterances()), channel)
    return Verification(draws=draws).evaluate(model, EvaluationData(cuts, pairs)) | {"form": pairs.form}


def _cuts(data: str, wanted: set[str], channel: Channel | None) -> list[Cut]:
    """Those of the data that are ``wanted``, as far as they are there."""
    if data.startswith(LIST):
        listed = Path(data.removeprefix(LIST))
        files = {line: beside(listed, line) for line in list_lines(listed)}
    elif Path(data).is_dir():
        files = {file.relative_to(data).as_posix(): file for file in audio_files(data)}
    else:
        if channel is not None:
            raise DataError(
                f"{data}: cuts say which channel they are of; leave --channel {channel} out, or give a folder"
            )
        cuts = [cut for cut in read_cuts(data) if cut.id in wanted]
        refuse_missing(cuts, data)
        return cuts
    cuts = []
    for name in sorted(files.keys() & wanted):
        samples, rate, channels = audio_shape(files[name])
        heard = resolve_channel(channel, channels, str(files[name]))
        source = files[name].resolve()
        cut = make_cut(name=name, source=source, samples=samples, rate=rate, channel=heard, channels=channels)
        cuts.append(cut)
    return cuts
