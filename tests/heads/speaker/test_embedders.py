"""Every embedder against the same network written down plainly, one utterance at a time."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from plain_embedders import embedding
from sottovoce.diarization.models import EmbeddingModel
from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.encoder.stream import ResidualStream, one_channel_each
from sottovoce.encoder.units import collect
from sottovoce.errors import CheckpointError
from sottovoce.heads.embedders import EMBEDDERS, build
from sottovoce.heads.frames import MaskedBatchNorm1d, VectorNorm
from sottovoce.heads.speaker.pooling_head import PoolingHead
from sottovoce.heads.spoofing.spectral_maps import MaskedBatchNorm2d
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.costs import cost
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim_and_verify
from tiny_models import output_elsewhere, randomized, speech, tiny_config

RES2 = {"channels": 12, "scale": 3, "wide": 10, "size": 7}
ATTENTIVE = {"kind": "channel_attentive", "bottleneck": 5}
TINY = {
    "x_vector": {"channels": 9, "wide": 11, "size": 7, "fusion": "linear", "pooling": "statistics"},
    "ecapa_tdnn": {**RES2, "bottleneck": 4, "fusion": "sum", "pooling": ATTENTIVE},
    "wespeaker_ecapa": {
        **{**RES2, "bottleneck": 4, "out_norm": True, "fusion": "sum"},
        "pooling": {"kind": "astp", "bottleneck": 5, "context": True},
    },
    "rawnet3": {**RES2, "fusion": "last", "pooling": ATTENTIVE},
    "mfa_conformer": {
        **{"width": 8, "blocks": 2, "inner": 12, "heads": 2, "kernel": 5, "size": 7},
        **{"fusion": "sum", "pooling": {"kind": "attentive", "bottleneck": 5}},
    },
    "mfa_conformer linear": {
        **{"width": 8, "blocks": 1, "inner": 12, "heads": 2, "kernel": 5, "size": 7, "entry": "linear"},
        **{"fusion": "last", "pooling": "mean"},
    },
    "ska_tdnn": {**RES2, "maps": 4, "bottleneck": 4, "fusion": "linear", "pooling": ATTENTIVE},
    "ska_tdnn mapped": {**RES2, "bins": 10, "maps": 4, "bottleneck": 4, "fusion": "sum", "pooling": ATTENTIVE},
    "pooled": {"size": 7, "fusion": {"kind": "adapters", "width": 5}, "pooling": {"kind": "asp", "bottleneck": 5}},
    "pooled sum": {"width": 6, "size": 7, "fusion": "sum", "pooling": "tstp", "norm": True},
}
KINDS = list(TINY)


def model_of(name: str) -> TaskModel:
    """A tiny encoder with the head; every parameter and every running statistic random."""
    head = {"kind": name.split()[0], **TINY[name]}
    torch.manual_seed(0)
    model = randomized(TaskModel(TaskConfig(encoder=tiny_config(), head=head, scoring="cosine", task="verification")))
    generator = torch.Generator().manual_seed(1)
    for path, buffer in model.named_buffers():
        if "running_" in path:
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))
    return model.eval()


def kind_of(choice) -> str:
    return choice if isinstance(choice, str) else choice["kind"]


@pytest.mark.parametrize("name", KINDS)
@torch.no_grad()
def test_a_padded_batch_equals_the_published_network_on_each_utterance(name):
    model = model_of(name).double()
    encoded = model.encoder(speech().double(), torch.tensor([8000, 5000]))
    got = model.head(encoded.hidden_states, encoded.lengths)
    weights = {path: tensor for path, tensor in model.head.state_dict().items()}
    fusion, pooling = (kind_of(TINY[name][part]) for part in ("fusion", "pooling"))
    for b, T in enumerate(encoded.lengths.tolist()):
        states = [state[b, :T] for state in encoded.hidden_states]
        expected = embedding(name.split()[0], weights, states, fusion, pooling)
        assert (got[b] - expected).abs().max() < 1e-6 * expected.abs().max()


@pytest.mark.parametrize("name", KINDS)
def test_costs_are_counted(name):
    model = model_of(name)
    counted = cost(model, 1.0)
    assert counted.params == sum(p.numel() for p in model.parameters())
    assert counted.parts["head"].params == sum(p.numel() for p in model.head.parameters())
    with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        model(speech(1, 16_000))
    assert counted.macs == counter.get_total_flops() / 2


@pytest.mark.parametrize("name", KINDS)
def test_it_follows_a_narrower_stream_and_is_saved(name, tmp_path):
    model = model_of(name)
    ffn = {f"encoder.layers.{k}.feed_forward.units": n for k, n in enumerate([5, 0])}
    own = {name: 1 for name, unit in collect(model).units.items() if name.startswith("head.") and unit.kind == "ffn"}
    small, equality = slim_and_verify(model, Plan.to_shape(model, {"encoder.residual": 10, **ffn, **own}))
    assert equality.worst < 1e-9
    small.save_pretrained(tmp_path)
    again = TaskModel.from_pretrained(tmp_path).eval()
    assert torch.equal(small(speech()).output, again(speech()).output)


@pytest.mark.parametrize("name", [*KINDS, "mhfa"])
@torch.no_grad()
def test_frames_once_pooled_under_many_masks(name):
    """What diarization needs: the frames of an utterance, and an embedding of those that a mask chooses."""
    TINY.setdefault("mhfa", {"width": 6, "heads": 3, "size": 10})
    model = model_of(name)
    assert isinstance(model.head, PoolingHead)
    embedder = EmbeddingModel(model)
    frames = embedder.frames(speech(1))[0]
    masks = torch.rand(3, len(frames), generator=torch.Generator().manual_seed(0)) < 0.5
    masks[:, 0], masks[1] = True, True
    together = embedder.pool(frames, masks)
    for mask, vector in zip(masks, together, strict=True):
        alone = model.head.pool(frames[None, mask])[0]
        assert (vector - alone).abs().max() < 1e-5
    repeated = model.head.pooled_frames(len(frames)) < len(frames)  # some frames more often than others
    once = model(speech(1)).output[0]
    assert (together[1] - once).abs().max() < (0.1 * once.abs().max() if repeated else 1e-5)


@pytest.mark.parametrize("norm", [MaskedBatchNorm1d, MaskedBatchNorm2d])
def test_batch_statistics_while_training_are_those_of_valid_frames(norm):
    generator = torch.Generator().manual_seed(0)
    shape = (2, 4, 9) if norm is MaskedBatchNorm1d else (2, 4, 3, 9)
    x = torch.randn(shape, generator=generator)
    mask = torch.arange(9) < torch.tensor([[9], [5]])
    layer = norm(4).train()
    got = layer(x, mask)
    heard = torch.cat([x[0], x[1, ..., :5]], dim=-1)  # the two utterances in one row
    expected = (heard - heard.flatten(1).mean(1).view(4, *[1] * (heard.dim() - 1))) / (
        heard.flatten(1).var(1, correction=0).view(4, *[1] * (heard.dim() - 1)) + 1e-5
    ).sqrt()
    assert (torch.cat([got[0], got[1, ..., :5]], dim=-1) - expected).abs().max() < 1e-5
    assert (layer.running_mean - 0.1 * heard.flatten(1).mean(1)).abs().max() < 1e-6


def test_one_utterance_alone_is_normed_by_running_statistics():
    norm, plain = VectorNorm(4), torch.nn.BatchNorm1d(4)
    several = torch.randn(5, 4)
    assert torch.equal(norm(several), plain(several))
    assert torch.equal(norm(several[:1]), plain.eval()(several[:1])) and norm.training
    assert torch.equal(norm.running_var, plain.running_var) and norm.num_batches_tracked == 1


@pytest.mark.parametrize(
    ("kind", "inputs", "options", "millions"),
    [
        ("ecapa_tdnn", 80, {"channels": 512}, 6.2),  # 2005.07143, table 1
        ("ecapa_tdnn", 80, {}, 14.7),
        ("x_vector", 24, {}, 4.5),  # Snyder et al. 2018: 4.2 up to the first linear map of 512; the second has 0.26
        ("pooled", 1024, {"width": None}, None),
    ],
)
def test_published_sizes(kind, inputs, options, millions):
    stream = ResidualStream(tuple(range(inputs)), inputs, one_channel_each(inputs))
    with torch.device("meta"):
        head = build(EMBEDDERS, {"kind": kind, **options}, stream, 25 if kind == "pooled" else 1)
    count = sum(p.numel() for p in head.parameters())
    if millions is not None:
        assert round(count / 1e6, 1) == millions
        return
    # w2v-BERT-2.0_SV: adapters 1024 -> 128 -> 128 on 25 states, statistics of 3,200 channels under attention, 256 numbers.
    adapters = 25 * (1024 * 128 + 128 + 2 * 128 + 128 * 128 + 128)
    attention = 3200 * 128 + 128 + 2 * 128 + 128 * 3200 + 3200
    assert count == adapters + attention + 6400 * 256 + 256


def test_a_network_on_a_filterbank_alone():
    """Plain ECAPA-TDNN: an encoder without layers, whose one hidden state is the filterbank."""
    shape = uniform_shape(hidden_size=80, layers=0, conv_channels=None, positional_groups=None)
    encoder = EncoderConfig(shape=shape, front_end="filterbank", layer="pre_norm", position="none")
    model = TaskModel(TaskConfig(encoder=encoder, head={"kind": "ecapa_tdnn", **RES2, "bottleneck": 4})).eval()
    assert len(model(speech()).hidden_states) == 1
    padded, alone = model(speech(), torch.tensor([8000, 5000])).output, model(speech()[1:, :5000]).output
    assert (padded[1:] - alone).abs().max() < 1e-4
    small, _ = slim_and_verify(model, Plan.to_shape(model, {"encoder.residual": 40}))
    assert small.head.trunk.entry.conv.weight.shape[1] == 40


@pytest.mark.slow  # files are shipped with any head (test_task_model); this one runs elsewhere
def test_portable(tmp_path):
    model = model_of("ecapa_tdnn")
    assert torch.equal(output_elsewhere(model, speech(), tmp_path), model(speech()).output)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"fusion": "mean"}, "the fusion is 'mean'; it can be last, sum, linear, adapters"),
        ({"fusion": {"kind": "sum", "width": 3}}, "fusion sum: .*'width'"),
        (
            {"pooling": "max"},
            "the pooling is 'max'; it can be mean, statistics, tstp, attentive, channel_attentive, asp, astp",
        ),
        ({"pooling": {"kind": "mean", "bottleneck": 3}}, "pooling mean: .*'bottleneck'"),
        ({"fusion": "sum", "width": None}, "head pooled: behind the fusion sum give a width"),
    ],
)
def test_unknown_parts_are_named(options, told):
    with pytest.raises(CheckpointError, match=told):
        TaskModel(TaskConfig(encoder=tiny_config(), head={"kind": "pooled", "width": 4, **options}))


def test_another_number_of_states_is_refused():
    with pytest.raises(ValueError, match="built for 3 hidden states and got 2"):
        model_of("ecapa_tdnn").head([torch.zeros(1, 5, 16)] * 2)
