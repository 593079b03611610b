"""sottovoce: speech encoders made small. This is the table of contents.

    from sottovoce import Budget, SpeechEncoder, magnitude, plan, slim

Load
    `load`                               the network of any checkpoint, for one task or for any
    `SpeechEncoder`, `EncoderConfig`     one encoder for every family, and its config
    `TaskModel`                          an encoder with the head of a task

Make it smaller
    `cost`, `inspect`                    parameters and multiply-accumulates; the same layer by layer
    `magnitude`, `activation`, `taylor`  scores: how important each element of a network seems
    `Budget`                             what the result may cost
    `Plan`, `plan`                       which elements stay; choose them under a budget
    `slim`                               carry out a plan, and check that the smaller network is equal
    `prune`                              score, plan and slim in one call
    `Gates`, `Pruner`                    learned gates; gates with a budget for a training loop of your own
    `compress`                           carry out a recipe: fine-tune, prune, distill, slim
    `bench`, `probe`                     time and memory of a model; what its encoder knows of every task

Use it
    `embed`, `verify`, `evaluate`        speaker verification: embeddings, decisions, error rates over trials
    `detect`                             anti-spoofing: whether a recording is bona fide
    `transcribe`                         speech recognition: the text and the time of each word
    `classify`                           spoken-language understanding: intents and slots
    `diarize`, `tune`, `plda`, `der`     diarization: who spoke when; its threshold and PLDA; its error rate

Each name is imported when it is first used, so that ``import sottovoce`` costs nothing. The auto classes of Transformers
know our models once `SpeechEncoder` or `TaskModel` has been imported.
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING

from .encoder.loading.format_registry import FOREIGN_FORMATS, ForeignFormats
from .encoder.loading.model_names import RECIPE_NAMES
from .version import __version__

if TYPE_CHECKING:
    from .encoder.config import EncoderConfig
    from .encoder.model import SpeechEncoder
    from .inference.diarization import diarize
    from .inference.diarization_scoring import der
    from .inference.diarization_tuning import tune
    from .inference.intent import classify
    from .inference.plda_fitting import plda
    from .inference.recognition import transcribe
    from .inference.spoofing import detect
    from .inference.trial_evaluation import evaluate
    from .inference.verification import embed, verify
    from .models.loading import load
    from .models.task_model import TaskModel
    from .profiling.benchmark import bench
    from .pruning import Budget, Gates, Plan, Pruner, activation, cost, magnitude, plan, prune, slim, taylor
    from .report.inspection import inspect
    from .runs.compression import compress
    from .runs.probing import probe

__all__ = [
    "Budget",
    "EncoderConfig",
    "Gates",
    "Plan",
    "Pruner",
    "SpeechEncoder",
    "TaskModel",
    "__version__",
    "activation",
    "bench",
    "classify",
    "compress",
    "cost",
    "der",
    "detect",
    "diarize",
    "embed",
    "evaluate",
    "inspect",
    "load",
    "magnitude",
    "plan",
    "plda",
    "probe",
    "prune",
    "slim",
    "taylor",
    "transcribe",
    "tune",
    "verify",
]


def _foreign_formats() -> ForeignFormats:
    from . import checkpoints

    return checkpoints


def _recipe_names() -> Container[str]:
    from .recipe.packaged import known_recipes

    return known_recipes()


# What loading needs from packages that it must not import; they are imported when such a model is first loaded.
FOREIGN_FORMATS.register(_foreign_formats)
RECIPE_NAMES.register(_recipe_names)


def __getattr__(name: str) -> object:
    """Import a public name on its first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'sottovoce' has no attribute {name!r}")
    value = globals()[name] = _imported(name)
    return value


def _imported(name: str) -> object:
    if name == "SpeechEncoder":
        from .encoder.model import SpeechEncoder

        return SpeechEncoder
    if name == "EncoderConfig":
        from .encoder.config import EncoderConfig

        return EncoderConfig
    if name == "TaskModel":
        from .models.task_model import TaskModel

        return TaskModel
    if name == "compress":
        from .runs.compression import compress

        return compress
    if name == "probe":
        from .runs.probing import probe

        return probe
    if name == "inspect":
        from .report.inspection import inspect

        return inspect
    if name == "bench":
        from .profiling.benchmark import bench

        return bench
    if name == "load":
        from .models.loading import load

        return load
    if name in _INFERENCE:
        return _inference(name)
    from . import pruning

    return getattr(pruning, name)


_INFERENCE = ("classify", "der", "detect", "diarize", "embed", "evaluate", "plda", "transcribe", "tune", "verify")


def _inference(name: str) -> object:
    if name == "classify":
        from .inference.intent import classify

        return classify
    if name == "der":
        from .inference.diarization_scoring import der

        return der
    if name == "detect":
        from .inference.spoofing import detect

        return detect
    if name == "diarize":
        from .inference.diarization import diarize

        return diarize
    if name == "embed":
        from .inference.verification import embed

        return embed
    if name == "evaluate":
        from .inference.trial_evaluation import evaluate

        return evaluate
    if name == "plda":
        from .inference.plda_fitting import plda

        return plda
    if name == "transcribe":
        from .inference.recognition import transcribe

        return transcribe
    if name == "tune":
        from .inference.diarization_tuning import tune

        return tune
    from .inference.verification import verify

    return verify


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
