"""Networks are in evaluation mode for the time being, also when something fails in it."""

import re
from pathlib import Path

import pytest
import torch

import sottovoce
from corpus import write_corpus
from sottovoce.data.audio.segments import Segments
from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.encoder.evaluation_mode import evaluating
from sottovoce.errors import InferenceError
from sottovoce.pruning.importance import activation
from sottovoce.tasks.intent import understand
from sottovoce.tasks.recognition import recognize
from sottovoce.tasks.scoring.embedding import embed_all, embed_segments
from tiny_models import speech, tiny_model


def modes(model):
    return {name: module.training for name, module in model.named_modules()}


def test_every_module_is_in_the_mode_it_was_in():
    model = tiny_model().train()
    model.encoder.layers[0].eval()  # as training rests the norms of what is frozen
    before = modes(model)
    with evaluating(model):
        assert not any(modes(model).values())
    assert modes(model) == before
    with pytest.raises(ZeroDivisionError), evaluating(model, model.head):
        raise ZeroDivisionError
    assert modes(model) == before


def test_only_here_is_the_mode_switched_back():
    """Whoever asks for the mode in order to bring it back would forget it after an error."""
    switches = re.compile(r"= \w+\.training$|\.train\(\w*training\)$", re.MULTILINE)
    root = Path(sottovoce.__file__).parent
    found = {file.name for file in root.rglob("*.py") if switches.search(file.read_text(encoding="utf-8"))}
    assert found == set()


def spoilt(model):
    """Its output is NaN, which every evaluation refuses."""
    torch.nn.init.constant_(model.head.project.bias, torch.nan)
    return model


WAYS = {
    "embeddings": lambda model, cuts: embed_all(model, cuts),
    "segments": lambda model, cuts: embed_segments(model, cuts, Segments(2, 0.2)),
    "texts": lambda model, cuts: recognize(model, cuts, None),
    "meanings": lambda model, cuts: understand(model, cuts),
    "importance": lambda model, cuts: activation(model, [speech()], forward=lambda *_: 1 / 0),
}


@pytest.mark.parametrize("way", WAYS)
def test_an_evaluation_that_fails_leaves_training_as_it_was(way, tmp_path, monkeypatch):
    """After an exception in an evaluation the network stayed in evaluation mode, so that training went on without
    dropout.
    """
    monkeypatch.setattr("sottovoce.tasks.intent.slu_interpreter", lambda model: None)
    model = spoilt(tiny_model()).train()
    model.encoder.layers[0].eval()
    before = modes(model)
    cuts = list(read_cuts(write_corpus(tmp_path, speakers=1, utterances=1) / "train.jsonl.gz"))
    with pytest.raises((InferenceError, ZeroDivisionError)):
        WAYS[way](model, cuts)
    assert modes(model) == before
