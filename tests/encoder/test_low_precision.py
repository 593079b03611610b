"""Every encoder and every head in low precision on a CPU: no convolution runs in it, on whatever processor.

That some processors compute such convolutions wrongly cannot be seen on others; that none is asked for can.
"""

from __future__ import annotations

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from families import FAMILIES, randomize, speech
from sottovoce.encoder.config import EncoderConfig
from sottovoce.encoder.frontend.without_layers import filterbank_config, waveform_config
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.streaming.chunks import Chunks
from sottovoce.encoder.streaming.encoder_stream import EncoderStream
from sottovoce.heads.registry import HEADS
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from tiny_models import randomized, tiny_config

LOW = (torch.bfloat16, torch.float16)
HEAD_OPTIONS = {
    "mhfa": {"width": 6, "heads": 3, "size": 10},
    "pooled": {"size": 7},
    "x_vector": {"channels": 9, "wide": 11, "size": 7},
    "ecapa_tdnn": {"channels": 12, "scale": 3, "wide": 10, "size": 7},
    "wespeaker_ecapa": {"channels": 12, "scale": 3, "wide": 10, "size": 7},
    "rawnet3": {"channels": 12, "scale": 3, "wide": 10, "size": 7},
    "mfa_conformer": {"width": 8, "blocks": 1, "inner": 12, "heads": 2, "kernel": 17, "size": 7, "entry": "linear"},
    "ska_tdnn": {"channels": 12, "scale": 3, "wide": 10, "size": 7, "bins": 10, "maps": 4},
    "plain_xvector": {"channels": [8, 8, 8, 8, 12], "size": 7},
    "aasist": {"bands": 13, "channels": [3, 4, 4], "width": 5},
    "resnet": {"depth": "18", "channels": 4, "size": 6},
    "cam_plus_plus": {"growth": 4, "bottleneck": 2, "channels": 8, "size": 6},
    "sinc_rawnet3": {"filters": 8, "channels": 12, "scale": 3, "wide": 10, "size": 7},
    "sinc_aasist": {"filters": 7, "taps": 9, "channels": [3, 4, 4], "width": 5},
    "sls": {"width": 10, "size": 6},
    "classifier": {"classes": 3, "embedding": {"kind": "aasist", "bands": 13, "channels": [3, 4], "width": 5}},
    "ctc": {"outputs": 5, "width": 8},
    "frame_classifier": {"classes": 3},
    "mean_classifier": {"classes": 3, "width": 8},
    "powerset": {"speakers": 2, "width": 8, "blocks": 1, "inner": 8, "heads": 2, "kernel": 31},
    "transducer": {"outputs": 5, "predictor": 12, "width": 8},
}
ON_THE_WAVEFORM = ("sinc_aasist", "sinc_rawnet3")
"""Heads with a front end of their own."""

HOW = pytest.mark.parametrize(
    ("dtype", "autocast"),
    [
        pytest.param(torch.bfloat16, True, id="bfloat16-autocast"),
        pytest.param(torch.float16, False, id="float16-model", marks=pytest.mark.slow),
        pytest.param(torch.bfloat16, False, id="bfloat16-model", marks=pytest.mark.slow),
        pytest.param(torch.float16, True, id="float16-autocast", marks=pytest.mark.slow),
    ],
)


class Convolutions(TorchDispatchMode):
    """Collects the convolutions, of gradients too, that run on a CPU; ``low``: those of them in low precision."""

    def __init__(self):
        super().__init__()
        self.all: list[str] = []
        self.low: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if "conv" in str(func):
            tensors = [t for t in tree_leaves((args, kwargs, out)) if isinstance(t, torch.Tensor)]
            self.all += [str(func)]
            self.low += [f"{func} of {t.dtype}" for t in tensors if t.dtype in LOW and t.device.type == "cpu"]
        return out


def in_low_precision(model, dtype, autocast, samples=(2600, 1900), **inputs) -> Convolutions:
    """What runs in training (forward, backward) and in inference."""
    inputs["waveform"], inputs["lengths"] = speech(*samples)
    model = model.train() if autocast else model.to(dtype).train()
    with Convolutions() as seen:
        with torch.autocast("cpu", dtype=dtype, enabled=autocast):
            out = model(**inputs)
            out = out.last_hidden_state if isinstance(model, SpeechEncoder) else out.output
        assert torch.isfinite(out).all()
        out.float().square().mean().backward()
        model.eval()
        with torch.no_grad(), torch.autocast("cpu", dtype=dtype, enabled=autocast):
            model(**inputs)
    gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    assert len(gradients) > 10
    assert [name for name, gradient in gradients.items() if not torch.isfinite(gradient).all()] == []
    return seen


@HOW
@pytest.mark.parametrize("family", FAMILIES)
def test_encoders_run_no_low_precision_convolution(family, dtype, autocast):
    encoder = SpeechEncoder.from_transformers(randomize(FAMILIES[family](), seed=1))
    seen = in_low_precision(encoder, dtype, autocast)
    assert not seen.low
    assert sum("backward" in name for name in seen.all) and len(seen.all) > 1


@HOW
@pytest.mark.parametrize("kind", HEADS)
def test_heads_run_no_low_precision_convolution(kind, dtype, autocast):
    torch.manual_seed(0)
    head = {"kind": kind, **HEAD_OPTIONS[kind]}
    labels = [str(i) for i in range(head["outputs"])] if "outputs" in head else None
    encoder = waveform_config() if kind in ON_THE_WAVEFORM else tiny_config(1)
    encoder = filterbank_config(bins=16) if kind in ("resnet", "cam_plus_plus") else encoder
    model = randomized(TaskModel(TaskConfig(encoder=encoder, head=head, labels=labels)))
    inputs = {"targets": torch.tensor([[1, 2, 3], [4, 1, 0]])} if kind == "transducer" else {}
    samples = (7200, 6500) if kind in ("plain_xvector", "x_vector") else (2600, 1900)  # whose layers lose frames
    assert not in_low_precision(model, dtype, autocast, samples, **inputs).low


def test_streams_run_no_low_precision_convolution():
    stock = SpeechEncoder.from_transformers(FAMILIES["wav2vec2_bert"]()).config.to_dict()
    encoder = SpeechEncoder(EncoderConfig.from_dict({**stock, "feature_norm": "running"})).bfloat16().eval()
    with Convolutions() as seen:
        stream = EncoderStream(encoder, Chunks(4, left=2))
        stream.push(speech(8000)[0])
    assert seen.all and not seen.low


def test_a_plain_convolution_would_be_seen():
    layer = torch.nn.Conv1d(12, 12, 16).bfloat16()
    with Convolutions() as seen:
        layer(torch.zeros(1, 12, 20, dtype=torch.bfloat16)).sum().backward()
    assert any("backward" in name for name in seen.low) and any("backward" not in name for name in seen.low)
