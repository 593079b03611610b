"""The smallest encoder and task model that have every part."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import torch

from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel

HEAD = {"kind": "mhfa", "width": 6, "heads": 3, "size": 10}


def tiny_config(layers: int = 2, dropout: float = 0.0) -> EncoderConfig:
    shape = uniform_shape(
        hidden_size=16,
        layers=layers,
        heads=2,
        ffn=24,
        conv_channels=(8,) * 7,
        positional_groups=2,
        positional_taps=(8,),
    )
    return EncoderConfig(
        shape=shape, head_dim=8, attention_heads=2, conv_norm="layer", layer="pre_norm", dropout=dropout
    )


def randomized(model: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Every parameter random, biases and norms too, so that nothing is equal by accident."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter + 0.1 * torch.randn(parameter.shape, generator=generator))
    return model


def tiny_encoder(layers: int = 2, seed: int = 0, dropout: float = 0.0) -> SpeechEncoder:
    torch.manual_seed(seed)
    return randomized(SpeechEncoder(tiny_config(layers, dropout)), seed).eval()


def tiny_model(layers: int = 2, seed: int = 0, dropout: float = 0.0) -> TaskModel:
    torch.manual_seed(seed)
    config = TaskConfig(encoder=tiny_config(layers, dropout), head=HEAD, scoring="cosine", task="verification")
    return randomized(TaskModel(config), seed).eval()


def speech(batch: int = 2, samples: int = 8000, seed: int = 0) -> torch.Tensor:
    return 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(seed))


ELSEWHERE = """
import sys
sys.modules["sottovoce"] = None
import torch
from transformers import AutoConfig, AutoModel
model = AutoModel.from_pretrained(sys.argv[1], trust_remote_code=True).eval()
assert type(model).__name__ == "TaskModel" and not any(m == "sottovoce" for m in sys.modules if sys.modules[m])
torch.save(model(torch.load(sys.argv[2])).output.detach(), sys.argv[3])
"""


def output_elsewhere(model: TaskModel, waves: torch.Tensor, place: Path) -> torch.Tensor:
    """What a portable copy of ``model`` gives in a process that cannot import this package."""
    model.save_pretrained(place / "model", portable=True)
    torch.save(waves, place / "wave.pt")
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, *(str(place / name) for name in ("model", "wave.pt", "out.pt"))],
        env={**os.environ, "HF_MODULES_CACHE": str(place / "cache")},
        cwd=place,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return torch.load(place / "out.pt")


def downsampling_encoder(factor=2, layer="pre_norm", front_end="filterbank", seed=0):
    mel = front_end == "filterbank"
    shape = uniform_shape(
        hidden_size=16,
        layers=2,
        heads=2,
        ffn=24,
        conv_channels=None if mel else (8,) * 7,
        positional_groups=None if layer == "conformer" else 2,
        positional_taps=(8,),
        convolution=20 if layer == "conformer" else None,
    )
    config = EncoderConfig(
        shape=shape,
        front_end=front_end,
        head_dim=8,
        attention_heads=2,
        conv_norm="layer",
        layer=layer,
        position="none",
        depthwise_kernel=5,
        downsampling=factor,
    )
    torch.manual_seed(seed)
    return randomized(SpeechEncoder(config), seed).eval()
