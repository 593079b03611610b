"""Names of models: a mistyped path is told, and only what can be nothing else is asked of the hub, once."""

import socket
import threading
import time

import pytest
from huggingface_hub import constants

from sottovoce.encoder.loading import hub
from sottovoce.encoder.loading.model_names import hub_id
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import CheckpointError
from sottovoce.models.loading import load, load_pretrained
from sottovoce.models.task_model import TaskModel


@pytest.fixture
def silent(monkeypatch):
    """A hub that takes calls and never answers; how many it took."""
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def take() -> None:
            while True:
                try:
                    taken.append(server.accept()[0])
                except OSError:
                    return

        threading.Thread(target=take, daemon=True).start()
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        hub._answers.cache_clear()
        yield taken
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the models of a run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs/mine/models/prune").mkdir(parents=True)
    (tmp_path / "small").mkdir()
    return tmp_path


PATHS = {
    "runs/mine/models/prnue": "did you mean runs/mine/models/prune?",
    "rnus/mine/models/prune": "did you mean runs/mine/models/prune?",
    "runs/mien": "did you mean runs/mine?",
    "smal": "did you mean small?",
    "./smal": "did you mean small?",
    "runs/other": "a model is a directory, a file, or on the hub with its owner",
    "wavlm-base-plus": "on the hub with its owner (microsoft/wavlm-base-plus)",
    "someone/weights.safetensors": "no such file or directory",
    "someone/recipe.yaml": "no such file or directory",
    "~/nothing": "no such file or directory",
    "/nothing": "no such file or directory",
    "../nothing": "no such file or directory",
    "a/b/c": "no such file or directory",
    "owner/": "no such file or directory",
    "": "no such file or directory",
    "a\0b": "no such file or directory",
    "x" * 5000: "no such file or directory",
    "hybrid-spoofing": "is a recipe, not a model; carry it out (sottovoce compress hybrid-spoofing)",
}


def encoder_of(name):
    return load_pretrained(name, encoder_only=True)


@pytest.mark.parametrize("name", PATHS)
def test_what_looks_like_a_path_is_never_asked_of_the_hub(here, silent, name):
    for loads in (SpeechEncoder.from_pretrained, TaskModel.from_pretrained, load, load_pretrained, encoder_of):
        with pytest.raises(CheckpointError) as caught:
            loads(name)
        if name:  # an empty one is the folder itself
            assert PATHS[name] in str(caught.value)
        assert len(str(caught.value).splitlines()) == 1 and len(str(caught.value)) < 500
    assert silent == []


@pytest.mark.parametrize("name", ["microsoft/wavlm-base-plus", "facebook/w2v-bert-2.0", "Qwen/Qwen2.5-0.5B"])
def test_names_of_the_hub(here, name):
    assert hub_id(name) == name


def test_the_hub_is_asked_once_and_not_for_long(here, silent, monkeypatch):
    monkeypatch.setattr(hub, "HUB_TIMEOUT", 0.5)
    began = time.monotonic()
    for loads in (SpeechEncoder.from_pretrained, TaskModel.from_pretrained, load, load_pretrained):
        with pytest.raises(CheckpointError, match="someone/model: no such .* not in the hub's cache, and the hub "):
            loads("someone/model")
    assert len(silent) == 1 and time.monotonic() - began < 30


def test_a_hub_that_says_not_to_be_asked(here, silent, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(CheckpointError, match="HF_HUB_OFFLINE forbids to ask the hub"):
        load("someone/model")
    assert silent == []


def test_a_cached_model_loads_without_the_hub(here, silent, models, monkeypatch):
    """As the hub's cache lays it out."""
    monkeypatch.setattr(hub, "HUB_TIMEOUT", 0.5)
    place = here / "cache/models--someone--small"
    (place / "refs").mkdir(parents=True)
    (place / "refs/main").write_text("0" * 40)
    (place / "snapshots").mkdir()
    (place / "snapshots" / ("0" * 40)).symlink_to(models)
    loaded = SpeechEncoder.from_pretrained("someone/small", cache_dir=here / "cache")
    assert loaded.config.num_hidden_layers == 2 and len(silent) == 1


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    from sottovoce.recipe.encoder_options import new_config
    from sottovoce.runs.recipe import Recipe
    from toy_recipe import toy

    place = tmp_path_factory.mktemp("model")
    options = Recipe.model_validate(toy(tmp_path_factory.mktemp("corpus"))).encoder.config
    SpeechEncoder(new_config(options)).save_pretrained(place)
    return place
