"""A recipe for real data and real models as one that runs here: the same stages with everything else made small.

Both work on a recipe as plain data, before it is checked:

    smoke_test   a tiny encoder of the same kind, synthetic speech of the same task, a few steps a stage: does it run?
    dry_run      the encoder at its size with random weights, synthetic speech, one step a stage of one utterance: does it fit?
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import torch

from ..checkpoints.published_configs import TINY_LAYERS, published_config, published_encoders
from ..distillation.features import check_layers
from ..encoder.config import EncoderConfig
from ..encoder.model import SpeechEncoder
from ..errors import RecipeError
from ..locks import new_folder
from ..models.loading import load_pretrained
from ..recipe.encoder_options import EncoderOptions, new_config
from ..recipe.packaged import known_recipes
from ..recipe.yaml_file import merged, plain_recipe
from ..text.suggestions import did_you_mean

Plain = dict[str, Any]

TOY_STEPS = 4

COHORT = 2
"""Of the few speakers there are, so many are the nearest to an utterance in AS-norm."""

_SPEECH: dict[str, Plain] = {
    "verification": {"speakers_train": 4, "speakers_dev": 3, "speakers_test": 3, "utterances": 4},
    "spoofing": {"speakers_train": 3, "speakers_dev": 2, "speakers_test": 2, "utterances": 3},
    "recognition": {"speakers_train": 3, "speakers_dev": 2, "speakers_test": 2, "utterances": 4},
    "intent": {"speakers_train": 4, "speakers_dev": 2, "speakers_test": 2, "utterances": 6},
    "diarization": {
        "speakers_train": 4,
        "speakers_dev": 4,
        "speakers_test": 4,
        "conversations_train": 3,
        "conversations_dev": 2,
        "conversations_test": 2,
        "seconds": 10,
    },
}

_LESS: dict[str, Plain] = {task: {"speakers_train": 2, "utterances": 3} for task in ("verification", "spoofing")}
"""For networks of real size: what these tasks fit at the end of a stage takes all training speech."""

_TINY_CONFIG: Plain = {
    "hidden_size": 32,
    "layers": TINY_LAYERS,
    "heads": 4,
    "ffn": 128,  # much that can go, so that the budgets of large networks can be met
    "convolution": 24,
    "positional_groups": 4,
    "positional_taps": [16],
    "depthwise_kernel": 7,
}


def smoke_test(data: Plain, folder: Path) -> Plain:
    """The recipe as a smoke test, which takes seconds on any machine.

    A recipe may say in a section ``smoke_test`` what else has to be smaller (a head, a vocabulary); it is merged in.

    Args:
        data: the recipe as plain data.
        folder: where stand-ins for published encoders are written.
    """
    data = copy.deepcopy(data)
    own = data.pop("smoke_test", {})
    if not isinstance(own, dict):
        raise RecipeError(
            "smoke_test: a section of the recipe with what else has to be smaller, such as smoke_test: {task: {...}}"
        )
    layers, left = _layers(data["encoder"])
    data["name"] = f"{data['name']}-smoke-test"
    data["encoder"] = _smaller(data["encoder"], folder)
    _synthetic(data, _speech(data), batch=2, crop=0.8)
    data["compute"]["precision"] = "float32"  # many processors only imitate bf16, a hundred times slower
    for options in _stages(data):
        _few_steps(options, TOY_STEPS)
        _own_data(data, options)
        if options.get("batch"):
            options["batch"] = 2
        if options.get("crop"):
            options["crop"] = 0.8
        if options.get("evaluate_every"):
            options["evaluate_every"] = TOY_STEPS // 2
            options["average"] = min(options.get("average", 1), 2)
        distillation = _taught(options, folder, tiny=True)
        if distillation.get("layers"):
            check_layers(distillation["layers"], layers)
            distillation["layers"] = _fewer(distillation["layers"], layers, left)
        if isinstance(distillation.get("projections"), list):
            groups = [_fewer(group, layers, left) for group in distillation["projections"]]
            distillation["projections"] = [[k for k in g if k not in sum(groups[:i], [])] for i, g in enumerate(groups)]
    return merged(data, own)


def dry_run(data: Plain, folder: Path) -> Plain:
    """A recipe with its real models, precision and recomputation, and one step of one utterance in every stage.

    Args:
        data: the recipe as plain data.
        folder: where stand-ins for published encoders are written.
    """
    data = copy.deepcopy(data)
    data.pop("smoke_test", None)
    if source := data["encoder"].get("from"):
        data["encoder"] = _from(data["encoder"], stood_in(source, folder, tiny=False))
    speech = _speech(data)
    _synthetic(data, speech | _LESS.get(speech["task"], {}), batch=1, crop=_longest(data["data"].get("crop", 3.0)))
    for options in _stages(data):
        _few_steps(options, 1)
        _own_data(data, options)
        _taught(options, folder, tiny=False)
        options["evaluate"] = False
        if options.get("batch"):
            options["batch"] = 1
        if options.get("crop"):
            options["crop"] = _longest(options["crop"])
        for key in ("evaluate_every", "keep", "average"):
            options.pop(key, None)
    return data


def _taught(options: Plain, folder: Path, *, tiny: bool) -> Plain:
    """What a stage imitates, its teacher a stand-in if it is a published encoder."""
    distillation: Plain = options.get("distillation") or {}
    if (teacher := distillation.get("teacher")) in published_encoders():
        distillation["teacher"] = stood_in(teacher, folder, tiny=tiny)
    return distillation


def _layers(encoder: Plain) -> tuple[int, int]:
    """Layers of the encoder of a recipe, at its size and in a smoke test."""
    if not (source := encoder.get("from")):
        return (encoder.get("config") or {}).get("layers", 12), TINY_LAYERS
    if os.path.exists(source):  # taken as it is
        return 2 * (load_pretrained(source, encoder_only=True).config.num_hidden_layers,)
    if source in published_encoders():
        return published_config(source).num_hidden_layers, TINY_LAYERS
    return _layers(encoder_of_run(source))


def _fewer(chosen: list[int], layers: int, left: int) -> list[int]:
    """Hidden states of a network of so many layers as those of one that has fewer left."""
    return sorted({round(k * left / layers) for k in chosen})


def _smaller(encoder: Plain, folder: Path) -> Plain:
    if encoder.get("from"):
        return _from(encoder, stood_in(encoder["from"], folder, tiny=True))
    config = dict(encoder["config"])
    if config.get("heads") != 0:  # layers without attention stay so
        config.pop("attention_heads", None)
        config.pop("head_dim", None)
    for key, value in _TINY_CONFIG.items():
        given = config.get(key) is not None or key in ("hidden_size", "layers", "heads", "ffn")
        if given and config.get(key) != 0:
            config[key] = value
    if config.get("conv_channels"):
        config["conv_channels"] = [12] * len(config["conv_channels"])
    return {**encoder, "config": config}


def _from(encoder: Plain, source: str) -> Plain:
    """The section of an encoder that starts from a stand-in, which has no head to keep."""
    if source == encoder["from"]:
        return encoder
    kept = {key: value for key, value in encoder.items() if (key, value) != ("head", "keep")}
    return {**kept, "from": source}


def stood_in(source: str, folder: Path, *, tiny: bool) -> str:
    """Where a network with random weights is that stands for a checkpoint; one that is here is taken as it is.

    Args:
        source: a published encoder, or a model of a run of a recipe that comes with sottovoce.
        folder: for stand-ins.
        tiny: a few thousand parameters, instead of its real size.

    Raises:
        RecipeError: neither, and not here.
    """
    if os.path.exists(source):
        return source
    path = folder / source.replace("/", "--")
    with new_folder(path) as work, torch.random.fork_rng(devices=[]):
        if not path.is_dir():
            torch.manual_seed(0)
            SpeechEncoder(_config(source, folder, tiny=tiny)).save_pretrained(work)
    return str(path)


def _config(source: str, folder: Path, *, tiny: bool) -> EncoderConfig:
    """The config of an encoder that is not here."""
    if source in published_encoders():
        return published_config(source, tiny=tiny)
    encoder = encoder_of_run(source)
    options = EncoderOptions.model_validate(_smaller(encoder, folder) if tiny else encoder)
    if options.source is None:
        assert options.config is not None  # one of both is given
        return new_config(options.config)
    config = load_pretrained(stood_in(options.source, folder, tiny=tiny), encoder_only=True).config
    options.change(config)
    return config


def encoder_of_run(source: str) -> Plain:
    """The encoder section of the recipe whose run made a model, of a name such as ``runs/demo/models/fine_tune``.

    Raises:
        RecipeError: no recipe that comes with sottovoce has such a run.
    """
    name = Path(source).parts[-3] if Path(source).parts[-2:-1] == ("models",) and len(Path(source).parts) > 2 else ""
    if (path := known_recipes().get(name)) is None:
        raise RecipeError(
            f"encoder.from: {source} is not here, and is neither a published encoder nor a model of a recipe that comes "
            f"with sottovoce (runs/NAME/models/STAGE), so nothing can stand for it; "
            f"{did_you_mean(source, published_encoders())}"
        )
    return plain_recipe(path)["encoder"]


def _speech(data: Plain) -> Plain:
    """Of what size synthetic speech is for the recipe's task."""
    task = next(iter(data["task"]))
    return {"task": task, **_SPEECH[task]}


