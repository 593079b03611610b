"""Diarization models of DiariZen on the hub: ``pytorch_model.bin``, a state dict, with ``config.toml`` beside it.

The encoder is WavLM, dense or pruned, whose widths the config names (``wavlm_base_s80_md``); then come a sum of all hidden
states, a projection, Conformer layers and powerset classes (github.com/BUTSpeechFIT/DiariZen,
diarizen/models/eend/model_wavlm_conformer.py). The settings of inference and clustering come along.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sottovoce.encoder.checks.values import ANYTHING, FLAG, check, number, one_of, short, whole
from sottovoce.encoder.loading.model_files import Directory, is_file
from sottovoce.encoder.loading.pretrained import blueprint
from sottovoce.errors import CheckpointError
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_network import TaskNetwork

from ..families.key_map import KeyMap, KeyRule, pointwise, renamed
from ..formats import dphubert_diarizen
from ..formats.tensors import read_torch, read_torch_tensors
from ..origins import license
from .diarizen_encoders import ENCODERS
from .whole_model import WholeModel

CONFIG, WEIGHTS = "config.toml", "pytorch_model.bin"
FILES = f"DiariZen ({WEIGHTS} with its {CONFIG})"
LICENSE = "cc-by-nc-4.0"
"""That of all released models (MODEL_LICENSE of the repository), where no card is beside the file."""

MODEL = "model_wavlm_conformer.Model"
ENCODER = "wavlm_model."

RULES = {
    "wavlm_src": ANYTHING,
    "wavlm_layer_num": whole(1, 512),
    "wavlm_feat_dim": whole(1, 65536),
    "attention_in": whole(1, 65536),
    "ffn_hidden": whole(1, 65536),
    "num_head": whole(1, 1024),
    "num_layer": whole(0, 64),
    "kernel_size": whole(1, 4096),
    "dropout": number(0, 1),
    "use_posi": one_of(False),
    "output_activate_function": one_of(False),
    "max_speakers_per_chunk": whole(1, 8),
    "max_speakers_per_frame": whole(1, 8),
    "selected_channel": one_of(0),
    "sample_rate": one_of(16000),
    "chunk_size": number(0.1, 3600),
    "num_channels": whole(1, 1024),
}
"""All arguments of the class, and the values that can be read; the last two change nothing in the model."""

DEFAULTS = {
    "wavlm_layer_num": 13,
    "wavlm_feat_dim": 768,
    "attention_in": 256,
    "ffn_hidden": 1024,
    "num_head": 4,
    "num_layer": 4,
    "kernel_size": 31,
    "dropout": 0.1,
    "max_speakers_per_chunk": 4,
    "max_speakers_per_frame": 2,
}


def claims(path: Path) -> bool:
    """Whether a folder has a ``config.toml``, or a file one beside it."""
    if path.suffix not in ("", ".bin") and not path.is_dir():
        return False
    return is_file((path if path.is_dir() else path.parent) / CONFIG)


def hint(names: Mapping[str, object]) -> str | None:
    """What a state dict lacks that is all there is."""
    if names.keys() >= {"weight_sum.weight", "lnorm.weight", "classifier.weight"}:
        return f"tensors of a DiariZen model without its {CONFIG}; copy it beside the file"
    return None


def load(path: Path) -> WholeModel:
    """The fields of our `TaskConfig`, the weights, and notes.

    Args:
        path: the folder, or the weights in it.

    Raises:
        CheckpointError: no weights, a config that is not supported, or tensors that do not fit it.
    """
    folder = path if path.is_dir() else path.parent
    file, config = (folder / WEIGHTS if path.is_dir() else path), folder / CONFIG
    settings = _toml(config)
    arguments = _arguments(settings, config)
    if not is_file(file):
        raise CheckpointError(f"{folder}: {CONFIG} without its weights; {WEIGHTS} belongs beside it")
    name = str(file)
    tensors = read_torch_tensors(file)
    inside = {key.removeprefix(ENCODER): tensor for key, tensor in tensors.items() if key.startswith(ENCODER)}
    outside = {key: tensor for key, tensor in tensors.items() if not key.startswith(ENCODER)}
    if not inside:
        held = ", ".join(list(tensors)[:3]) or "nothing"
        raise CheckpointError(f"{name}: no tensor of {ENCODER[:-1]} in it; it holds {held}, ...")
    shape = _encoder_shape(arguments.get("wavlm_src"), folder, config)
    encoder, weights, notes = dphubert_diarizen.load({"state_dict": inside, "config": shape}, name)
    encoder.origin = {"name": folder.resolve().name, "license": license(Directory(folder)) or LICENSE}
    fields: dict[str, Any] = {
        "encoder": encoder,
        "head": {
            "kind": "powerset",
            "speakers": arguments["max_speakers_per_chunk"],
            "at_once": arguments["max_speakers_per_frame"],
            "width": arguments["attention_in"],
            "blocks": arguments["num_layer"],
            "inner": arguments["ffn_hidden"],
            "heads": arguments["num_head"],
            "kernel": arguments["kernel_size"],
            "dropout": arguments["dropout"],
        },
        "task": "diarization",
        "pipeline_settings": pipeline_settings(settings, config),
    }
    expected = blueprint(TaskNetwork, TaskConfig(**fields))
    expected = {key: tensor for key, tensor in expected.items() if key.startswith("head.")}
    head, _ = renamed(expected, outside, HEAD, name)
    return WholeModel(fields, {f"encoder.{key}": tensor for key, tensor in weights.items()} | head, notes)


def _toml(config: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{config}: not valid TOML ({' '.join(str(error).split())})") from None


def _table(settings: object, *names: str) -> Mapping[str, Any] | None:
    for name in names:
        settings = settings.get(name) if isinstance(settings, Mapping) else None
    return settings if isinstance(settings, Mapping) else None


def _arguments(settings: Mapping[str, Any], config: Path) -> dict[str, Any]:
    """The arguments of their class, with its defaults.

    Raises:
        CheckpointError: another class, or an argument that is not supported.
    """
    path = (_table(settings, "model") or {}).get("path")
    if not str(path).endswith(MODEL):
        raise CheckpointError(f"{config}: model.path is {short(path)}; the models that can be read are {MODEL}")
    found = _table(settings, "model", "args")
    if found is None:
        raise CheckpointError(f"{config}: has no table [model.args]")
    check(found, RULES, f"{config}: model.args")
    return DEFAULTS | dict(found)


def _encoder_shape(source: object, folder: Path, config: Path) -> Mapping[str, Any]:
    """The config of the encoder: a known one, or the one in its own checkpoint beside the model.

    Raises:
        CheckpointError: neither.
    """
    if (known := ENCODERS.get(str(source).lower())) is not None:
        return known.config()
    place = folder / Path(str(source)).name
    if source is not None and is_file(place):
        content = read_torch(place)
        if isinstance(content, Mapping) and isinstance(shape := content.get("config"), Mapping):
            return shape
    raise CheckpointError(
        f"{config}: wavlm_src is {short(source)}; known are {', '.join(ENCODERS)}, or the encoder's own checkpoint (state_dict"
        " and config) beside the model, under that name"
    )


METHODS = {"AgglomerativeClustering": "ahc", "VBxClustering": "vbx"}

INFERENCE = {
    "seg_duration": number(0.1, 3600),
    "segmentation_step": number(0.001, 1),
    "batch_size": whole(1, 2**16),
    "apply_median_filtering": FLAG,
}
CLUSTERING = {
    "method": one_of(*METHODS),
    "min_speakers": whole(1, 2**16),
    "max_speakers": whole(1, 2**16),
    "ahc_criterion": one_of("distance"),
    "ahc_threshold": number(0, 2),
    "min_cluster_size": whole(1, 2**16),
    "Fa": number(1e-6, 1e6),
    "Fb": number(1e-6, 1e6),
    "lda_dim": whole(1, 2**16),
    "max_iters": whole(1, 2**16),
}


def pipeline_settings(settings: Mapping[str, object], config: Path) -> dict[str, object]:
    """The settings of the diarization pipeline, under our names.

    Raises:
        CheckpointError: a table is missing, or a value is not supported.
    """
    inference, clustering = _table(settings, "inference", "args"), _table(settings, "clustering", "args")
    if inference is None or clustering is None:
        raise CheckpointError(
            f"{config}: has no [inference.args] and [clustering.args], which say windows and clustering"
        )
    check({k: v for k, v in inference.items() if k in INFERENCE}, INFERENCE, f"{config}: inference.args")
    check({k: v for k, v in clustering.items() if k in CLUSTERING}, CLUSTERING, f"{config}: clustering.args")
    window = float(inference.get("seg_duration", 16))
    vbx = METHODS[clustering.get("method", "VBxClustering")] == "vbx"
    found: dict[str, object] = {
        "window": window,
        "step": round(window * float(inference.get("segmentation_step", 0.1)), 6),
        "median": 11 if inference.get("apply_median_filtering", True) else 1,
        "batch": inference.get("batch_size", 32),
        "alone": 0.14,  # pyannote asks for more than 6 frames, which is what wespeaker's ResNets need for a deviation
        "linkage": "centroid",
        "threshold": float(clustering.get("ahc_threshold", 0.6)),
        "smallest": 1 if vbx else clustering.get("min_cluster_size", 13),
        "most": clustering.get("max_speakers", 20),
        "least": clustering.get("min_speakers", 1),
    }
    if vbx:
        found |= {
            "fa": float(clustering.get("Fa", 0.07)),
            "fb": float(clustering.get("Fb", 0.8)),
            "rounds": clustering.get("max_iters", 20),
            "dimensions": clustering.get("lda_dim", 128),
        }
    return found


def _halves() -> list[KeyRule]:
    theirs, ours = "conformer.conformer_layer.{i}", "head.blocks.{i}"
    return [
        row
        for n in (1, 2)
        for row in (
            KeyRule(f"{theirs}.ffn{n}.ln_norm.*", f"{ours}.feed_forward{n}_norm.*"),
            KeyRule(f"{theirs}.ffn{n}.w_1.*", f"{ours}.feed_forward{n}.up.*"),
            KeyRule(f"{theirs}.ffn{n}.w_2.*", f"{ours}.feed_forward{n}.down.*"),
        )
    ]


_THEIRS, _OURS = "conformer.conformer_layer.{i}", "head.blocks.{i}"

HEAD = KeyMap(
    (
        KeyRule("weight_sum.weight", "head.layer_weights", lambda t: t.flatten(), lambda t: t[None]),
        KeyRule("proj.*", "head.project.*"),
        KeyRule("lnorm.*", "head.norm.*"),
        KeyRule("classifier.*", "head.output.*"),
        *_halves(),
        KeyRule(f"{_THEIRS}.mha.ln_norm.*", f"{_OURS}.attention_norm.*"),
        *(KeyRule(f"{_THEIRS}.mha.mha.linear{p.upper()}.*", f"{_OURS}.attention.{p}.*") for p in "qkv"),
        KeyRule(f"{_THEIRS}.mha.mha.linearO.*", f"{_OURS}.attention.out.*"),
        KeyRule(f"{_THEIRS}.conv.ln_norm.*", f"{_OURS}.convolution_norm.*"),
        pointwise(f"{_THEIRS}.conv.pointwise_conv1.weight", f"{_OURS}.convolution.expand.weight"),
        KeyRule(f"{_THEIRS}.conv.pointwise_conv1.bias", f"{_OURS}.convolution.expand.bias"),
        KeyRule(f"{_THEIRS}.conv.depthwise_conv.*", f"{_OURS}.convolution.depthwise.*"),
        KeyRule(f"{_THEIRS}.conv.bn_norm.*", f"{_OURS}.convolution.norm.*"),
        pointwise(f"{_THEIRS}.conv.pointwise_conv2.weight", f"{_OURS}.convolution.project.weight"),
        KeyRule(f"{_THEIRS}.conv.pointwise_conv2.bias", f"{_OURS}.convolution.project.bias"),
        KeyRule(f"{_THEIRS}.ln_norm.*", f"{_OURS}.final_norm.*"),
    ),
    constants={},
)
"""Names in their head and in ours."""
