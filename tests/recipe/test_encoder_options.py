import numpy as np
import pytest
import torch

from sottovoce.errors import CheckpointError, RecipeError, TrainingError
from sottovoce.recipe.encoder_options import EncoderOptions
from sottovoce.tasks.diarization import Diarization
from sottovoce.tasks.verification import Verification
from sottovoce.training.filters import mel_filters
from tiny_models import speech, tiny_encoder, tiny_model

TASK = Verification.model_validate({"head": {"mhfa": {"width": 6, "heads": 3, "size": 10}}})
SMALL = {"hidden_size": 16, "layers": 2, "heads": 2, "ffn": 24, "conv_channels": [8] * 7, "positional_groups": 2}


def test_a_new_encoder_is_a_function_of_the_seed():
    options = EncoderOptions.model_validate({"config": SMALL})
    one, same, other = (options.build(TASK, seed) for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not torch.equal(one.head.project.weight, other.head.project.weight)
    assert one.shape["encoder"]["layers"][0] == {"attention": {"heads": [0, 1]}, "feed_forward": {"units": 24}}
    assert one.head.size == 10 and one.scoring is not None


def test_a_filterbank_alone_is_an_encoder_without_layers():
    alone = {**SMALL, "layers": 0, "front_end": "filterbank", "conv_channels": None, "positional_groups": None,
             "hidden_size": 80, "layer": "pre_norm", "position": "none"}  # fmt: skip
    model = EncoderOptions.model_validate({"config": alone}).build(TASK, 0).eval()
    assert model.shape["encoder"]["layers"] == [] and len(model.encoder(speech()).hidden_states) == 1


def test_an_encoder_gets_a_new_head(tmp_path):
    encoder = tiny_encoder(dropout=0.1)
    encoder.save_pretrained(tmp_path)
    model = EncoderOptions.model_validate({"from": str(tmp_path), "dropout": 0.3}).build(TASK, 0)
    assert torch.equal(model.encoder(speech()).last_hidden_state, model.encoder(speech()).last_hidden_state) is False
    assert torch.equal(model.eval().encoder(speech()).last_hidden_state, encoder(speech()).last_hidden_state)
    assert {m.p for m in model.modules() if isinstance(m, torch.nn.Dropout)} == {0.3}


def test_a_task_model_keeps_its_head(tmp_path):
    before = tiny_model(dropout=0.2)
    before.save_pretrained(tmp_path)
    model = EncoderOptions.model_validate({"from": str(tmp_path), "dropout": 0.0}).build(TASK, 0)
    assert torch.equal(model.train()(speech()).output, before(speech()).output)


def test_the_encoder_of_a_model_for_another_task(tmp_path):
    before = tiny_model()
    before.save_pretrained(tmp_path)
    task = Diarization(head={"speakers": 2, "width": 12, "blocks": 1, "inner": 8, "heads": 2, "kernel": 3})
    with pytest.raises(RecipeError, match="a model for verification, the recipe for diarization.* head: new"):
        EncoderOptions.model_validate({"from": str(tmp_path)}).build(task, 0)
    model = EncoderOptions.model_validate({"from": str(tmp_path), "head": "new"}).build(task, 0).eval()
    assert model.config.task == "diarization" and model(speech()).output.shape[-1] == 4
    expected = before.eval().encoder(speech()).hidden_states
    for one, other in zip(model.encoder(speech()).hidden_states, expected, strict=True):
        assert torch.equal(one, other)
    # A head of the same task, but a new one.
    again = EncoderOptions.model_validate({"from": str(tmp_path), "head": "new"}).build(TASK, 0)
    assert not torch.equal(again.head.project.weight, before.head.project.weight)


def test_what_is_not_there_is_told():
    with pytest.raises(CheckpointError, match="nowhere"):
        EncoderOptions.model_validate({"from": "./nowhere"}).build(TASK, 0)


def test_mel_filters_pass_their_band_and_little_else():
    filters = mel_filters(160, 400).double().numpy()
    gains = np.abs(np.fft.rfft(filters, 16_000))[:, :8000]  # one bin a hertz
    peaks = gains.argmax(1).reshape(40, 4)
    assert (peaks.max(1) - peaks.min(1) <= 30).all()  # four phases of one band
    centers = peaks.mean(1)
    assert (np.diff(centers) > 0).all() and centers[0] < 150 and centers[-1] > 7000
    mel = 2595 * np.log10(1 + centers / 700)
    assert np.diff(mel).std() < 0.25 * np.diff(mel).mean()
    # Sum of rectified phases is nearly the envelope: a tone gives the same wherever it starts.
    time = np.arange(400) / 16_000
    sums = [np.maximum(filters[40:44] @ np.cos(2 * np.pi * centers[10] * time + p), 0).sum() for p in range(7)]
    assert max(sums) / min(sums) < 1.45
    with pytest.raises(TrainingError, match="multiple of 4"):
        mel_filters(62, 400)


def test_filters_are_put_into_the_first_convolution():
    config = SMALL | {"conv_channels": [16, 8], "conv_kernel": [320, 2], "conv_stride": [160, 2]}
    model = EncoderOptions.model_validate({"config": config, "filters": "mel"}).build(TASK, 0)
    assert torch.equal(model.encoder.frontend.conv[0].conv.weight[:, 0], mel_filters(16, 320))
    with pytest.raises(ValueError, match="new encoder with convolutions"):
        EncoderOptions.model_validate({"from": "x", "filters": "mel"})
