"""Chunks of random sizes while training: functions of (seed, stage, step, rank), and nothing else changes."""

import copy

import pytest
import torch
from torch.utils.data import Dataset

from sottovoce.distillation.features import FeatureDistillation
from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.encoder.streaming.chunks import Chunks
from sottovoce.errors import StreamingError
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.recipe.encoder_options import EncoderOptions
from sottovoce.tasks.verification import Verification
from sottovoce.training.loop import Compute, TrainingSetup, fit
from sottovoce.training.random_chunks import RandomChunks, draw_chunks
from sottovoce.training.terms import DistillationTerm
from tiny_models import HEAD, speech

TASK = Verification.model_validate({"head": {"mhfa": {"width": 6, "heads": 3, "size": 10}}})
SMALL = {"hidden_size": 16, "layers": 2, "heads": 2, "ffn": 24, "conv_channels": [8] * 7, "positional_groups": 2}
CONFORMER = {**SMALL, "layer": "conformer", "convolution": 16, "position": "rotary", "positional_groups": None}
FILTERBANK = {**CONFORMER, "front_end": "filterbank", "conv_channels": None}


def streaming_model(seed=0):
    torch.manual_seed(seed)
    shape = uniform_shape(
        hidden_size=16, layers=2, heads=2, ffn=24, conv_channels=None, positional_groups=None, convolution=16
    )
    config = EncoderConfig(
        shape, front_end="filterbank", feature_norm="running", layer="conformer", position="rotary", head_dim=8,
        attention_heads=2, depthwise_kernel=5, causal_convolution=True, chunk_frames=3, left_chunks=2,
        training_chunks=[1, 3, 5], full_context=0.3,
    )  # fmt: skip
    return TaskModel(TaskConfig(encoder=config, head=HEAD, scoring="cosine", task="verification"))


def test_draws_are_what_the_config_says():
    config = streaming_model().config.encoder
    drawn = [draw_chunks(config, seed) for seed in range(2000)]
    assert drawn == [draw_chunks(config, seed) for seed in range(2000)]
    for wanted, share in ((None, 0.3), *((Chunks(size, 2), 0.7 / 3) for size in (1, 3, 5))):
        assert drawn.count(wanted) / 2000 == pytest.approx(share, abs=0.04)
    config.full_context, config.training_chunks = 0.0, None
    assert {draw_chunks(config, seed) for seed in range(20)} == {Chunks(3, 2)}


class Noise(Dataset):
    """Batch ``k`` is a function of ``k``."""

    def __getitem__(self, step):
        return {"waveform": speech(2, 6_400, seed=step), "lengths": torch.tensor([6_400, 4_000]), "ids": ["a", "b"]}


def trained(folder, steps=(6,), accumulate=1):
    """What student and teacher saw in each step, and the weights at the end; in as many runs as there are ``steps``."""
    model, seen = streaming_model(), []
    teacher = streaming_model(seed=1).encoder

    def note(which):
        return lambda encoder, *_: seen.append((which, encoder.chunks))

    model.encoder.register_forward_pre_hook(note("student"))
    teacher.register_forward_pre_hook(note("teacher"))
    for last in steps:
        term = DistillationTerm(FeatureDistillation(teacher, model.encoder, [0, 2]), weight=1.0, lr=1e-3)
        chunks = RandomChunks(model.encoder, teacher, seed=4, stage="test")
        run = TrainingSetup(
            name="test", seed=0, steps=last, batches=lambda rank, world: Noise(), terms=[term], encoder_lr=1e-3,
            head_lr=0.0, weight_decay=0.1, rate=lambda step: 1.0, accumulate=accumulate, checkpoint_every=1,
            callbacks=[chunks],
        )  # fmt: skip
        if last != steps[0]:
            model.load_state_dict(streaming_model(seed=9).state_dict())  # all that is known is on disk
        fit(model, run, Compute("cpu"), folder)
    assert model.encoder.chunks == teacher.chunks == Chunks(3, 2)
    return seen, copy.deepcopy(model.state_dict())


