"""A full-scale recipe as one that runs on any machine: the same stages with everything else made small.

Both functions work on a recipe as plain data, before it is checked:

    smoke_test   a tiny encoder of the same kind, synthetic speech of the same task, a few steps for each stage: does it run?
    dry_run      the encoder at its size with random weights, synthetic speech, one step a stage of one utterance: does it fit?
"""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import Any

import torch

from ..checkpoints.published_configs import TINY_LAYERS, published_config, published_encoders
from ..distillation.features import Layer, check_layers
from ..encoder.checks.config_rules import WITHOUT_LAYERS
from ..encoder.config import EncoderConfig
from ..encoder.model import SpeechEncoder
from ..errors import RecipeError
from ..locks import new_folder
from ..models.loading import load_pretrained
from ..recipe.encoder_options import EncoderOptions, new_config
from ..recipe.packaged import known_recipes
from ..recipe.yaml_file import merged, plain_recipe
from ..text.plain_data import table_in
from ..text.suggestions import did_you_mean

_Plain = dict[str, Any]

TOY_STEPS = 4

COHORT = 2
"""Number of cohort speakers that AS-norm uses for each utterance; a smoke test has few speakers."""

_SPEECH: dict[str, _Plain] = {
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

_LESS: dict[str, _Plain] = {task: {"speakers_train": 2, "utterances": 3} for task in ("verification", "spoofing")}
"""Less speech for networks of real size, because these tasks embed all training speech at the end of a stage."""

_TINY_CONFIG: _Plain = {
    "hidden_size": 32,
    "layers": TINY_LAYERS,
    "heads": 4,
    "ffn": 128,  # wide enough to be pruned to the budgets of large networks
    "convolution": 24,
    "positional_groups": 4,
    "positional_taps": [16],
    "depthwise_kernel": 7,
}


def smoke_test(recipe: dict[str, object], folder: Path) -> dict[str, object]:
    """The recipe as a smoke test, which takes seconds on any machine.

    A section ``smoke_test`` of the recipe, if there is one, is merged in; it reduces whatever else must be smaller, such as
    a head or a vocabulary.

    Args:
        recipe: the recipe as plain data.
        folder: where stand-ins for published encoders are written.
    """
    data: _Plain = copy.deepcopy(recipe)
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


def dry_run(recipe: dict[str, object], folder: Path) -> dict[str, object]:
    """A recipe with its real models, precision and recomputation, and one step of one utterance in every stage.

    Args:
        recipe: the recipe as plain data.
        folder: where stand-ins for published encoders are written.
    """
    data: _Plain = copy.deepcopy(recipe)
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
        for key in ("evaluate_every", "selected_by", "keep", "average", "patience"):
            options.pop(key, None)
    return data


def _taught(options: _Plain, folder: Path, *, tiny: bool) -> _Plain:
    """The distillation section of a stage, with a stand-in for a teacher that is a published encoder."""
    distillation: _Plain = options.get("distillation") or {}
    if (teacher := distillation.get("teacher")) in published_encoders():
        distillation["teacher"] = stood_in(teacher, folder, tiny=tiny)
    return distillation


def _layers(encoder: _Plain) -> tuple[int, int]:
    """The number of layers of a recipe's encoder, at full size and in a smoke test."""
    if not (source := encoder.get("from")):
        config = encoder.get("config") or {}
        return (0, 0) if config.get("front_end") in WITHOUT_LAYERS else (config.get("layers", 12), TINY_LAYERS)
    if os.path.exists(source):  # a local model is used as it is
        return 2 * (load_pretrained(source, encoder_only=True).config.num_hidden_layers,)
    if source in published_encoders():
        return published_config(source).num_hidden_layers, TINY_LAYERS
    return _layers(encoder_of_run(source))


def _fewer(chosen: list[Layer], layers: int, left: int) -> list[Layer]:
    """Hidden states of a network with ``layers`` layers, mapped to one with ``left`` layers."""
    named: list[Layer] = [layer for layer in chosen if not isinstance(layer, int)]
    return named + sorted({round(layer * left / layers) for layer in chosen if isinstance(layer, int)})


def _smaller(encoder: _Plain, folder: Path) -> _Plain:
    if encoder.get("from"):
        return _from(encoder, stood_in(encoder["from"], folder, tiny=True))
    config = dict(encoder["config"])
    if config.get("front_end") in WITHOUT_LAYERS:
        return encoder
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


def _from(encoder: _Plain, source: str) -> _Plain:
    """The section of an encoder that starts from a stand-in, which has no head to keep."""
    if source == encoder["from"]:
        return encoder
    kept = {key: value for key, value in encoder.items() if (key, value) != ("head", "keep")}
    return {**kept, "from": source}


def stood_in(source: str, folder: Path, *, tiny: bool) -> str:
    """The path of a random network that replaces a checkpoint. A local model is used as it is.

    Args:
        source: a published encoder, or a model from a run of a recipe that comes with sottovoce.
        folder: folder of the stand-ins.
        tiny: whether the stand-in has a few thousand parameters instead of the real size.

    Raises:
        RecipeError: ``source`` is neither of them, and not a local model.
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
    """The config of an encoder that is not a local model."""
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


def encoder_of_run(source: str) -> dict[str, object]:
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
    return dict(table_in(plain_recipe(path), "encoder"))


def _speech(data: _Plain) -> _Plain:
    """The options of synthetic speech for the recipe's task."""
    task = next(iter(data["task"]))
    return {"task": task, **_SPEECH[task]}


def _synthetic(data: _Plain, speech: _Plain, *, batch: int, crop: float) -> None:
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


def _own_data(data: _Plain, options: _Plain) -> None:
    if options.get("train"):
        options["train"] = _references(options["train"])
    if options.get("augment"):
        options["augment"] = [_invented(effect) for effect in options["augment"]]


def _invented(effect: Any) -> Any:
    """An effect with synthetic signals in place of recordings from files."""
    if not isinstance(effect, dict):
        return effect
    without = ("files", "kinds", "drawn")
    made = {kind: {k: v for k, v in (options or {}).items() if k not in without} for kind, options in effect.items()}
    if "one_of" in made:
        made["one_of"]["effects"] = [_invented(each) for each in made["one_of"].get("effects", ())]
    return made


def _stages(data: _Plain) -> list[_Plain]:
    """The options of every stage, which can be changed in place."""
    stages = [entry if isinstance(entry, dict) else {entry: {}} for entry in data["stages"]]
    data["stages"] = [{kind: options or {} for kind, options in entry.items()} for entry in stages]
    return [options for entry in data["stages"] for options in entry.values()]


def _few_steps(options: _Plain, steps: int) -> None:
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
