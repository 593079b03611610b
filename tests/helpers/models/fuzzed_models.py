"""Small models of every kind, as files in memory, and ways to have one thing wrong in them."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save

from families import FAMILIES, randomize
from mutations import MUTATIONS
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim
from stock_models import save as save_stock
from tiny_models import HEAD, randomized, tiny_config, tiny_model

Files = dict[str, bytes]

LABELS = ["<blank>", " ", "a", "b", "c"]
TASKS: dict[str, dict[str, Any]] = {
    "verification": {
        "head": HEAD,
        "scoring": "cosine",
        "scoring_options": {"cohort": 4, "top": 3, "measures": ["duration low"], "linear": True, "dimensions": 6},
    },
    "spoofing": {
        "head": {"kind": "classifier", "classes": 2, "embedding": HEAD},
        "labels": ["spoof", "bonafide"],
        "scoring": "llr",
    },
    "recognition": {"head": {"kind": "ctc", "outputs": 5, "width": 8}, "labels": LABELS},
    "diarization": {
        "head": {"kind": "powerset", "speakers": 2, "at_once": 2, "width": 8, "blocks": 1, "inner": 8, "heads": 2},
        "labels": ["nobody", "1", "2", "1+2"],
    },
    "intent": {
        "head": {"kind": "classifier", "classes": 3, "embedding": HEAD},
        "labels": ["intent=a", "intent=b", "size=c"],
    },
    "transducer": {
        "head": {"kind": "transducer", "outputs": 5, "predictor": 6, "width": 7},
        "labels": LABELS,
        "task": "recognition",
    },
}


def originals() -> dict[str, Files]:
    """Every kind of model directory, whole."""
    made: dict[str, Files] = {}
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as place:
        warnings.simplefilter("ignore")
        root = Path(place)
        for family in ("wavlm_base", "wav2vec2_bert", "wav2vec2_conformer_rotary", "data2vec_audio"):
            SpeechEncoder.from_transformers(randomize(FAMILIES[family](), 0)).save_pretrained(root / family)
        encoder = SpeechEncoder.from_transformers(randomize(FAMILIES["hubert_large"](), 0))
        encoder.save_pretrained(root / "shards", max_shard_size="40KB")
        for name, fields in TASKS.items():
            torch.manual_seed(0)
            model = randomized(TaskModel(TaskConfig(encoder=tiny_config(), **{"task": name, **fields})))
            model.save_pretrained(root / name, portable=name == "spoofing")
        model = tiny_model()
        slim(model, Plan.to_shape(model, {"ffn": [5, 0], "encoder.residual": 12})).save_pretrained(root / "pruned")
        for family, head in (
            ("wavlm_large", "CTC"),
            ("hubert_base", "SequenceClassification"),
            ("wav2vec2_base", "XVector"),
            ("wavlm_base", "AudioFrameClassification"),
        ):
            save_stock(family, head, root / f"stock {head}")
        for directory in root.iterdir():
            made[directory.name] = {file.name: file.read_bytes() for file in directory.iterdir()}
    return made


class Fault:
    """One thing wrong with a model directory.

    Args:
        files: what is in it; ``None`` for a folder in place of a file.
        told: what it is.
        must: whether it has to be refused.
    """

    def __init__(self, files: dict[str, bytes | None], told: str, must: bool):
        self.files, self.told, self.must = files, told, must


ODD = (None, True, "x", "", -1, 0, 1, 0.5, -1e9, 1e300, 10**30, 100_000_000, [], [[]], {}, {"a": 1}, [1, "x"], "0-99999999999",
       float("nan"), float("inf"), "\u0000", ["a"] * 100)  # fmt: skip


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a JSON value has values."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in items:
        found += paths(each, (*path, key))
    return found


def _json_names(files: Files) -> list[str]:
    return sorted(name for name in files if name.endswith(".json"))


def spoilt_bytes(files: Files, random: np.random.Generator, others: dict[str, Files]) -> Fault:
    name = sorted(each for each in files if not each.endswith(".py"))[
        int(random.integers(0, 10**6)) % len(files_of(files))
    ]
    mutation = MUTATIONS[int(random.integers(len(MUTATIONS)))]
    return Fault({**files, name: mutation(files[name], random)}, f"{mutation.__name__} in {name}", False)


def files_of(files: Files) -> list[str]:
    return [each for each in files if not each.endswith(".py")]


def other_value(files: Files, random: np.random.Generator, others: dict[str, Files]) -> Fault:
    name = "config.json" if random.random() < 0.8 else _json_names(files)[int(random.integers(len(_json_names(files))))]
    content = json.loads(files[name])
    all_paths = paths(content)
    path = all_paths[int(random.integers(len(all_paths)))]
    holder = content
    for key in path[:-1]:
        holder = holder[key]
    was, kind = holder[path[-1]], int(random.integers(6))
    where = ".".join(map(str, path))
    if kind == 0 and isinstance(holder, dict):
        del holder[path[-1]]
        return _with(files, name, content, f"{name} without {where}", False)
    if kind == 1 and isinstance(holder, dict):
        holder[f"{path[-1]}s"] = holder.pop(path[-1])
        return _with(files, name, content, f"{name}: {where} misspelt", False)
    if kind == 2:
        deep: Any = 1
        for _ in range(int(random.integers(2, 900))):
            deep = [deep]
        holder[path[-1]] = deep
        return _with(files, name, content, f"{name}: {where} is deep", False)
    holder[path[-1]] = ODD[int(random.integers(len(ODD)))]
    return _with(files, name, content, f"{name}: {where} is {holder[path[-1]]!r:.40}, was {was!r:.40}", False)


def _with(files: Files, name: str, content: Any, told: str, must: bool) -> Fault:
    return Fault({**files, name: json.dumps(content).encode()}, told, must)


def ours_misspelt(files: Files, random: np.random.Generator, others: dict[str, Files]) -> Fault:
    content = json.loads(files["config.json"])
    if not content["model_type"].startswith("sottovoce"):
        return no_number(files, random, others)
    holder = content.get("encoder", content) if random.random() < 0.5 else content
    kind, key = int(random.integers(3)), sorted(holder)[int(random.integers(len(holder)))]
    if kind == 0:
        key = ("shape", "layer", "normalize", "conv_bias", "position")[int(random.integers(5))]
        holder = content.get("encoder", content)
        del holder[key]
        return _with(files, "config.json", content, f"config.json without {key}", True)
    if kind == 1:
        holder[key + "z"] = holder[key]
        return _with(files, "config.json", content, f"config.json with {key}z", True)
    holder["hidden_size"] = 10**9
    return _with(files, "config.json", content, "config.json with a hidden_size", True)


def _weights(files: Files) -> tuple[str, dict[str, torch.Tensor]]:
    name = next(each for each in sorted(files) if each.endswith(".safetensors"))
    return name, load(files[name])


def no_number(files: Files, random: np.random.Generator, others: dict[str, Files]) -> Fault:
    name, tensors = _weights(files)
    kept = [
        key
        for key, each in tensors.items()
        # what is not part of the model, and a threshold that is not known yet
        if each.is_floating_point() and each.numel() and "threshold" not in key and "masked_spec" not in key
    ]
    kept = [key for key in kept if not key.startswith(("objective.", "pos_conv_embed"))]
    key = kept[int(random.integers(len(kept)))]
    value = (float("nan"), float("inf"), -float("inf"))[int(random.integers(3))]
    tensors[key] = tensors[key].clone()
    tensors[key].view(-1)[int(random.integers(tensors[key].numel()))] = value
    return Fault({**files, name: save(tensors, {"format": "pt"})}, f"{key} has {value}", True)


def other_tensor(files: Files, random: np.random.Generator, others: dict[str, Files]) -> Fault:
    name, tensors = _weights(files)
    key = sorted(tensors)[int(random.integers(len(tensors)))]
    kind = int(random.integers(4))
    if kind == 0:
        del tensors[key]
    elif kind == 1:
        tensors[key] = torch.zeros(*tensors[key].shape, 2)
    elif kind == 2:
        tensors[key] = tensors[key].to(torch.complex64) if tensors[key].is_floating_point() else tensors[key].float()
    else:
        tensors["encoder.layers.9.extra" if "stock" in str(sorted(files)) else "extra"] = torch.zeros(3)
    must = not key.startswith(("objective", "masked_spec")) and "masked_spec" not in key and kind != 3
    return Fault({**files, name: save(tensors, {"format": "pt"})}, f"tensor {key}, kind {kind}", must)


def file_gone(files: Files, random: np.random.Generator, others: dict[str, Files]) -> Fault:
    name = sorted(files_of(files))[int(random.integers(len(files_of(files))))]
    kind = int(random.integers(4))
    must = name == "config.json" or name.endswith((".safetensors", ".index.json"))
    if kind == 0:
        return Fault({k: v for k, v in files.items() if k != name}, f"no {name}", must)
    if kind == 1:
        return Fault({**files, name: None}, f"a folder for {name}", must)
    if kind == 2:
        return Fault({**files, name: b""}, f"empty {name}", must)
    other = sorted(others)[int(random.integers(len(others)))]
    theirs = others[other].get(name)
    return Fault({**files, name: theirs or b"{}"}, f"{name} of {other}", False)


SHARDS = ("../x.safetensors", "/etc/passwd", "", ".", "..", "a/../../x", "\\\\host\\x", "C:\\x", "x\u0000y", "no.safetensors",
          "config.json", 5, None, ["a"], "~/x", "model.safetensors.index.json")  # fmt: skip


def odd_shard(files: Files, random: np.random.Generator, others: dict[str, Files]) -> Fault:
    shards = others["shards"]
    index = json.loads(shards["model.safetensors.index.json"])
    key = sorted(index["weight_map"])[int(random.integers(len(index["weight_map"])))]
    index["weight_map"][key] = SHARDS[int(random.integers(len(SHARDS)))]
    return _with(shards, "model.safetensors.index.json", index, f"shard {index['weight_map'][key]!r}", True)


KINDS: tuple[tuple[Callable[..., Fault], int], ...] = (
    (spoilt_bytes, 4),
    (other_value, 6),
    (ours_misspelt, 2),
    (no_number, 2),
    (other_tensor, 2),
    (file_gone, 2),
    (odd_shard, 1),
)


def fault(whole: dict[str, Files], seed: int) -> tuple[str, Fault]:
    """One model with one thing wrong, always the same for a seed."""
    random = np.random.default_rng(seed)
    name = sorted(whole)[int(random.integers(len(whole)))]
    kinds = [kind for kind, share in KINDS for _ in range(share)]
    return name, kinds[int(random.integers(len(kinds)))](whole[name], random, whole)
