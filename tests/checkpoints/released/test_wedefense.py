"""Anti-spoofing models of WeDefense (github.com/zlin0/wedefense, commit e7287fe) as their trainer and prune_model.py save them.

Golden outputs: `ssl_backend/MHFA.py`, `frontend/wav2vec2/model.py` and `projections.py` with `apply_cmvn` between them, on
`lively` weights of seed 0, for the second row of noise.
"""

from __future__ import annotations

import json

import pytest
import soundfile
import torch
import yaml

from pruned_wavlm_layout import encoder
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
from public_wavlm import TINY, wavlm
from sottovoce import SpeechEncoder, load
from sottovoce.cli import main
from sottovoce.errors import CheckpointError
from sottovoce.models.loading import load_pretrained

SHAPE = {
    "extractor_mode": "group_norm",
    "extractor_conv_layer_config": [
        [12, 10, 5], [16, 3, 2], [9, 3, 2], [16, 3, 2], [14, 3, 2], [12, 2, 2], [18, 2, 2],
    ],
    "extractor_conv_bias": False,
    "encoder_embed_dim": 32,
    "encoder_projection_dropout": 0.1,
    "encoder_pos_conv_kernel": 128,
    "encoder_pos_conv_groups": 16,
    "encoder_num_layers": 3,
    "encoder_use_attention": [True, True, False],
    "encoder_use_feed_forward": [True, True, True],
    "encoder_total_num_heads": [4, 4, 4],
    "encoder_remaining_heads": [[0, 1, 2, 3], [1, 3], []],
    "encoder_num_buckets": 32,
    "encoder_max_distance": 40,
    "encoder_attention_dropout": 0.1,
    "encoder_ff_interm_features": [48, 20, 7],
    "encoder_ff_interm_dropout": 0.0,
    "encoder_dropout": 0.1,
    "encoder_layer_norm_first": False,
    "encoder_layer_drop": 0.05,
    "aux_num_out": None,
    "normalize_waveform": False,
    "extractor_prune_conv_channels": False,
    "encoder_prune_attention_heads": False,
    "encoder_prune_attention_layer": False,
    "encoder_prune_feed_forward_intermediate": False,
    "encoder_prune_feed_forward_layer": False,
    "use_layerwise_prune": False,
}  # fmt: skip
"""``pruned_config.json``."""

SETTINGS = {
    "dataset_args": {
        "resample_rate": 16000,
        "num_frms": 150,
        "frontend": "huggingface",
        "huggingface_args": {
            "upstream_args": {"name": "wavlm_base", "path_or_url": "x.pth", "pruning_units": "conv,head,attlayer"},
            "frozen": False,
            "frame_shift": 20,
            "frame_length": 20,
        },
        "cmvn": True,
        "cmvn_args": {"norm_mean": True, "norm_var": False},
    },
    "model": "SSL_BACKEND_MHFA",
    "model_args": {"feat_dim": -1, "head_nb": 4, "embed_dim": 5, "compression_dim": 6, "nb_layer": 4},
    "projection_args": {"project_type": "softmax", "scale": 32.0, "easy_margin": False},
    "use_pruning_loss": True,
}
EMBEDDING = (-0.0510147, -0.4620332, -0.1694467, -0.7554344, 0.4284614)
LOGITS = (0.139791, 0.382105)
"""Of bonafide and spoof: labels are sorted."""


def layout(shape: dict, compressed: int = 6, heads: int = 4, size: int = 5) -> Layout:
    """The state dict of a whole model."""
    width, states = shape["encoder_embed_dim"], shape["encoder_num_layers"] + 1
    found: Layout = {"weights_k": (states,), "weights_v": (states,)}
    found |= linear("cmp_linear_k", width, compressed) | linear("cmp_linear_v", width, compressed)
    found |= linear("att_head", compressed, heads) | linear("pooling_fc", heads * compressed, size)
    found |= below("frontend.upstream.", encoder(shape))
    return found | batch_norm("projection.trans.0", size) | linear("projection.trans.2", size, 2)


