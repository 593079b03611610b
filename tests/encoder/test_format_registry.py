"""Other checkpoint formats are reached through what is registered; a copy of the modeling code has nothing registered."""

import json

import pytest
import torch

from sottovoce.encoder.loading.format_registry import FOREIGN_FORMATS
from sottovoce.encoder.loading.model_names import RECIPE_NAMES, hub_id
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import CheckpointError
from sottovoce.models.loading import load_pretrained
from sottovoce.models.task_model import TaskModel
from tiny_models import tiny_config, tiny_model


class Reader:
    """A format whose every checkpoint is one tiny encoder full of ones."""

    def load(self, name, files=None):
        weights = SpeechEncoder(tiny_config()).state_dict()
        return tiny_config(), {name: torch.ones_like(tensor) for name, tensor in weights.items()}, []

    def has_task(self, name, fields):
        return False


@pytest.fixture
def foreign(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "elsewhere"}))
    return tmp_path


@pytest.mark.parametrize("load", [SpeechEncoder.from_pretrained, load_pretrained])
def test_what_is_registered_reads_checkpoints(load, foreign, monkeypatch):
    with pytest.raises(CheckpointError, match="model_type 'elsewhere' is not supported"):
        load(foreign)
    monkeypatch.setattr(FOREIGN_FORMATS, "_load", Reader)
    assert all((tensor == 1).all() for tensor in load(foreign).state_dict().values())


@pytest.mark.parametrize("model", [SpeechEncoder, TaskModel])
def test_with_nothing_registered_only_our_own_format_is_read(model, foreign, tmp_path, monkeypatch):
    monkeypatch.setattr(FOREIGN_FORMATS, "_load", None)
    with pytest.raises(CheckpointError, match="not a sottovoce model, .* reads no other format; install sottovoce"):
        model.from_pretrained(foreign)
    whole = tiny_model()
    saved = whole if model is TaskModel else whole.encoder
    saved.save_pretrained(tmp_path / "ours")
    loaded = dict(model.from_pretrained(tmp_path / "ours").state_dict())
    torch.testing.assert_close(loaded, dict(saved.state_dict()), rtol=0, atol=0, equal_nan=True)


def test_a_recipe_is_known_by_its_name_where_recipes_are(monkeypatch):
    with pytest.raises(CheckpointError, match="demo: is a recipe, not a model"):
        hub_id("demo")
    monkeypatch.setattr(RECIPE_NAMES, "_load", None)
    with pytest.raises(CheckpointError, match="demo: no such file or directory"):
        hub_id("demo")
