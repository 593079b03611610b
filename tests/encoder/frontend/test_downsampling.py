"""Fewer frames before the layers: what is computed, what it costs, and that it is pruned like everything else."""

import pytest
import torch
import transformers as tf
from torch.utils.flop_counter import FlopCounterMode

from sottovoce.distillation.features import FeatureDistillation
from sottovoce.encoder.config import EncoderConfig
from sottovoce.encoder.frontend.downsampling import Downsampling
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.stream import ResidualStream, one_channel_each
from sottovoce.errors import CheckpointError, DistillationError, RecipeError
from sottovoce.pruning.costs import CostModel, cost
from sottovoce.pruning.gating.gates import Gates
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import compare, slim, slim_and_verify
from sottovoce.recipe.encoder_options import EncoderOptions
from sottovoce.tasks.verification import Verification
from tiny_models import downsampling_encoder, randomized, speech, tiny_encoder, tiny_model

LAYERS = ("pre_norm", "post_norm", "conformer")


def test_it_starts_as_the_mean_and_is_a_map_of_neighbors():
    layer = Downsampling(ResidualStream(tuple(range(3)), 3, one_channel_each(3)), 2)
    layer.initialize()
    x = torch.randn(2, 5, 3)
    with torch.no_grad():
        assert torch.allclose(layer(x)[:, :2], (x[:, 0:4:2] + x[:, 1:4:2]) / 2)
        assert torch.allclose(layer(x)[:, 2], x[:, 4] / 2)  # what is missing is zero
        randomized(layer)
        W, b = layer.weight, layer.bias
        by_hand = x[:, 2] @ W[..., 0].t() + x[:, 3] @ W[..., 1].t() + b
        assert torch.allclose(layer(x)[:, 1], by_hand, atol=1e-6)
    assert [layer.frames(n) for n in (1, 2, 3, 4)] == [1, 1, 2, 2]


@pytest.mark.parametrize("front_end", ["filterbank", "waveform"])
@pytest.mark.parametrize("factor", [2, 3])
@torch.no_grad()
def test_padding_changes_nothing(front_end, factor):
    found, waves = downsampling_encoder(factor, front_end=front_end), speech(3, 9000)
    lengths = torch.tensor([9000, 7777, 6400])
    together = found(waves, lengths)
    for b, length in enumerate(lengths.tolist()):
        alone = found(waves[b : b + 1, :length])
        T = alone.lengths.item()
        assert together.lengths[b] == T == found.timing(length / 16_000).frames
        for one, other in zip(together.hidden_states, alone.hidden_states, strict=True):
            assert (one[b, :T] - other[0]).abs().max() < 1e-4
    plain = downsampling_encoder(1, front_end=front_end)(waves, lengths).lengths
    assert torch.equal(together.lengths, -(-plain // factor))
    assert found.config.samples_per_frame == 320 * factor


@pytest.mark.parametrize("front_end", ["filterbank", "waveform"])
@pytest.mark.parametrize("layer", LAYERS)
def test_cost_is_what_is_there(layer, front_end):
    found = downsampling_encoder(2, layer, front_end)
    counted = cost(found, 4.0)
    assert counted.params == sum(p.numel() for p in found.parameters())
    with FlopCounterMode(display=False) as counter, torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):
        found(speech(1, 64_000))
    assert abs(counted.macs - counter.get_total_flops() / 2) <= 1e-3 * counted.macs
    assert counted.parts["downsampling"].params == 16 * 16 * 2 + 16
    assert (
        counted.parts["layers"].macs < 0.55 * cost(downsampling_encoder(1, layer, front_end), 4.0).parts["layers"].macs
    )


@pytest.mark.parametrize("layer", LAYERS)
def test_the_residual_width_is_pruned_with_it(layer):
    found = downsampling_encoder(2, layer)
    gates, ffns = Gates(found, ["residual", "ffn"]), 4 if layer == "conformer" else 2
    with torch.no_grad():
        gates.log_alpha.copy_(torch.randn(gates.log_alpha.shape, generator=torch.Generator().manual_seed(1)))
    plan = Plan.to_shape(found, {"residual": 10, "ffn": [11] * ffns}, gates.scores())
    frozen = gates.freeze(plan)
    gates.detach()
    small, equality = slim_and_verify(found, frozen)
    assert equality.worst < 1e-9 and tuple(small.downsampling.weight.shape) == (10, 10, 2)
    predicted = CostModel(found, 2.0).cost({name: len(kept) for name, kept in frozen.keep.items()})
    assert predicted == cost(small, 2.0)
    # The proof sees it: a network with other weights there is not equal.
    small.downsampling.weight.data.mul_(1.1)
    twin = downsampling_encoder(2, layer).double()
    assert compare(twin, small.double(), frozen, found.probe()).worst > 1e-3


def test_saved_and_loaded(tmp_path):
    found = slim(downsampling_encoder(2), Plan.to_shape(downsampling_encoder(2), {"residual": 12}))
    found.save_pretrained(tmp_path)
    again = SpeechEncoder.from_pretrained(tmp_path)
    assert torch.equal(again.eval()(speech()).last_hidden_state, found(speech()).last_hidden_state)
    with pytest.raises(CheckpointError, match="downsampling is 0"):
        EncoderConfig(downsampling=0)


def test_put_into_a_trained_encoder_it_starts_as_the_mean(tmp_path):
    before = tiny_encoder()
    before.save_pretrained(tmp_path)
    task = Verification.model_validate({"head": {"mhfa": {"width": 6, "heads": 3, "size": 10}}})
    model = EncoderOptions.model_validate({"from": str(tmp_path), "downsampling": 2}).build(task, 0)
    after = model.encoder.eval()
    with torch.no_grad():
        x = before.frontend(speech(), None)[0]
        assert torch.allclose(after.downsampling(x)[:, :12], (x[:, 0:24:2] + x[:, 1:24:2]) / 2, atol=1e-6)
    kept = before.state_dict()
    assert all(torch.equal(t, kept[n]) for n, t in after.state_dict().items() if not n.startswith("downsampling"))
    after.save_pretrained(tmp_path / "twice")
    with pytest.raises(RecipeError, match="already makes one frame of 2"):
        EncoderOptions.model_validate({"from": str(tmp_path / "twice"), "downsampling": 2}).build(task, 0)


def test_put_into_a_task_model_the_head_stays(tmp_path):
    before = tiny_model()
    before.save_pretrained(tmp_path)
    task = Verification.model_validate({"head": {"mhfa": {"width": 6, "heads": 3, "size": 10}}})
    model = EncoderOptions.model_validate({"from": str(tmp_path), "downsampling": 2}).build(task, 0)
    assert torch.equal(model.head.project.weight, before.head.project.weight)
    assert model(speech()).lengths[0] == -(-before(speech()).lengths[0] // 2)


def test_a_teacher_with_other_frames_is_refused():
    with pytest.raises(DistillationError, match="of the teacher is 20 ms and one of the student 40 ms"):
        FeatureDistillation(downsampling_encoder(1), downsampling_encoder(2), [0, 2])
    FeatureDistillation(downsampling_encoder(2), downsampling_encoder(2), [0, 2])


def test_no_stock_class_has_it():
    stock = tf.WavLMModel(
        tf.WavLMConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8)
    )
    config = SpeechEncoder.from_transformers(stock).config
    config.downsampling = 2
    with pytest.raises(CheckpointError, match="cannot express downsampling=2"):
        SpeechEncoder(config).to_transformers()
