"""The model card: the ``README.md`` of a model directory as the hub reads it. Its numbers are measured ones only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import SupportsFloat

from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ..encoder.loading.model_names import HUB_ID
from ..encoder.model import SpeechEncoder
from ..errors import DataError
from ..pruning.costs import cost, human, reference_cost
from ..quantities import Seconds
from ..text.plain_json import why_not_finite
from .task_model import TaskModel

NUMBERS = ("## Numbers\n", "\n## License\n")
"""The headings before and after the scores."""


@dataclass(frozen=True)
class Score:
    """One number of an evaluation.

    Args:
        data: name of the test data.
        metric: its key in the results: ``eer``, ``wer``, ...
        value: the number; a rate is between 0 and 1. A number that is not finite is explained in the text and left out of
            the metadata, which holds finite numbers only.
        low: lower end of the interval; ``None`` without an interval.
        high: upper end of the interval; ``None`` without an interval.
        level: level of the interval, such as 0.95.
        protocol: how the test was scored, in words.
    """

    data: str
    metric: str
    value: float
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    protocol: str = ""

    @property
    def text(self) -> str:
        """The value in words of the card."""
        reason = why_not_finite(self.value)
        return f"{self.value:.4g}" if reason is None else f"none ({reason})"

    @property
    def interval(self) -> str:
        """The interval in words of the card; empty without one."""
        return "" if self.low is None or self.high is None else f"[{self.low:.4g}, {self.high:.4g}]"


def scores_of(data: str, numbers: Mapping[str, object], metric: str) -> list[Score]:
    """The scores in the results of an evaluation: its main metric, and all others that have an interval.

    Args:
        data: name of the test data.
        numbers: the results. In those read from a file a number that was not finite is null; here it becomes NaN.
        metric: key of the main metric.
    """
    keys = [metric, *(key for key in numbers if f"{key}_interval" in numbers and key != metric)]
    scores = []
    for key in keys:
        number, ends = numbers[key], numbers.get(f"{key}_interval")
        value = float(number) if isinstance(number, SupportsFloat) else float("nan")
        bounds = ends if isinstance(ends, Mapping) else {}
        low, high, level = bounds.get("low"), bounds.get("high"), bounds.get("level", 0.95)
        scores.append(Score(data, key, value, low, high, level, str(numbers.get("protocol", ""))))
    return scores


@dataclass(frozen=True)
class History:
    """How a model was made.

    Args:
        name: name of the model.
        steps: what was done, in order, one line for each step.
        data: what it was trained on, one line for each corpus.
        scores: how it was evaluated.
        seconds: length of the utterance for which MACs are counted.
    """

    name: str
    steps: Sequence[str]
    data: Sequence[str] = ()
    scores: Sequence[Score] = field(default=())
    seconds: Seconds = 1.0


def write_card(directory: str | Path, model: SpeechEncoder | TaskModel, history: History) -> None:
    """Write the ``README.md`` of a saved model.

    Args:
        directory: of the model.
        model: the model.
        history: how it was made.
    """
    _card(model, history).save(Path(directory) / "README.md")


def add_scores(directory: str | Path, scores: Sequence[Score]) -> None:
    """Add the scores of a later evaluation to the card of a saved model. Older scores on the same data are replaced.

    Args:
        directory: of the model.
        scores: to add.

    Raises:
        DataError: the directory has no card that sottovoce wrote.
    """
    path = Path(directory) / "README.md"
    if not path.is_file():
        raise DataError(
            f"{directory}: has no README.md to add scores to; `sottovoce compress` and `sottovoce prune` write one"
        )
    card = ModelCard.load(path)
    before, heading, rest = card.text.partition(NUMBERS[0])
    _, license, after = rest.partition(NUMBERS[1])
    if not heading or not license:
        raise DataError(
            f"{path}: is no card that sottovoce wrote: it has no part called '## Numbers' before '## License'"
        )
    new = {(score.data, score.metric) for score in scores}
    kept = [s for s in _known(card.data.eval_results or []) if (s.data, s.metric) not in new]
    every = [*kept, *scores]
    card.data.model_name = card.data.model_name or Path(directory).resolve().name
    card.data.eval_results = _results(every, card.data.pipeline_tag)
    card.text = before + heading + _numbers(every) + license + after
    card.save(path)


def _card(model: SpeechEncoder | TaskModel, history: History) -> ModelCard:
    task = model.config.task if isinstance(model, TaskModel) else ""
    encoder = model.config.encoder if isinstance(model, TaskModel) else model.config
    origin = encoder.origin or {}
    name, license = origin.get("name"), origin.get("license")
    pipeline = model.config.pipeline if isinstance(model, TaskModel) else None
    data = ModelCardData(
        model_name=history.name,
        license=license or ("unknown" if name else None),
        base_model=name if name and HUB_ID.fullmatch(name) else None,
        library_name="transformers",
        pipeline_tag=pipeline,
        tags=["sottovoce", "speech", *([task.replace(" ", "-")] if task else [])],
        eval_results=_results(history.scores, pipeline) or None,
    )
    parts = [
        f"# {history.name}\n",
        f"{_what(task)} on a speech encoder of the family {encoder.family}, made with sottovoce.\n",
        f"```python\n{_usage(model, pipeline)}\n```\n",
        f"## Size\n\n{_size(model, history.seconds)}\n",
        f"## How it was made\n\n{_listed(history.steps)}\n",
        f"## Data\n\n{_listed(history.data) if history.data else 'No data: these steps train nothing.'}\n",
        NUMBERS[0] + _numbers(history.scores) + NUMBERS[1],
        _ancestry(name, license),
    ]
    return ModelCard(f"---\n{data.to_yaml()}\n---\n\n" + "\n".join(parts))


def _what(task: str) -> str:
    return f"A model for {task}" if task else "Hidden states for any task"


def _usage(model: SpeechEncoder | TaskModel, pipeline: str | None) -> str:
    if pipeline is not None:
        load = f'pipeline("{pipeline}", model="PATH", trust_remote_code=True)'
        return f'from transformers import pipeline\n\n{load}("speech.wav")'
    auto = (model.config.auto_class if isinstance(model, TaskModel) else None) or "AutoModel"
    return f'from transformers import {auto}\n\nmodel = {auto}.from_pretrained("PATH", trust_remote_code=True)'


def _size(model: SpeechEncoder | TaskModel, seconds: Seconds) -> str:
    encoder = model.encoder if isinstance(model, TaskModel) else model
    now, before = cost(encoder, seconds), reference_cost(encoder, seconds)
    rows = [
        f"| | now | before pruning |\n|---|---|---|\n| parameters of the encoder | {human(now.params)} | "
        f"{human(before.params)} |",
        f"| MACs of the encoder, {seconds:g} s of speech | {human(now.macs)} | {human(before.macs)} |",
    ]
    if isinstance(model, TaskModel):
        rows.append(f"| parameters in all | {human(sum(p.numel() for p in model.parameters()))} | |")
    return "\n".join(rows)


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _numbers(scores: Sequence[Score]) -> str:
    if not scores:
        return "\nNot evaluated.\n"
    lines = ["", "| data | metric | value | interval |", "|---|---|---|---|"]
    for score in scores:
        level = f" ({100 * score.level:g} %)" if score.interval else ""
        lines.append(f"| {score.data} | {score.metric} | {score.text} | {score.interval}{level} |")
    protocols = {score.data: score.protocol for score in scores if score.protocol}
    return "\n".join([*lines, "", *(f"{data}: {protocol}." for data, protocol in protocols.items()), ""])


def _results(scores: Sequence[Score], pipeline: str | None) -> list[EvalResult]:
    return [
        EvalResult(
            task_type=pipeline or "audio-classification",
            dataset_type=score.data,
            dataset_name=score.data,
            metric_type=score.metric,
            metric_value=score.value,
            metric_args={
                "interval": None if score.low is None else [score.low, score.high],
                "level": score.level,
                "protocol": score.protocol,
            },
        )
        for score in scores
        if why_not_finite(score.value) is None
    ]


def _known(results: Sequence[EvalResult]) -> list[Score]:
    scores = []
    for each in results:
        more = each.metric_args or {}
        low, high = more.get("interval") or (None, None)
        level, protocol = more.get("level", 0.95), more.get("protocol", "")
        scores.append(Score(each.dataset_name, each.metric_type, each.metric_value, low, high, level, protocol))
    return scores


def _ancestry(name: str | None, license: str | None) -> str:
    if name is None:
        return "\nIts weights started at random, without another model. Its training data have licenses of their own.\n"
    terms = license or "unknown \N{EN DASH} check"
    return f"\nIts weights come from {name}, whose license is: {terms}. Its training data have licenses of their own.\n"
