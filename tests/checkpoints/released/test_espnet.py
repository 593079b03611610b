"""Speaker models of ESPnet-SPK (espnet 202412) on an encoder from s3prl (0.4.17), as ESPnet's trainer saves them.

Golden outputs: `ESPnetSpeakerModel` of `S3PRLUpstream` and `Featurizer` on a tiny WavLM, `UtteranceMVN(norm_vars=False)` and
the encoder, pooling and projector of the configuration, on `lively` weights of seed 0, for the second row of noise.
"""

from __future__ import annotations

import json

import pytest
import soundfile
import torch
import yaml

from public_files import (
    Layout,
    batch_norm,
    below,
    cheap,
    close,
    convolution,
    digest,
    filled,
    golden_wave,
    linear,
)  # fmt: skip
from public_wavlm import REAL, TINY, wavlm
from sottovoce import SpeechEncoder, load
from sottovoce.cli import main
from sottovoce.errors import CheckpointError
from sottovoce.models.loading import load_pretrained
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim

ECAPA = {"inputs": 32, "channels": 12, "scale": 3, "wide": 11, "size": 7}
REAL_ECAPA = {"inputs": 1024, "channels": 1024, "scale": 8, "wide": 1536, "size": 192}


def ecapa(size: dict) -> Layout:
    """The state dict of EcapaTdnnEncoder, ChnAttnStatPooling and RawNet3Projector."""
    channels, scale, wide = size["channels"], size["scale"], size["wide"]
    found = convolution("encoder.conv", size["inputs"], channels, 5) | batch_norm("encoder.bn", channels)
    for i in (1, 2, 3):
        at, part = f"encoder.layer{i}", channels // scale
        found |= res2_ends(at, channels)
        for group in range(scale - 1):
            found |= convolution(f"{at}.convs.{group}", part, part, 3) | batch_norm(f"{at}.bns.{group}", part)
    found |= convolution("encoder.layer4", 3 * channels, wide, 1)
    return found | attentive(wide) | projector(2 * wide, size["size"])


def selected(at: str, channels: int, units: int, *kernels: tuple[int, ...]) -> Layout:
    """Convolutions with kernels of several sizes, and the maps that weight them; ``units`` are weighted."""
    found = linear(f"{at}.fc", units, 16)
    for k, kernel in enumerate(kernels):
        found |= convolution(f"{at}.convs.{k}.conv", channels, channels, *kernel)
        found |= batch_norm(f"{at}.convs.{k}.bn", channels) | linear(f"{at}.fcs.{k}", 16, units)
    return found