def test_a_resumed_run_draws_what_one_that_was_not_stopped_draws(tmp_path):
    whole, weights = trained(tmp_path / "whole", accumulate=2)
    resumed, same = trained(tmp_path / "resumed", steps=(2, 6), accumulate=2)
    assert resumed == whole and len(whole) == 2 * 2 * 6
    assert all(torch.equal(weights[name], same[name]) for name in weights if name.startswith("encoder."))
    students, teachers = ([chunks for who, chunks in whole if who == name] for name in ("student", "teacher"))
    assert students == teachers and len(set(students)) >= 3
    assert any(a != b for a, b in zip(students[::2], students[1::2], strict=True))  # batches of a step draw alone


@pytest.mark.parametrize("config", [CONFORMER | {"conv_norm": "layer"}, FILTERBANK], ids=["waveform", "filterbank"])
def test_a_recipe_makes_an_encoder_that_streams(config, tmp_path):
    options = EncoderOptions.model_validate({"config": config, "streaming": {"chunks": [4, 8], "left": 1, "full": 0.2}})
    encoder = options.build(TASK, 0).encoder.eval()
    found = encoder.config
    assert (found.chunk_frames, found.left_chunks, found.training_chunks, found.full_context) == (4, 1, [4, 8], 0.2)
    stream, wave = encoder.streaming(), speech(1, 9_000)
    pieces = [stream.push(wave[:, :5_000]), stream.push(wave[:, 5_000:]), stream.flush()]
    streamed = torch.cat([each.last_hidden_state for each in pieces], 1)
    assert torch.allclose(streamed, encoder(wave).last_hidden_state, atol=1e-4)
    assert encoder.chunks == Chunks(4, 1)
    # The same from a checkpoint that was no such encoder.
    plain = EncoderOptions.model_validate({"config": config}).build(TASK, 0).encoder
    assert plain.chunks is None
    plain.save_pretrained(tmp_path)
    again = EncoderOptions.model_validate({"from": str(tmp_path), "streaming": {"chunk": 6}}).build(TASK, 0).encoder
    assert (
        again.chunks == Chunks(6, 4) and again.config.causal_convolution and again.config.training_chunks == [16, 8, 32]
    )
    again.eval().streaming()


def test_a_convolution_made_causal_hears_the_past_as_before(tmp_path):
    """Where nothing was heard of the future, nothing changes: the same frames meet the same taps."""
    for kernel in (5, 6):
        config = FILTERBANK | {"depthwise_kernel": kernel}
        plain = EncoderOptions.model_validate({"config": config}).build(TASK, 0).encoder.eval()
        for parameter in plain.parameters():
            torch.nn.init.normal_(parameter)
        convolutions = [layer.convolution for layer in plain.layers]
        for each in convolutions:
            each.depthwise.weight.data[..., each.padding[0] + 1 :] = 0
        plain.save_pretrained(tmp_path / str(kernel))
        options = {"from": str(tmp_path / str(kernel)), "streaming": {"chunk": 6}}
        streams = EncoderOptions.model_validate(options).build(TASK, 0).encoder.eval()
        for one, other in zip(convolutions, (layer.convolution for layer in streams.layers), strict=True):
            assert one.padding != other.padding
            x = torch.randn(2, 20, 16)
            assert torch.allclose(one(x), other(x), atol=1e-5) and one(x).abs().max() > 0.1


def test_what_cannot_stream_is_told_before_anything_runs(tmp_path):
    with pytest.raises(ValueError, match="GroupNorm.*positional convolution that looks ahead"):
        EncoderOptions.model_validate({"config": SMALL, "streaming": {}})
    for wrong in ({"chunks": []}, {"chunks": [0]}, {"full": 1.0}, {"left": -1}, {"sizes": [3]}):
        with pytest.raises(ValueError, match=f"streaming.{next(iter(wrong))}"):
            EncoderOptions.model_validate({"config": FILTERBANK, "streaming": wrong})
    EncoderOptions.model_validate({"config": SMALL}).build(TASK, 0).encoder.save_pretrained(tmp_path)
    with pytest.raises(StreamingError, match="wavlm cannot stream"):
        EncoderOptions.model_validate({"from": str(tmp_path), "streaming": {}}).build(TASK, 0)
