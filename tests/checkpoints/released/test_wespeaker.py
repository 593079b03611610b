"""Speaker models of wespeaker (wenet-e2e/wespeaker dfa7419) and pyannote's package of them (pyannote-audio b749285c).

Golden outputs: their classes on `lively` weights of seed 0, on the filterbank of kaldi-native-fbank 1.23 (hamming, 16 bins,
samples * 32768, dither 0), minus its mean, of `golden_wave(8000)`.
"""

from __future__ import annotations

import warnings

import pytest
import torch
import yaml

from public_files import batch_norm, below, cheap, close, digest, filled, golden_wave, linear
from sottovoce import load
from sottovoce.checkpoints.released.speakers.wespeaker_heads import head_named
from sottovoce.diarization.models import embedding_model
from sottovoce.errors import CheckpointError
from sottovoce.models.loading import load_pretrained
from wespeaker_files import cam, ecapa, resnet, write_pyannote, write_wespeaker

RESNET = [-0.071375, 0.142877, -0.606131, -0.021561, -0.925516, -0.171066]
ECAPA = [-0.754935, -0.365938, 0.177481, -0.234924, -0.127496, -0.682283]
CAM = [0.48453, 0.054186, -0.08347, -0.043678, -0.0494, -0.164118]
PYANNOTE = [0.300427, 0.981009, 0.141214, -4.144137, 0.078893, 1.966313]
CARD = "---\nlicense: cc-by-4.0\n---\n"
MASKED = [0.22761, 0.07251, 0.319726, -3.991609, 0.191278, 3.000065]


def embedding(model) -> torch.Tensor:
    with torch.no_grad():
        return model(golden_wave(8000)[None]).output[0]


@pytest.mark.parametrize("file", ["", "avg_model.pt"])
def test_resnet(tmp_path, file):
    layout = resnet("18", 16, 6)
    assert digest(layout) == 1402058309
    (tmp_path / "README.md").write_text(CARD)
    model = load(write_wespeaker(tmp_path, "ResNet18", layout, 16, 6, pooling_func="TSTP", two_emb_layer=False) / file)
    assert (model.config.task, model.config.encoder.origin) == (
        "verification",
        {"name": tmp_path.name, "license": "cc-by-4.0"},
    )
    assert close(embedding(model), RESNET, 1e-4)


def test_two_linear_maps_and_features_with_their_mean(tmp_path):
    """ReLU, batch norm without weights and a second map, by hand, behind the model with one map; levels without `cmvn`."""
    layout = resnet("18", 16, 6)
    more = batch_norm("seg_bn_1", 6)
    more = linear("seg_2", 6, 6) | {name: more[name] for name in more if not name.endswith(("weight", "bias"))}
    one = load(write_wespeaker(tmp_path, "ResNet18", layout, 16, 6))
    two = load(write_wespeaker(tmp_path, "ResNet18", layout | more, 16, 6, two_emb_layer=True))
    of = filled(layout | more)
    x = (embedding(one).relu() - of["seg_bn_1.running_mean"]) / (of["seg_bn_1.running_var"] + 1e-5).sqrt()
    assert close(embedding(two), (of["seg_2.weight"] @ x + of["seg_2.bias"]).tolist())
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    config["dataset_args"]["cmvn"] = False
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    levels, less = (model.encoder(golden_wave(8000)[None]).last_hidden_state for model in (load(tmp_path), two))
    assert torch.allclose(levels - levels.mean(1), less, atol=1e-4) and levels.mean(1).abs().min() > 1


def test_ecapa(tmp_path):
    layout = ecapa(512, 16, 6, context=True, norm=True)
    assert digest(layout) == 1844259345
    model = load(write_wespeaker(tmp_path, "ECAPA_TDNN_GLOB_c512", layout, 16, 6, pooling_func="ASTP", emb_bn=True))
    assert close(embedding(model), ECAPA, 1e-4)


def test_cam(tmp_path):
    layout = cam(16, 6)
    assert digest(layout) == 2717802881
    assert close(embedding(load(write_wespeaker(tmp_path, "CAMPPlus", layout, 16, 6, pooling_func="TSTP"))), CAM, 1e-4)


def test_the_sizes_of_cam_are_those_of_its_arguments():
    arguments = {"embed_dim": 6, "pooling_func": "TSTP", "growth_rate": 16, "bn_size": 2, "init_channels": 64}
    options = head_named("CAMPPlus").options("CAMPPlus", arguments)
    expected = {"growth": 16, "bottleneck": 2, "channels": 64, "size": 6, "pooling": "tstp", "kind": "cam_plus_plus"}
    assert options == expected


def test_the_package_of_pyannote_with_and_without_a_mask(tmp_path):
    layout = resnet("34", 16, 256)
    assert digest(below("resnet.", layout)) == 1686072144
    model = load(write_pyannote(tmp_path, layout, 16))
    assert close(embedding(model)[:6], PYANNOTE, 1e-4)
    masks = torch.zeros(1, 24, dtype=torch.bool)
    masks[0, 5:15] = True
    assert close(embedding_model(model).embed(golden_wave(8000), masks)[0, :6], MASKED, 1e-4)