def ska(inputs: int = 32, maps: int = 4, channels: int = 12, scale: int = 3, wide: int = 11, size: int = 7) -> Layout:
    """The state dict of SkaTdnnEncoder, ChnAttnStatPooling and SkaTdnnProjector."""
    found: Layout = {}
    for i, before in ((1, 1), (2, maps)):
        found |= convolution(f"encoder.frt_conv{i}", before, maps, 3, 3) | batch_norm(f"encoder.frt_bn{i}", maps)
        at = f"encoder.frt_block{i}"
        found |= convolution(f"{at}.conv1", maps, maps, 3, 3, bias=False) | batch_norm(f"{at}.bn1", maps)
        found |= selected(f"{at}.skfwse", maps, inputs // 2, (5, 5), (7, 7))
        found |= selected(f"{at}.skcwse", maps, maps, (5, 5), (7, 7))
    found |= convolution("encoder.conv1", maps * inputs // 4, channels, 5) | batch_norm("encoder.bn1", channels)
    for i in (1, 2, 3):
        at, part = f"encoder.layer{i}", channels // scale
        found |= res2_ends(at, channels) | linear(f"{at}.skse.fc", part, 16)
        for group in range(scale - 1):
            for k, kernel in enumerate((5, 7)):
                found |= convolution(f"{at}.skconvs.{group}.{k}.conv", part, part, kernel)
                found |= batch_norm(f"{at}.skconvs.{group}.{k}.bn", part)
        found |= linear(f"{at}.skse.fcs.0", 16, part) | linear(f"{at}.skse.fcs.1", 16, part)
    found |= convolution("encoder.layer4", 3 * channels, wide, 1)
    return found | attentive(wide) | projector(2 * wide, size) | batch_norm("projector.bn2", size)


def res2_ends(at: str, channels: int) -> Layout:
    """What is in front of the groups of a Res2 block, and behind them."""
    found: Layout = {}
    for place in (1, 3):
        found |= convolution(f"{at}.conv{place}", channels, channels, 1) | batch_norm(f"{at}.bn{place}", channels)
    found |= convolution(f"{at}.se.se.1", channels, 128, 1) | batch_norm(f"{at}.se.se.3", 128)
    return found | convolution(f"{at}.se.se.4", 128, channels, 1)


def attentive(wide: int) -> Layout:
    """The state dict of ChnAttnStatPooling."""
    found = convolution("pooling.attention.0", 3 * wide, 128, 1) | batch_norm("pooling.attention.2", 128)
    return found | convolution("pooling.attention.3", 128, wide, 1)


def projector(inputs: int, size: int) -> Layout:
    """The state dict of RawNet3Projector."""
    return batch_norm("projector.bn", inputs) | linear("projector.fc", inputs, size)


def layout(large: bool = True, size: dict = TINY, head: Layout | None = None) -> Layout:
    """The state dict of an ESPnetSpeakerModel without its loss."""
    front = below("frontend.upstream.upstream.model.", wavlm(size, large))
    front["frontend.featurizer.weights"] = (size["layers"] + 1,)
    return front | (ecapa(ECAPA) if head is None else head)


SETTINGS = {
    "frontend": "s3prl",
    "frontend_conf": {
        "frontend_conf": {"upstream": "wavlm_large"},
        "download_dir": "./hub",
        "multilayer_feature": True,
    },
    "specaug": None,
    "normalize": "utterance_mvn",
    "normalize_conf": {"norm_vars": False},
    "encoder": "ecapa_tdnn",
    "encoder_conf": {"model_scale": 3, "ndim": 12, "output_size": 11},
    "pooling": "chn_attn_stat",
    "pooling_conf": {},
    "projector": "rawnet3",
    "projector_conf": {"output_size": 7},
    "loss": "aamsoftmax_sc_topk",
    "loss_conf": {"margin": 0.3, "scale": 30, "K": 3, "mp": 0.06, "k_top": 5},
    "spk_num": 4,
}


def write(place, tensors, settings=SETTINGS, name="valid.eer.best.pth"):
    """The folder of a training."""
    place.mkdir(exist_ok=True)
    (place / "config.yaml").write_text(yaml.safe_dump(settings))
    torch.save(tensors | {"loss.weight": torch.zeros(12, 7)}, place / name)
    return place


GOLDEN = {
    (True, 9200): (0.0292073, -0.0489771, -0.5799692, 0.625262, 0.655007, -0.4817688, 0.3372231),
    (True, 9300): (0.0446432, -0.0625163, -0.5339336, 0.501279, 0.5686965, -0.4696238, 0.2062534),
    (False, 9200): (0.1648824, -0.1000142, -0.6527302, 0.4507016, 0.8201314, -0.5223078, 0.2130364),
    (False, 9300): (0.0137898, -0.0003476, -0.5280877, 0.5775412, 0.6634466, -0.586148, 0.241365),
}
"""Large or Base, samples -> embedding. After 9,300 samples two hops have no frame of their own, after 9,200 one."""


@pytest.mark.parametrize("large, samples", GOLDEN)
def test_the_embedding_is_that_of_the_public_class(large, samples, tmp_path):
    tensors = layout(large)
    assert digest(tensors) == {True: 1676468387, False: 3337428657}[large]
    model = load(write(tmp_path / "exp", filled(tensors)), "verification")
    assert close(model.embed(golden_wave(samples)).detach(), GOLDEN[large, samples])


def test_quiet_speech_is_normalized_as_s3prl_does(tmp_path):
    encoder = load(write(tmp_path / "exp", filled(layout())), "verification").encoder
    quiet = golden_wave(9300)[None] * 1e-3
    normalized = torch.nn.functional.layer_norm(quiet, quiet.shape)
    found = encoder(quiet).hidden_states
    encoder.frontend.normalize = None
    expected = encoder(normalized).hidden_states
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(found, expected, strict=True))


SKA = {
    9200: (0.2147417, 0.0527254, -0.2592268, 0.0668481, 0.8781648, -0.3328361, 0.0610685),
    9300: (0.1997995, 0.0737031, -0.2279994, 0.0501692, 0.8752523, -0.3778561, 0.101877),
}


@pytest.mark.parametrize("samples", SKA)
def test_ska_tdnn(samples, tmp_path):
    tensors = layout(head=ska())
    assert digest(tensors) == 120070551
    place = write(tmp_path / "exp", filled(tensors), SETTINGS | {"encoder": "ska_tdnn", "projector": "ska_tdnn"})
    assert close(load(place, "verification").embed(golden_wave(samples)).detach(), SKA[samples])


@pytest.mark.slow
def test_real_size(tmp_path):
    tensors = layout(True, REAL, ecapa(REAL_ECAPA))
    assert digest(tensors) == 114305547
    model = load(write(tmp_path / "exp", cheap(tensors)), "verification")
    assert torch.isfinite(model.embed(golden_wave(16000))).all()


def test_padding_changes_nothing(tmp_path):
    model = load(write(tmp_path / "exp", filled(layout())), "verification")
    both = torch.stack([golden_wave(12000), torch.nn.functional.pad(golden_wave(9300), (0, 2700), value=0.5)])
    found = model.embed(both, torch.tensor([12000, 9300])).detach()
    assert close(found[1], GOLDEN[True, 9300])
    assert torch.allclose(found[0], model.embed(both[0]).detach(), atol=1e-5)
    features = model.frame_features(both, torch.tensor([12000, 9300]))
    assert features.lengths.tolist() == [38, 30] and features.frames.shape[1] == 38


def test_it_verifies_saves_and_teaches(tmp_path):
    place = write(tmp_path / "exp", filled(layout()))
    (place / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n")
    model = load_pretrained(place / "valid.eer.best.pth")
    encoder = SpeechEncoder.from_pretrained(place)
    wave = golden_wave(9300)[None]
    assert all(map(torch.equal, encoder(wave).hidden_states, model(wave).hidden_states))
    small = slim(model, Plan.to_shape(model, {"ffn": [5, 0, 7], "encoder.residual": 16}))
    assert small.embed(wave).shape == (1, 7)
    assert small.config.encoder.origin == {"name": "valid.eer.best.pth", "license": "cc-by-4.0"}
    model.save_pretrained(tmp_path / "ours")
    assert close(load(tmp_path / "ours", "verification").embed(wave[0]).detach(), GOLDEN[True, 9300])


def test_a_repository_of_the_hub_is_read_as_its_meta_says(tmp_path):
    write(tmp_path / "exp", filled(layout()), name="9epoch.pth")
    files = {"files": {"model_file": "exp/9epoch.pth"}, "yaml_files": {"train_config": "exp/config.yaml"}}
    (tmp_path / "meta.yaml").write_text(yaml.safe_dump({"espnet": "202412", **files}))
    assert close(load(tmp_path, "verification").embed(golden_wave(9200)).detach(), GOLDEN[True, 9200])
    files["files"]["model_file"] = "../exp/9epoch.pth"
    (tmp_path / "meta.yaml").write_text(yaml.safe_dump(files))
    with pytest.raises(CheckpointError, match="without weights"):
        load(tmp_path)


def without(part):
    return lambda tensors: {name: tensor for name, tensor in tensors.items() if part not in name}


FAULTS = {
    "another encoder": (
        None,
        {"encoder": "resnet"},
        "are resnet chn_attn_stat rawnet3; those that can be read: ecapa_tdnn",
    ),
    "another front end": (None, {"frontend": "asteroid_frontend"}, "the frontend is asteroid_frontend"),
    "the last state": (
        None,
        {"frontend_conf": {"frontend_conf": {"upstream": "wavlm_large"}}},
        "multilayer_feature of its s3prl front end is False",
    ),
    "normalized states": (
        None,
        {"frontend_conf": {"frontend_conf": {"normalize": True}, "multilayer_feature": True}},
        "normalize of its s3prl front end is True",
    ),
    "variance": (None, {"normalize_conf": {"norm_vars": True}}, "the one that can be read is utterance_mvn of means"),
    "no encoder": (without("frontend.upstream"), {}, "no frontend.upstream.upstream.model in it"),
    "no WavLM": (without("grep_a"), {}, "of the encoders of s3prl only WavLM can be read"),
    "no pooling": (without("pooling."), {}, "no pooling.attention.0.weight in it"),
    "a tensor too few": (without("projector.bn.bias"), {}, "1 missing .projector.bn.bias"),
    "a tensor too many": (lambda t: t | {"extra": torch.ones(1)}, {}, "1 surplus .extra"),
    "another width": (lambda t: t | {"encoder.layer4.weight": torch.ones(9, 36, 1)}, {}, "misshapen"),
    "NaN": (lambda t: t | {"projector.fc.bias": torch.full((7,), float("nan"))}, {}, "projector.fc.bias"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_read_is_one_line(fault, tmp_path):
    change, settings, told = FAULTS[fault]
    tensors = filled(layout())
    place = write(tmp_path / "exp", change(tensors) if change else tensors, SETTINGS | settings)
    with pytest.raises(CheckpointError, match=told) as error:
        load(place)
    assert len(str(error.value).splitlines()) == 1


def test_a_config_without_weights_and_weights_without_a_config(tmp_path):
    place = write(tmp_path / "exp", filled(layout()))
    file = place / "valid.eer.best.pth"
    kept = file.rename(tmp_path / "kept.pth")
    with pytest.raises(CheckpointError, match=r"exp: config.yaml without weights \(a .pth\)"):
        load(place)
    with pytest.raises(CheckpointError, match="ESPnet speaker model without the config.yaml of its training"):
        load(kept)
    for name in ("1epoch.pth", "2epoch.pth"):
        (place / name).write_bytes(kept.read_bytes()[:-2000])
    with pytest.raises(CheckpointError, match="with 1epoch.pth, 2epoch.pth; give the path of one of them"):
        load(place)
    with pytest.raises(CheckpointError, match="damaged .*copy it again from its source"):
        load(place / "1epoch.pth")


def test_embed_and_verify_take_it(tmp_path, capsys):
    place = write(tmp_path / "exp", filled(layout()))
    for row in (0, 1):
        soundfile.write(tmp_path / f"{row}.wav", golden_wave(9200, row).numpy(), 16000, subtype="FLOAT")
    for arguments in (
        ["embed", str(place), str(tmp_path / "1.wav"), "--json"],
        ["verify", str(place), str(tmp_path / "1.wav"), str(tmp_path / "0.wav"), "--json"],
    ):
        with pytest.raises(SystemExit) as leaving:
            main(arguments)
        assert not leaving.value.code
    embedded, verified = map(json.loads, capsys.readouterr().out.splitlines())
    assert close(torch.tensor(embedded["embedding"]), GOLDEN[True, 9200])
    both = [load(place).embed(golden_wave(9200, row)).detach() for row in (1, 0)]
    assert verified["score"] == pytest.approx(torch.cosine_similarity(*both, dim=0).item(), abs=1e-5)
