"""How good a speaker model is over a trials file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..data.audio.channels import Channel, resolve_channel
from ..data.audio.file_search import audio_files
from ..data.audio.reading import audio_shape
from ..data.audio.segments import Segments
from ..data.corpora.audio_check import refuse_missing
from ..data.corpora.cuts import make_cut, read_cuts
from ..errors import DataError
from ..metrics.detection.trials import read_trials
from ..tasks.scoring.cost_options import DetectionCost
from ..tasks.scoring.speaker_scoring import scored_by
from ..tasks.task import EvaluationData
from ..tasks.verification import Verification
from .arguments import Model, task_model
from .inputs import LIST, beside, list_lines

if TYPE_CHECKING:
    from lhotse.cut import Cut


def evaluate(
    model: Model,
    data: str | Path,
    trials: str | Path,
    *,
    key: str | Path | None = None,
    enroll: str | Path | None = None,
    draws: int = 1000,
    channel: Channel | None = None,
    cost: DetectionCost | None = None,
    segments: Segments | None = None,
) -> dict[str, object]:
    """EER and minDCF of a speaker model over a trials file.

    Args:
        model: a speaker model, or the place of one.
        data: the utterances. Lhotse cuts (``.jsonl.gz``), by whose ids trials name them; a folder, whose files trials name by
            their path below it; or ``@LIST``, a text file of paths, by which trials name them.
        trials: lines ``1|0 a b``, ``a b target|nontarget`` or in another format, see `trial_formats`.
        key: a file with the labels of the trials, where the trials file has none; see `read_trials`.
        enroll: a file that names the utterance of each enrollment, where the trials name enrollments.
        draws: draws of the bootstrap for the intervals.
        channel: the channel of files with several, of a folder or a list. Cuts name their channel.
        cost: priors and costs of minDCF and actDCF; default: a target prior of 0.01, and costs of 1.
        segments: how trials are scored, see `sottovoce.inference.verification.verify`.

    Returns:
        The numbers of `Verification.evaluate`, with intervals by speaker where the data name speakers, and under ``form`` the
        form of the trials file.

    Raises:
        AudioError: an utterance that cannot be used, or has several channels and none is chosen.
        CheckpointError: the model cannot be loaded, or is for another task.
        DataError: trials that cannot be read or name utterances that are not in the data; a channel for cuts.
        InferenceError: an output of the model is NaN or infinite.
    """
    network = task_model(model, "verification")
    pairs = read_trials(trials, key=key, enroll=enroll)
    cuts = _cuts(str(data), set(pairs.utterances()), channel)
    task = Verification(draws=draws, cost=cost or DetectionCost())
    with scored_by(network.scoring, segments):
        return task.evaluate(network, EvaluationData(cuts, pairs)) | {"form": pairs.file_format}


def _cuts(data: str, wanted: set[str], channel: Channel | None) -> list[Cut]:
    """The utterances of the data that are ``wanted``; a missing one is not an error here."""
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
        chosen = resolve_channel(channel, channels, str(files[name]))
        source = files[name].resolve()
        cuts.append(make_cut(name=name, source=source, samples=samples, rate=rate, channel=chosen, channels=channels))
    return cuts