def test_a_saved_copy_is_the_same_and_is_ours(tmp_path):
    (tmp_path / "theirs").mkdir()
    write_pyannote(tmp_path / "theirs", resnet("34", 16, 256), 16)
    (tmp_path / "theirs" / "README.md").write_text(CARD)
    load_pretrained(tmp_path / "theirs").save_pretrained(tmp_path / "ours")
    ours = load(tmp_path / "ours")
    assert close(embedding(ours)[:6], PYANNOTE, 1e-4)
    assert ours.config.encoder.origin == {"name": "theirs", "license": "cc-by-4.0"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layout", "number", "model"),
    [
        (resnet("34", 80, 256), 1085717526, "ResNet34"),
        (resnet("152", 80, 256), 3314987847, "ResNet152"),
        (resnet("221", 80, 256), 433737697, "ResNet221"),
        (resnet("293", 80, 256), 665379369, "ResNet293"),
        (cam(80, 512), 2211937975, "CAMPPlus"),
        (ecapa(512, 80, 192, context=False, norm=False), 1915187730, "ECAPA_TDNN_c512"),
        (ecapa(1024, 80, 192, context=True, norm=False), 3200939993, "ECAPA_TDNN_GLOB_c1024"),
    ],
)
def test_real_sizes(tmp_path, layout, number, model):
    assert digest(layout) == number
    write_wespeaker(tmp_path, model, {}, 80, {"R": 256, "E": 192, "C": 512}[model[0]])
    torch.save(cheap(layout), tmp_path / "avg_model.pt")
    assert embedding(load(tmp_path)).isfinite().all()


@pytest.mark.slow
def test_real_size_of_pyannote(tmp_path):
    assert digest(below("resnet.", resnet("34", 80, 256))) == 3061095636
    assert embedding(load(write_pyannote(tmp_path, resnet("34", 80, 256), 80))).isfinite().all()


def refusal(place) -> str:
    with pytest.raises(CheckpointError) as caught:
        load(place)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_bad_input_is_one_line(tmp_path):
    folder = write_wespeaker(tmp_path, "ResNet18", resnet("18", 16, 6), 16, 6, pooling_func="TSTP")
    file, config = folder / "avg_model.pt", folder / "config.yaml"
    text = config.read_text()
    config.write_text(text.replace("embed_dim: 6", "embed_dim: 7"))
    assert "seg_1.weight (6, 1024) instead of (7, 1024)" in refusal(folder)
    config.write_text(text.replace("TSTP", "MQMHASTP"))
    assert "pooling_func is 'MQMHASTP'" in refusal(folder)
    config.write_text(text.replace("resample_rate: 16000", "resample_rate: 8000"))
    assert "resample_rate is 8000" in refusal(folder)
    config.unlink()
    assert "tensors of a wespeaker model without the config.yaml" in refusal(file)
    config.write_text(text)
    file.unlink()
    assert "config.yaml without weights" in refusal(folder)


@pytest.mark.parametrize(
    ("model", "argument", "told"),
    [
        ("ResNet18", {"activation": "gelu"}, "model_args of ResNet18: 'activation' is unknown"),
        ("ResNet18", {"emb_bn": True}, "'emb_bn' is unknown"),
        ("ResNet18", {"pooling_func": "TSDP"}, "pooling_func is 'TSDP'; it can be TSTP, ASTP, TAP"),
        ("ECAPA_TDNN_c512", {"pooling_func": "TSTP"}, "pooling_func is 'TSTP'; it can be ASTP"),
        ("ECAPA_TDNN_c512", {"global_context_att": True}, "'global_context_att' is unknown"),
        ("CAMPPlus", {"config_str": "batchnorm-prelu"}, "config_str is 'batchnorm-prelu'"),
        ("CAMPPlus", {"growth_rate": "32"}, "growth_rate is '32'"),
    ],
)
def test_an_argument_that_would_change_the_network_is_refused_by_name(tmp_path, model, argument, told):
    assert told in refusal(write_wespeaker(tmp_path, model, {}, 16, 6, **argument))


def test_the_mean_alone_can_be_pooled(tmp_path):
    layout = resnet("18", 16, 6) | {"seg_1.weight": (6, 512)}
    assert load(write_wespeaker(tmp_path, "ResNet18", layout, 16, 6, pooling_func="TAP")).head.pooling.size == 512


def test_another_version_of_pyannote_is_refused(tmp_path):
    write_pyannote(tmp_path, resnet("34", 16, 256), 16, kind="XVectorSincNet")
    assert "pyannote's class 'XVectorSincNet'" in refusal(tmp_path)
    write_pyannote(tmp_path, {"seg_2.bias": (6,)}, 16)
    assert "no resnet.seg_1.weight among its tensors" in refusal(tmp_path)
    write_pyannote(tmp_path, resnet("34", 16, 256), 16, window_type="povey")
    assert "window_type is 'povey'" in refusal(tmp_path)


def test_a_pickled_class_that_is_not_known_is_refused_by_name(tmp_path):
    write_pyannote(tmp_path, resnet("34", 16, 256), 16, odd=warnings.WarningMessage("a", UserWarning, "b", 1))
    assert "warnings.WarningMessage" in refusal(tmp_path / "pytorch_model.bin")
