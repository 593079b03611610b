"""`load`: the network of whatever is there, the same as Transformers loads, and for the task that is wanted."""

from __future__ import annotations

import pytest
import torch

from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import CheckpointError
from sottovoce.models.loading import COMMANDS, check_task, load, load_pretrained
from sottovoce.models.task_model import TaskModel
from sottovoce.models.task_network import TaskNetwork
from sottovoce.tasks.registry import TASKS
from tiny_models import tiny_encoder, tiny_model


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float64])
@pytest.mark.parametrize("make", [tiny_encoder, tiny_model], ids=["encoder", "task"])
def test_states_and_types_are_those_of_the_model(make, dtype, tmp_path):
    make().to(dtype).save_pretrained(tmp_path)
    kind = TaskModel if make is tiny_model else SpeechEncoder
    network, model = load(tmp_path), kind.from_pretrained(tmp_path)
    assert not isinstance(network, kind) and not network.training
    assert torch.get_default_dtype() == torch.float32
    assert {n: t.dtype for n, t in network.named_buffers()} == {n: t.dtype for n, t in model.named_buffers()}
    assert network.dtype == model.dtype == dtype and network.device == model.device
    wanted, state = model.state_dict(), network.state_dict()
    assert state.keys() == wanted.keys() and all(
        torch.equal(state[name].nan_to_num(7.0), wanted[name].nan_to_num(7.0))
        for name in wanted  # NaN: not known yet
    )
    wave = torch.randn(1, 8_000, dtype=dtype)
    with torch.no_grad():
        assert torch.equal(network(wave).hidden_states[-1], model(wave).hidden_states[-1])


def test_weights_that_are_no_numbers_are_refused(tmp_path):
    model = tiny_model()
    model.head.state_dict()[next(iter(model.head.state_dict()))].fill_(float("nan"))
    model.save_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match="NaN"):
        load(tmp_path)


def test_a_model_is_loaded_for_its_task_alone(tmp_path):
    tiny_model().save_pretrained(tmp_path / "speaker")
    tiny_encoder().save_pretrained(tmp_path / "encoder")
    assert type(load(tmp_path / "speaker", "verification")) is TaskNetwork
    said = (
        r"speaker: this is a model for verification \(`sottovoce embed` runs it\) and not for spoofing; make one with "
    )
    with pytest.raises(CheckpointError, match=said + "`sottovoce compress` and a recipe for spoofing$"):
        load(tmp_path / "speaker", task="spoofing")
    with pytest.raises(
        CheckpointError, match="encoder: this is an encoder without a head and no model for recognition"
    ):
        load(tmp_path / "encoder", task="recognition")
    nameless = load(tmp_path / "speaker")
    nameless.config.task = ""
    with pytest.raises(CheckpointError, match="a model for no task that its config names and not for verification"):
        check_task(nameless, "verification")


def test_every_task_has_a_command():
    assert COMMANDS.keys() <= set(TASKS) and len(COMMANDS) == 5  # other packages may add tasks


def test_pretrained_models_are_those_of_transformers(tmp_path):
    tiny_model().save_pretrained(tmp_path)
    assert type(load_pretrained(tmp_path)) is TaskModel
    assert type(load_pretrained(tmp_path, encoder_only=True)) is SpeechEncoder
