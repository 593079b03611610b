"""Speaker models in wespeaker's layout and in pyannote's package of it."""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import torch
import yaml

from public_files import Layout, batch_norm, below, convolution, filled, linear

STAGES = {"18": (2, 2, 2, 2), "34": (3, 4, 6, 3), "152": (3, 8, 36, 3), "221": (6, 16, 48, 3), "293": (10, 20, 64, 3)}


def resnet(depth: str, bins: int, size: int) -> Layout:
    """The state dict of ``ResNet`` with ``TSTP`` and one embedding layer."""
    grown = 1 if depth in ("18", "34") else 4
    found = convolution("conv1", 1, 32, 3, 3, bias=False) | batch_norm("bn1", 32)
    before = 32
    for stage, count in enumerate(STAGES[depth]):
        width = 32 * 2**stage
        for place in range(count):
            at, after = f"layer{stage + 1}.{place}", grown * width
            if grown == 1:
                kernels = [(before, width, 3), (width, width, 3)]
            else:
                kernels = [(before, width, 1), (width, width, 3), (width, after, 1)]
            for n, (i, o, k) in enumerate(kernels, 1):
                found |= convolution(f"{at}.conv{n}", i, o, k, k, bias=False) | batch_norm(f"{at}.bn{n}", o)
            if before != after or (stage and not place):
                found |= convolution(f"{at}.shortcut.0", before, after, 1, 1, bias=False)
                found |= batch_norm(f"{at}.shortcut.1", after)
            before = after
    return found | linear("seg_1", 2 * before * (bins // 8), size)


def ecapa(channels: int, bins: int, size: int, *, context: bool, norm: bool) -> Layout:
    """The state dict of ``ECAPA_TDNN``."""
    found = convolution("layer1.conv", bins, channels, 5) | batch_norm("layer1.bn", channels)
    for place in (2, 3, 4):
        at = f"layer{place}.se_res2block"
        for ends in (0, 2):
            found |= convolution(f"{at}.{ends}.conv", channels, channels, 1) | batch_norm(f"{at}.{ends}.bn", channels)
        for group in range(7):
            found |= convolution(f"{at}.1.convs.{group}", channels // 8, channels // 8, 3)
            found |= batch_norm(f"{at}.1.bns.{group}", channels // 8)
        found |= linear(f"{at}.3.linear1", channels, 128) | linear(f"{at}.3.linear2", 128, channels)
    found |= convolution("conv", 3 * channels, 1536, 1)
    found |= convolution("pool.linear1", 1536 * (3 if context else 1), 128, 1)
    found |= convolution("pool.linear2", 128, 1536, 1) | batch_norm("bn", 3072) | linear("linear", 3072, size)
    return found | (batch_norm("bn2", size) if norm else {})


def write_wespeaker(folder: Path, model: str, layout: Layout, bins: int, size: int, **arguments: object) -> Path:
    """``avg_model.pt`` with the classifier of its training, and ``config.yaml``."""
    settings = {
        "model": model,
        "model_args": {"feat_dim": bins, "embed_dim": size, **arguments},
        "dataset_args": {
            "resample_rate": 16000,
            "fbank_args": {"num_mel_bins": bins, "frame_shift": 10, "frame_length": 25, "dither": 1.0},
        },
        "projection_args": {"project_type": "arc_margin", "scale": 32.0},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    torch.save(filled(layout | {"projection.weight": (9, size)}), folder / "avg_model.pt")
    return folder


class Problem(Enum):
    REPRESENTATION = 3


class Resolution(Enum):
    CHUNK = 2


class Specifications:
    def __init__(self) -> None:
        self.problem, self.resolution, self.duration = Problem.REPRESENTATION, Resolution.CHUNK, 5.0
        self.classes: list[str] = []


def write_pyannote(
    folder: Path, layout: Layout, bins: int, kind: str = "WeSpeakerResNet34", **settings: object
) -> Path:
    """``pytorch_model.bin`` as Lightning saves pyannote's class, with objects of its classes."""
    module = "pyannote.audio.core.task"
    content = {
        "epoch": 0,
        "state_dict": filled(below("resnet.", layout)),
        "pytorch-lightning_version": "1.8.1",
        "hyper_parameters": {
            "sample_rate": 16000,
            "num_channels": 1,
            "num_mel_bins": bins,
            "frame_length": 25,
            **settings,
        },
        "pyannote.audio": {
            "versions": {"torch": torch.torch_version.TorchVersion("2.0.0"), "pyannote.audio": "3.0.0"},
            "architecture": {"module": "pyannote.audio.models.embedding.wespeaker", "class": kind},
            "specifications": Specifications(),
        },
    }
    known = ModuleType(module)
    for each in (Problem, Resolution, Specifications):
        each.__module__ = module
        setattr(known, each.__name__, each)
    parents = {name: ModuleType(name) for name in ("pyannote", "pyannote.audio", "pyannote.audio.core")}
    with patch.dict(sys.modules, parents | {module: known}):
        torch.save(content, folder / "pytorch_model.bin")
    return folder


def cam(bins: int, size: int) -> Layout:
    """The state dict of ``CAMPPlus``; the last batch norm has no weight."""
    found = convolution("head.conv1", 1, 32, 3, 3, bias=False) | batch_norm("head.bn1", 32)
    for stage in (1, 2):
        for place in (0, 1):
            at = f"head.layer{stage}.{place}"
            for n in (1, 2):
                found |= convolution(f"{at}.conv{n}", 32, 32, 3, 3, bias=False) | batch_norm(f"{at}.bn{n}", 32)
            if not place:
                found |= convolution(f"{at}.shortcut.0", 32, 32, 1, 1, bias=False) | batch_norm(f"{at}.shortcut.1", 32)
    found |= convolution("head.conv2", 32, 32, 3, 3, bias=False) | batch_norm("head.bn2", 32)
    found |= convolution("xvector.tdnn.linear", 32 * (bins // 8), 128, 5, bias=False)
    found |= batch_norm("xvector.tdnn.nonlinear.batchnorm", 128)
    width = 128
    for block, layers in enumerate((12, 24, 16), 1):
        for place in range(1, layers + 1):
            at = f"xvector.block{block}.tdnnd{place}"
            found |= batch_norm(f"{at}.nonlinear1.batchnorm", width) | batch_norm(f"{at}.nonlinear2.batchnorm", 128)
            found |= convolution(f"{at}.linear1", width, 128, 1, bias=False)
            found |= convolution(f"{at}.cam_layer.linear_local", 128, 32, 3, bias=False)
            found |= convolution(f"{at}.cam_layer.linear1", 128, 64, 1)
            found |= convolution(f"{at}.cam_layer.linear2", 64, 32, 1)
            width += 32
        found |= batch_norm(f"xvector.transit{block}.nonlinear.batchnorm", width)
        found |= convolution(f"xvector.transit{block}.linear", width, width // 2, 1, bias=False)
        width //= 2
    found |= batch_norm("xvector.out_nonlinear.batchnorm", width)
    found |= convolution("xvector.dense.linear", 2 * width, size, 1, bias=False)
    last = batch_norm("xvector.dense.nonlinear.batchnorm", size)
    return found | {name: shape for name, shape in last.items() if not name.endswith(("weight", "bias"))}
