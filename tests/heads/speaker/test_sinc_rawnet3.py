"""RawNet3 on the waveform against ESPnet's classes (AsteroidFrontend, RawNet3Encoder, RawNet3Projector of espnet 202511,
ChnAttnStatPooling at 0ed83fc, ParamSincFB of asteroid-filterbanks 0.4.0), in float64, the constants
of their filters too, with `lively` weights of seed 0."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from public_weights import fill_by_public_names
from sottovoce.encoder.frontend.without_layers import waveform_config
from sottovoce.encoder.stream import ResidualStream, one_channel_each
from sottovoce.errors import AudioError, CheckpointError
from sottovoce.heads.speaker.rawnet.sinc_filterbank import SincFilterbank
from sottovoce.heads.speaker.rawnet.sinc_rawnet3 import SincRawNet3
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.costs import cost
from tiny_models import randomized, tiny_config

TINY = {"filters": 8, "channels": 12, "scale": 3, "wide": 10, "size": 7}
POOLING = {"kind": "channel_attentive", "bottleneck": 5}

NAMES = [
    (r"trunk\.blocks\.(\d)\.enter\.conv\.(.*)", r"encoder.layer#\1.conv1.\2"),
    (r"trunk\.blocks\.(\d)\.enter\.norm\.(.*)", r"encoder.layer#\1.bn1.\2"),
    (r"trunk\.blocks\.(\d)\.groups\.(\d)\.conv\.(.*)", r"encoder.layer#\1.convs.\2.\3"),
    (r"trunk\.blocks\.(\d)\.groups\.(\d)\.norm\.(.*)", r"encoder.layer#\1.bns.\2.\3"),
    (r"trunk\.blocks\.(\d)\.leave\.conv\.(.*)", r"encoder.layer#\1.conv3.\2"),
    (r"trunk\.blocks\.(\d)\.leave\.norm\.(.*)", r"encoder.layer#\1.bn3.\2"),
    (r"trunk\.blocks\.(\d)\.past\.weight", r"encoder.layer#\1.residual.0.weight"),
    (r"trunk\.blocks\.(\d)\.scaling\.shift", r"encoder.layer#\1.afms.alpha"),
    (r"trunk\.blocks\.(\d)\.scaling\.scale\.(.*)", r"encoder.layer#\1.afms.fc.\2"),
    (r"trunk\.aggregate\.(.*)", r"encoder.layer4.\1"),
    (r"filterbank\.gain", "frontend.norm.weight"),
    (r"filterbank\.offset", "frontend.norm.bias"),
    (r"pooling\.norm\.(.*)", r"pooling.attention.2.\1"),
    (r"pooling\.score\.(.*)", r"pooling.attention.3.\1"),
    (r"pooling\.hidden\.bias", "pooling.attention.0.bias"),
    (r"norm\.(.*)", r"projector.bn.\1"),
    (r"embed\.(.*)", r"projector.fc.\1"),
]
NAMES = [
    (ours.replace(r"(\d)", str(i), 1), theirs.replace("#\\1", str(i + 1)).replace("\\2", "\\1").replace("\\3", "\\2"))
    for ours, theirs in NAMES
    if "#" in theirs
    for i in range(3)
] + [row for row in NAMES if "#" not in row[1]]
"""Ours -> theirs, whose blocks count from 1."""

FEATURES = [
    [0.4804681, -1.6953036, 0.8254951, -0.7130383, 1.0063979, 1.1657201, -0.172036, 0.5227184]
    + [0.4612197, 0.51267, 0.3122324, 0.6909545],
    [-0.3477249, 1.1290645, 1.0032524, -0.6464937, -1.9847195, -1.835369, -0.2948835, 0.8244657]
    + [-2.2684894, -1.5779637, -0.5563279, 0.1419468],
]
"""The first twelve numbers of frames 0, 97, ... of each utterance, for 0.1 * randn(2, 8000) of seed 0."""

LOW = torch.tensor([30.000019073486328, 652.4361572265625, 1805.5933837890625, 3941.99365234375])
BAND = torch.tensor([622.4361572265625, 1153.1572265625, 2136.400390625, 3958.00634765625])
"""The bands of ``ParamSincFB(8, 251)`` before training, in hertz; theirs are computed in float32."""

EMBEDDINGS = [
    [0.3257651, 0.5965128, 0.6472171, -0.9213178, -0.0459449, 0.0343034, 0.0768534],
    [0.2621076, 0.6715488, 0.6817579, -0.8855208, -0.0766066, -0.0126911, 0.1234721],
]


def their_head() -> SincRawNet3:
    head = SincRawNet3(ResidualStream((0,), 1, one_channel_each(1)), 1, pooling=POOLING, **TINY)
    parts = {  # bands in hertz, around those that theirs begins with
        "filterbank.low": lambda draw: LOW[:, None] * (1 + draw("frontend.conv.filterbank.low_hz_", 4, 1)),
        "filterbank.band": lambda draw: BAND[:, None] * (1 + draw("frontend.conv.filterbank.band_hz_", 4, 1)),
        "pooling.hidden.weight": lambda draw: draw("pooling.attention.0.weight", 5, 30, 1)[:, :10],
        "pooling.context.weight": lambda draw: draw("pooling.attention.0.weight", 5, 30, 1)[:, 10:],
    }
    return fill_by_public_names(head, NAMES, parts)


def noise(samples: int = 8000) -> torch.Tensor:
    return 0.1 * torch.randn(2, samples, generator=torch.Generator().manual_seed(0)).double()


@torch.no_grad()
def test_it_equals_the_public_classes():
    head, wave = their_head(), noise()
    features, mask = head.filterbank(wave)
    assert features.shape == (2, 8, 485) and mask is None
    found = features.transpose(1, 2)[:, ::97].flatten(1)[:, :12]
    assert (found - torch.tensor(FEATURES).double()).abs().max() < 1e-6
    assert (head([wave[..., None]]) - torch.tensor(EMBEDDINGS).double()).abs().max() < 1e-6


def test_the_bands_before_training():
    filterbank = SincFilterbank(8, 251, 16)
    assert (filterbank.low - LOW).abs().max() < 2e-3 and (filterbank.band - BAND).abs().max() < 2e-3


def test_the_published_size():
    head = SincRawNet3(ResidualStream((0,), 1, one_channel_each(1)), 1, size=192)
    assert sum(p.numel() for p in head.parameters()) == 16_082_626


def model(**options) -> TaskModel:
    torch.manual_seed(0)
    head = {"kind": "sinc_rawnet3", "pooling": POOLING, **TINY, **options}
    config = TaskConfig(encoder=waveform_config(), head=head, scoring="cosine", task="verification")
    found = randomized(TaskModel(config))
    generator = torch.Generator().manual_seed(1)
    for path, buffer in found.named_buffers():
        if "running_" in path:
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
    return found.eval()


@pytest.mark.parametrize("samples", [475, 800, 5003])
@torch.no_grad()
def test_padding_changes_nothing(samples):
    found, wave = model().double(), noise()
    lengths = torch.tensor([8000, samples])
    together = found(wave, lengths).output
    alone = found(wave[1:, :samples]).output
    assert (together[1:] - alone).abs().max() < 1e-9 * alone.abs().max()
    wave[1, samples:] = 3.0
    assert (together - found(wave, lengths).output).abs().max() < 1e-9 * alone.abs().max()


def test_costs_are_counted():
    found = model()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        found(torch.randn(1, 16_000))
    counted = cost(found, 1.0)
    assert counted.params == sum(p.numel() for p in found.parameters())
    assert counted.macs == pytest.approx(counter.get_total_flops() / 2, rel=1e-3)


def test_it_learns_from_every_parameter():
    found = model().train()
    found(noise().float(), torch.tensor([8000, 6000])).output.square().sum().backward()
    idle = [name for name, p in found.head.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert {name.rpartition(".")[2] for name in idle} <= {"bias"}, idle


def test_saved_and_loaded_it_is_the_same(tmp_path):
    found = model()
    found.save_pretrained(tmp_path)
    again = TaskModel.from_pretrained(tmp_path).eval()
    assert torch.equal(found(noise().float()).output, again(noise().float()).output)


def test_what_it_refuses():
    found = model()
    with pytest.raises(AudioError, match="an utterance of 474 samples; this network needs at least 475"):
        found(torch.randn(1, 474))
    for changes, message in (
        ({"filters": 7}, "7 filters make no pairs"),
        ({"taps": 250}, "the number of filter taps must be odd, not 250"),
        ({"channels": 13}, "13 channels do not make 3 equal groups"),
    ):
        with pytest.raises(CheckpointError, match=message):
            model(**changes)
    with pytest.raises(CheckpointError, match="sinc_rawnet3 reads the waveform, and the encoder gives 3 hidden states"):
        TaskModel(TaskConfig(encoder=tiny_config(), head={"kind": "sinc_rawnet3"}, scoring="cosine"))