def _synthetic(data: Plain, speech: Plain, *, batch: int, crop: float) -> None:
    """Synthetic speech in place of the recipe's corpora."""
    task = speech["task"]
    section = data["data"]
    trials = {"trials": "synthetic"} if task == "verification" else {}
    section |= {
        "corpora": {"synthetic": {"synthesize": speech}},
        "train": _references(section["train"]),
        "test": {"synthetic": {"cuts": "synthetic/test", **trials}} if section.get("test") else {},
        "batch": batch,
        "crop": None if section.get("crop", 0) is None else crop,
        "workers": 0,
    }
    if section.get("dev") is not None:
        section["dev"] = {"cuts": "synthetic/dev", **trials}
    if section.get("hold_out"):
        section["hold_out"] = None  # as many as there are to spare
    section["augment"] = [_invented(effect) for effect in section.get("augment", ())]
    scoring = data["task"][task].get("scoring") or {}
    if isinstance(cohort := scoring.get("as_norm"), dict):
        data["task"][task]["scoring"] = {**scoring, "as_norm": {**cohort, "top": COHORT}}
    if task == "intent":  # what synthetic speech is asked for
        asked = data["task"][task] or {}
        data["task"][task] = {**asked, "intents": ["intent"], "slots": "all" if asked.get("slots") else []}
    data["compute"] = {**data.get("compute", {}), "accelerator": "cpu", "devices": 1}


