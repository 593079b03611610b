"""Fault 7: a resumed run lost the multipliers, the ramp, the optimizer or the random state."""

import torch

from sottovoce.files import move_into_place
from sottovoce.runs.compression import compress
from sottovoce.training.checkpoints import newest
from toy_recipe import toy, write


def test_everything_that_shapes_the_run_is_in_the_training_state(tmp_path, monkeypatch):
    """The state from which a run is resumed lacked multipliers, ramp or moments of the optimizer, so a resumed run
    ended elsewhere.
    """
    states = []

    def keep(path):
        move_into_place(path)
        if path.suffix == ".ckpt" and "prune" in str(path):
            states.append(torch.load(path, weights_only=True))

    monkeypatch.setattr("sottovoce.training.checkpoints.move_into_place", keep)
    data = toy(tmp_path)
    data["stages"] = data["stages"][:2]
    data["data"]["test"] = {}
    compress(write(data, tmp_path / "toy.yaml"), tmp_path / "run")
    assert [state["global_step"] for state in states] == [2, 4, 6]
    last = states[-1]
    names = last["state_dict"].keys()
    gates = [n for n in names if n.endswith("gates.log_alpha")]
    multipliers = [n for n in names if n.endswith(("lagrangian.l1", "lagrangian.l2"))]
    start = [n for n in names if n.endswith("lagrangian.start")]
    assert len(gates) == 1 and len(multipliers) == 2 and len(start) == 1
    assert any("projections" in n for n in names) and any("objective" in n for n in names)
    assert not any("teacher" in n for n in names)
    # They moved, and what moved them (the optimizer's moments) is there for each of them.
    for name in (*gates, *multipliers):
        assert not torch.equal(states[0]["state_dict"][name], last["state_dict"][name]), name
    assert torch.equal(states[0]["state_dict"][start[0]], last["state_dict"][start[0]])
    groups = {g["name"]: g for g in last["optimizer_states"][0]["param_groups"]}
    moments = last["optimizer_states"][0]["state"]
    for group in ("gates", "multipliers", "encoder", "head", "objective", "projections"):
        assert all(moments[k]["step"] == 6 for k in groups[group]["params"]), group
    assert last["lr_schedulers"][0]["last_epoch"] == 6
    assert newest(tmp_path / "run" / "checkpoints" / "prune") is None  # finished: the states are gone
