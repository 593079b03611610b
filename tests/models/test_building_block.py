"""Embeddings and frames as a part of another network: one path for tensors, files and scoring, with gradients."""

import numpy as np
import pytest
import torch
from torch import nn

from sottovoce import load
from sottovoce.errors import AudioError, CheckpointError
from sottovoce.inference.embedding_files import write_embeddings
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from tiny_models import HEAD, randomized, speech, tiny_config, tiny_encoder, tiny_model


@pytest.fixture(scope="module")
def speaker(tmp_path_factory):
    place = tmp_path_factory.mktemp("speaker")
    tiny_model().save_pretrained(place)
    return load(place)


def test_the_embedding_is_the_output_and_padding_does_not_matter(speaker):
    waves, lengths = speech(2, 8000), torch.tensor([8000, 5000])
    found = speaker.embed(waves, lengths)
    assert torch.equal(found, speaker(waves, lengths).output) and found.shape == (2, 10)
    assert torch.allclose(found[1], speaker.embed(waves[1, :5000]), atol=1e-5)


def test_gradients_reach_the_waveform_as_finite_differences_say(speaker):
    network = tiny_model().double()
    wave = speech(1, 4000)[0].double().requires_grad_()
    for compute in (network.embed, lambda x: network.frame_features(x, layer=1).frames):
        direction = torch.randn(compute(wave).shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        (gradient,) = torch.autograd.grad((compute(wave) * direction).sum(), wave)
        step = 1e-6 * torch.randn(wave.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
        with torch.no_grad():
            difference = ((compute(wave + step) - compute(wave - step)) * direction).sum() / 2
        assert difference.abs() > 1e-9 and torch.allclose(difference, (gradient * step).sum(), rtol=1e-5)


def test_a_network_around_it_trains_it_or_not(speaker):
    class TargetSpeech(nn.Module):
        def __init__(self, voice):
            super().__init__()
            self.voice, self.mask = voice, nn.Linear(10, 1)

        def forward(self, mixture, enrollment):
            return mixture * torch.sigmoid(self.mask(self.voice.embed(enrollment)))

    outer = TargetSpeech(tiny_model())
    outer(speech(2), speech(2, seed=1)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in outer.voice.encoder.layers.parameters())
    outer = TargetSpeech(tiny_model().requires_grad_(False))
    outer(speech(2), speech(2, seed=1)).square().mean().backward()
    assert outer.mask.weight.grad is not None and all(p.grad is None for p in outer.voice.parameters())


@pytest.mark.parametrize("layer", [0, 1, 2, -1, -3])
def test_frame_features_are_the_hidden_states(speaker, layer):
    waves, lengths = speech(2, 8000), torch.tensor([8000, 5000])
    states = speaker(waves, lengths)
    for network in (speaker, tiny_model().encoder):
        found = network.frame_features(waves, lengths, layer=layer)
        assert torch.equal(found.frames, states.hidden_states[layer]) and torch.equal(found.lengths, states.lengths)
    alone = speaker.frame_features(waves[1, :5000], layer=layer)
    assert alone.lengths == states.lengths[1]
    assert torch.allclose(alone.frames, states.hidden_states[layer][1, : alone.lengths], atol=1e-5)


def test_later_layers_are_not_computed():
    encoder = tiny_encoder()
    encoder.layers[1].forward = None
    encoder.frame_features(speech(), layer=1)
    with pytest.raises(TypeError):
        encoder.frame_features(speech(), layer=2)


def test_a_classifier_embeds_what_it_classifies():
    head = {"kind": "classifier", "embedding": HEAD, "classes": 2}
    config = TaskConfig(encoder=tiny_config(), head=head, scoring="llr", task="spoofing", labels=["spoof", "bonafide"])
    model = randomized(TaskModel(config)).eval()
    states = model(speech())
    assert torch.equal(model.embed(speech()), model.head.embedding(states.hidden_states, states.lengths))


def test_what_cannot_be_done_is_said(speaker):
    config = TaskConfig(
        encoder=tiny_config(),
        head={"kind": "ctc", "outputs": 3, "width": 8},
        task="recognition",
        labels=["<blank>", "a", "b"],
    )
    with pytest.raises(CheckpointError, match="the head ctc makes no embedding; take frame_features"):
        TaskModel(config).embed(speech())
    with pytest.raises(IndexError, match="layer 3: there are 3 hidden states; give 0 to 2"):
        speaker.frame_features(speech(), layer=3)
    with pytest.raises(AudioError, match="floats|float"):
        speaker.embed(torch.zeros(8000, dtype=torch.int16))
    with pytest.raises(AudioError):
        speaker.embed(torch.zeros(10))


def test_a_head_that_reads_the_final_norm_gets_it(tmp_path):
    fields = {"kind": "x_vector", "fusion": "last", "size": 10}
    model = randomized(TaskModel(TaskConfig(encoder=tiny_config(), head=fields, scoring="cosine", task="verification")))
    assert torch.equal(model.eval().embed(speech()), model(speech()).output)


def test_written_embeddings_have_no_graph(speaker, tmp_path):
    path = write_embeddings(tmp_path / "x", ["a", "b"], list(speaker.embed(speech())))
    assert path.name == "x.npz" and np.load(path)["embeddings"].shape == (2, 10)