def _references(train: list[str]) -> list[str]:
    """``corpus/split@0.9`` of any corpus as ``synthetic/train@0.9``, each once."""
    speeds = dict.fromkeys(reference.partition("@")[2] for reference in train)
    return [f"synthetic/train@{speed}" if speed else "synthetic/train" for speed in speeds]


def _own_data(data: Plain, options: Plain) -> None:
    if options.get("train"):
        options["train"] = _references(options["train"])
    if options.get("augment"):
        options["augment"] = [_invented(effect) for effect in options["augment"]]


def _invented(effect: Any) -> Any:
    """An effect without the recordings that it takes from files."""
    if not isinstance(effect, dict):
        return effect
    return {kind: {k: v for k, v in (options or {}).items() if k != "files"} for kind, options in effect.items()}


def _stages(data: Plain) -> list[Plain]:
    """The options of every stage, to be changed in place."""
    stages = [entry if isinstance(entry, dict) else {entry: {}} for entry in data["stages"]]
    data["stages"] = [{kind: options or {} for kind, options in entry.items()} for entry in stages]
    return [options for entry in data["stages"] for options in entry.values()]


def _few_steps(options: Plain, steps: int) -> None:
    if "steps" not in options:
        return
    options["steps"] = steps
    options["warmup"] = min(options.get("warmup", 0), steps // 2)
    options["accumulate"] = min(options.get("accumulate", 1), steps)
    if (options.get("ramp") or {}).get("steps"):
        options["ramp"]["steps"] = max(steps // 2, 1)
    options.pop("checkpoint_every", None)


def _longest(crop: Any) -> float:
    return float(crop if isinstance(crop, int | float) else max(crop or (3.0,)))
