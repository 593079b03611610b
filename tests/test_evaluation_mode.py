"""Networks are in evaluation mode for the time being, also when something fails in it."""

import re
from pathlib import Path

import pytest

import sottovoce
from sottovoce.evaluation_mode import evaluating
from tiny_models import tiny_model


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