@pytest.fixture
def pruned(tmp_path):
    """What their prune_model.py writes, below the folder of the training."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(SETTINGS))
    place = tmp_path / "pruned_model"
    place.mkdir()
    (place / "pruned_config.json").write_text(json.dumps(SHAPE, indent=4))
    torch.save(filled(layout(SHAPE)), place / "whole_pytorch_model.bin")
    return place / "whole_pytorch_model.bin"


def test_scores_and_embeddings_are_those_of_the_public_classes(pruned):
    assert digest(layout(SHAPE)) == 3528840919
    model = load(pruned, "spoofing")
    wave = golden_wave(9200)
    assert close(model.embed(wave).detach(), EMBEDDING)
    assert close(model(wave[None]).output[0].detach(), LOGITS[::-1])
    score = model.scoring.scores(model(wave[None]).output)
    assert score.item() == pytest.approx(LOGITS[0] - LOGITS[1], abs=1e-5)


def whole(shape: dict) -> dict:
    """The shape of the unpruned network."""
    layers, total = shape["encoder_num_layers"], shape["encoder_total_num_heads"][0]
    return {
        **shape,
        "encoder_use_attention": [True] * layers,
        "encoder_remaining_heads": [list(range(total))] * layers,
        "encoder_ff_interm_features": [48] * layers,
    }


@pytest.fixture
def dense(tmp_path):
    """The folder of a training that did not prune, with an average."""
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(SETTINGS))
    (tmp_path / "models").mkdir()
    torch.save(filled(layout(whole(SHAPE))), tmp_path / "models" / "avg_model.pt")
    return tmp_path


def test_an_unpruned_model_needs_no_shape(dense):
    shape = whole(SHAPE) | {"encoder_max_distance": 800}
    (dense / "models" / "pruned_config.json").write_text(json.dumps(shape))
    told = load(dense / "models" / "avg_model.pt", "spoofing").embed(golden_wave(9200))
    (dense / "models" / "pruned_config.json").unlink()
    for place in (dense, dense / "models" / "avg_model.pt"):
        assert torch.equal(load(place, "spoofing").embed(golden_wave(9200)), told)


def test_its_encoder_alone_starts_and_teaches(pruned):
    (pruned.parent / "README.md").write_text("---\nlicense: cc-by-4.0\n---\n")
    model, encoder = load(pruned, "spoofing"), SpeechEncoder.from_pretrained(pruned)
    found = encoder(golden_wave(9200)[None]).hidden_states
    assert all(map(torch.equal, found, model(golden_wave(9200)[None]).hidden_states))
    origin = {"name": "whole_pytorch_model.bin", "license": "cc-by-4.0"}
    assert load_pretrained(pruned).config.encoder.origin == origin == encoder.config.origin


def test_saved_and_loaded_it_is_the_same(pruned, tmp_path):
    model = load_pretrained(pruned)
    model.save_pretrained(tmp_path / "ours")
    wave = golden_wave(9200)[None]
    assert torch.equal(load(tmp_path / "ours", "spoofing")(wave).output, model(wave).output)


def changed(path, tensors=None, settings=None, without=()):
    """The same model with other tensors, other settings, or files taken away."""
    file = path / "models" / "avg_model.pt"
    if tensors is not None:
        torch.save(tensors(filled(layout(whole(SHAPE)))), file)
    if settings is not None:
        (path / "config.yaml").write_text(yaml.safe_dump(settings))
    for name in without:
        (path / name).unlink()
    return path


FAULTS = {
    "no weights": (dict(without=["models/avg_model.pt"]), "config.yaml without weights"),
    "another back end": (
        dict(settings=SETTINGS | {"model": "SSL_BACKEND_gmlp_multireso"}),
        "the model is SSL_BACKEND_gmlp",
    ),
    "gates": (
        dict(tensors=lambda t: t | {"frontend.upstream.x.hard_concrete_for_heads.log_alpha": torch.zeros(4)}),
        "holds gates, so it was saved while pruning; cut it with their prune_model.py",
    ),
    "a pruned model without its shape": (
        dict(tensors=lambda t: filled(layout(SHAPE))),
        "its pruned_config.json belongs beside it",
    ),
    "another projection": (
        dict(
            tensors=lambda t: (
                {k: v for k, v in t.items() if ".trans." not in k} | {"projection.weight": torch.ones(2, 5)}
            )
        ),
        "its projection is projection.weight; the one that can be read is project_type softmax",
    ),
    "a tensor too few": (dict(tensors=lambda t: {k: v for k, v in t.items() if k != "att_head.bias"}), "att_head.bias"),
    "a tensor too many": (dict(tensors=lambda t: t | {"extra.weight": torch.ones(1)}), "1 surplus .extra.weight"),
    "one of another shape": (
        dict(tensors=lambda t: t | {"pooling_fc.bias": torch.ones(9)}),
        r"pooling_fc.bias \(9,\) instead of \(5,\)",
    ),
    "NaN": (dict(tensors=lambda t: t | {"att_head.bias": torch.full((4,), float("nan"))}), "att_head.bias"),
    "variance": (
        dict(settings=SETTINGS | {"dataset_args": SETTINGS["dataset_args"] | {"cmvn_args": {"norm_var": True}}}),
        "cmvn is not subtraction of the mean",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_read_is_one_line(dense, fault):
    changes, told = FAULTS[fault]
    with pytest.raises(CheckpointError, match=told) as error:
        load(changed(dense, **changes))
    assert len(str(error.value).splitlines()) == 1


def test_weights_without_their_config(dense):
    (dense / "config.yaml").unlink()
    with pytest.raises(CheckpointError, match="WeDefense model without the config.yaml of its training"):
        load(dense / "models" / "avg_model.pt")


def test_a_file_that_was_cut_off(dense):
    file = dense / "models" / "avg_model.pt"
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(CheckpointError, match="damaged .*copy it again from its source"):
        load(dense)


def test_several_checkpoints_and_no_average(dense):
    file = dense / "models" / "avg_model.pt"
    file.rename(file.with_name("model_4.pt"))
    file.with_name("model_5.pt").write_bytes(file.with_name("model_4.pt").read_bytes())
    with pytest.raises(
        CheckpointError, match="with models/model_4.pt, models/model_5.pt; give the path of one of them"
    ):
        load(dense)
    assert load(file.with_name("model_5.pt"), "spoofing").head.norm is not None


REAL = SHAPE | {
    "extractor_conv_layer_config": [[512, 10, 5], *[[512, 3, 2]] * 4, *[[512, 2, 2]] * 2],
    "encoder_embed_dim": 768,
    "encoder_num_layers": 12,
    "encoder_use_attention": [True] * 12,
    "encoder_use_feed_forward": [True] * 12,
    "encoder_total_num_heads": [12] * 12,
    "encoder_remaining_heads": [list(range(12))] * 12,
    "encoder_num_buckets": 320,
    "encoder_ff_interm_features": [3072] * 12,
}


@pytest.mark.slow
def test_real_size(tmp_path):
    tensors = layout(REAL, 128, 32, 256)
    assert digest(tensors) == 2523302412
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(SETTINGS))
    torch.save(cheap(tensors), tmp_path / "avg_model.pt")
    model = load(tmp_path, "spoofing")
    assert torch.isfinite(model(golden_wave(16000)[None]).output).all()


def aasist(width: int, size: int) -> Layout:
    """The state dict of SSL_BACKEND_aasist."""
    found: Layout = {"pos_S": (1, 42, 64), "master1": (1, 1, 64), "master2": (1, 1, 64)}
    found |= linear("LL", width, 128) | batch_norm("first_bn", 1) | batch_norm("first_bn1", 64)
    for i, (before, channels) in enumerate(((1, 32), (32, 32), (32, 64), *[(64, 64)] * 3)):
        at = f"encoder.{i}.0"
        found |= convolution(f"{at}.conv1", before, channels, 2, 3) | batch_norm(f"{at}.bn2", channels)
        found |= convolution(f"{at}.conv2", channels, channels, 2, 3)
        if before != channels:
            found |= convolution(f"{at}.conv_downsample", before, channels, 1, 3)
    found |= convolution("attention.0", 64, 128, 1, 1) | batch_norm("attention.2", 128)
    found |= convolution("attention.3", 128, 64, 1, 1)
    for at in ("GAT_layer_S", "GAT_layer_T"):
        found |= {f"{at}.att_weight": (64, 1)} | batch_norm(f"{at}.bn", 64)
        found |= {
            k: v
            for part in ("att_proj", "proj_with_att", "proj_without_att")
            for k, v in linear(f"{at}.{part}", 64, 64).items()
        }
    for branch in "12":
        for place, inputs in (("1", 64), ("2", 32)):
            at = f"HtrgGAT_layer_ST{branch}{place}"
            found |= {f"{at}.att_weight{pair}": (32, 1) for pair in ("11", "22", "12", "M")} | batch_norm(
                f"{at}.bn", 32
            )
            found |= linear(f"{at}.proj_type1", inputs, inputs) | linear(f"{at}.proj_type2", inputs, inputs)
            for part in ("att_proj", "proj_with_att", "proj_without_att"):
                found |= linear(f"{at}.{part}", inputs, 32) | linear(f"{at}.{part}M", inputs, 32)
    for pool, nodes in (("S", 64), ("T", 64), ("hS1", 32), ("hT1", 32), ("hS2", 32), ("hT2", 32)):
        found |= linear(f"pool_{pool}.proj", nodes, 1)
    return found | linear("out_layer", 160, size) | {"frontend.featurizer.weights": (4,)}


def with_s3prl(kind: str, large: bool) -> Layout:
    """The state dict of a model on an encoder from s3prl."""
    front = below("frontend.upstream.upstream.model.", wavlm(TINY, large))
    if kind == "MHFA":
        return front | {name: shape for name, shape in layout(SHAPE).items() if not name.startswith("frontend.")}
    return front | aasist(32, 6) | batch_norm("projection.trans.0", 6) | linear("projection.trans.2", 6, 2)


S3PRL = {
    ("MHFA", True): (
        1127052047,
        (-1.4808856, -1.0341121, -1.2344029, -0.5749494, -0.2967917),
        (-0.0135281, -0.0572721),
    ),
    ("MHFA", False): (3081504206, (-1.2338246, -0.428688, -0.9310569, 0.3304373, -0.6042444), (0.1794783, -0.4142213)),
    ("aasist", True): (
        3287194753,
        (0.2371224, 0.8724639, 2.0494766, 2.9988751, -0.599926, 2.6817129),
        (1.2788227, 2.5036612),
    ),
    ("aasist", False): (
        1716374008,
        (0.4451906, 0.5375884, 2.2472482, 1.7998471, 0.6032233, 1.3414776),
        (1.5852294, 0.5708169),
    ),
}
"""Back end, Large or Base -> digest, golden embedding and logits of `S3prlFrontend`, `SSL_BACKEND_...` and the projection."""


@pytest.mark.parametrize("kind, large", S3PRL)
def test_models_on_an_encoder_from_s3prl(kind, large, tmp_path):
    public, embedding, logits = S3PRL[kind, large]
    tensors = with_s3prl(kind, large)
    assert digest(tensors) == public
    data = SETTINGS["dataset_args"] | {"frontend": "s3prl"}
    (tmp_path / "config.yaml").write_text(
        yaml.safe_dump(SETTINGS | {"model": f"SSL_BACKEND_{kind}", "dataset_args": data})
    )
    torch.save(filled(tensors), tmp_path / "avg_model.pt")
    model = load(tmp_path, "spoofing")
    wave = golden_wave(9300)
    assert close(model.embed(wave).detach(), embedding)
    assert close(model(wave[None]).output[0].detach(), logits[::-1])


@pytest.mark.parametrize(
    "reading, told",
    [
        ({"multilayer_feature": False}, "multilayer_feature of its s3prl front end is False"),
        ({"multilayer_feature": False, "layer": 2}, "layer of its s3prl front end is 2"),
        ({"upstream_args": {"normalize": True}}, "normalize of its s3prl front end is True"),
    ],
)
def test_other_states_of_s3prl_are_refused(reading, told, tmp_path):
    data = SETTINGS["dataset_args"] | {"frontend": "s3prl", "s3prl_args": reading}
    settings = SETTINGS | {"model": "SSL_BACKEND_aasist", "dataset_args": data}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(settings))
    torch.save(filled(with_s3prl("aasist", False)), tmp_path / "avg_model.pt")
    with pytest.raises(CheckpointError, match=told):
        load(tmp_path)


def test_detect_takes_it(pruned, tmp_path, capsys):
    soundfile.write(tmp_path / "a.wav", golden_wave(9200).numpy(), 16000, subtype="FLOAT")
    with pytest.raises(SystemExit) as leaving:
        main(["detect", str(pruned), str(tmp_path / "a.wav"), "--json"])
    assert not leaving.value.code
    assert json.loads(capsys.readouterr().out)["score"] == pytest.approx(LOGITS[0] - LOGITS[1], abs=1e-5)
