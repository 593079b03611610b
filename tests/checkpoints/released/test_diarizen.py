"""Diarization models of DiariZen (BUTSpeechFIT/DiariZen a60b181) in the layout of its hub directories.

Golden outputs: `Model` of diarizen/models/eend/model_wavlm_conformer.py on `lively` weights of seed 0, for `golden_wave(8000)`.
"""

from __future__ import annotations

import json
import re
import warnings

import numpy as np
import pytest
import soundfile
import torch

from pruned_wavlm_layout import encoder
from public_files import Layout, batch_norm, below, cheap, convolution, digest, filled, golden_wave, linear, norm
from sottovoce import load
from sottovoce.checkpoints.released.diarizen_encoders import ENCODERS
from sottovoce.diarization.speaker_count import SpeakerCount
from sottovoce.diarization.tuned_settings import Changes, model_settings, speaker_bounds
from sottovoce.errors import CheckpointError, DataError
from sottovoce.inference.diarization import diarize
from sottovoce.models.loading import load_pretrained
from sottovoce.report.inspection import inspect
from wespeaker_files import resnet, write_pyannote

SHAPE = dict(ENCODERS["wavlm_base"].config()) | {
    "extractor_conv_layer_config": [(4, 10, 5), (5, 3, 2), (4, 3, 2), (3, 3, 2), (4, 3, 2), (5, 2, 2), (6, 2, 2)],
    "encoder_embed_dim": 16,
    "encoder_pos_conv_kernel": 8,
    "encoder_pos_conv_groups": 4,
    "encoder_num_layers": 3,
    "encoder_use_attention": [True, False, True],
    "encoder_use_feed_forward": [True] * 3,
    "encoder_total_num_heads": [4] * 3,
    "encoder_remaining_heads": [[0, 2], [], [1, 2, 3]],
    "encoder_num_buckets": 32,
    "encoder_max_distance": 40,
    "encoder_ff_interm_features": [7, 5, 9],
}
GOLDEN = {
    0: [-2.378187, -3.244159, -1.40777, -1.363957, -2.921338, -1.607771, -2.173755],
    12: [-3.337946, -2.898009, -1.628783, -0.950584, -2.816968, -1.865823, -2.188202],
    -1: [-3.201322, -2.117693, -3.256665, -1.173305, -1.35393, -2.777819, -1.767696],
}
CONFIG = """
[meta]
save_dir = "exp"
seed = 3407

[model]
path = "diarizen.models.eend.model_wavlm_conformer.Model"
[model.args]
wavlm_src = "{source}"
wavlm_layer_num = {states}
wavlm_feat_dim = {width}
attention_in = {inside}
ffn_hidden = {inner}
num_head = {heads}
num_layer = {blocks}
kernel_size = {kernel}
dropout = 0.1
chunk_size = 16
num_channels = 8
sample_rate = 16000
use_posi = false
output_activate_function = false
selected_channel = 0
max_speakers_per_chunk = {speakers}

[inference.args]
seg_duration = 16
segmentation_step = 0.1
batch_size = 32
apply_median_filtering = true

[clustering.args]
method = "VBxClustering"
min_speakers = 1
max_speakers = 20
ahc_criterion = "distance"
ahc_threshold = 0.6
Fa = 0.07
Fb = 0.8
lda_dim = 3
max_iters = 20
"""
TINY = {"inside": 12, "inner": 20, "heads": 3, "blocks": 2, "kernel": 5, "speakers": 3}
REAL = {"inside": 256, "inner": 1024, "heads": 4, "blocks": 4, "kernel": 31, "speakers": 4}


def layout(shape: dict, classes: int, *, inside: int, inner: int, blocks: int, kernel: int, **_: int) -> Layout:
    """The state dict of a whole model."""
    width, states = shape["encoder_embed_dim"], shape["encoder_num_layers"] + 1
    found = below("wavlm_model.", encoder(shape)) | {"weight_sum.weight": (1, states)}
    found |= linear("proj", width, inside) | norm("lnorm", inside) | linear("classifier", inside, classes)
    for i in range(blocks):
        at = f"conformer.conformer_layer.{i}"
        for half in ("ffn1", "ffn2"):
            found |= norm(f"{at}.{half}.ln_norm", inside) | linear(f"{at}.{half}.w_1", inside, inner)
            found |= linear(f"{at}.{half}.w_2", inner, inside)
        found |= norm(f"{at}.mha.ln_norm", inside) | norm(f"{at}.ln_norm", inside) | norm(f"{at}.conv.ln_norm", inside)
        for part in "QKVO":
            found |= linear(f"{at}.mha.mha.linear{part}", inside, inside)
        found |= convolution(f"{at}.conv.pointwise_conv1", inside, 2 * inside, 1)
        found |= convolution(f"{at}.conv.depthwise_conv", 1, inside, kernel) | batch_norm(f"{at}.conv.bn_norm", inside)
        found |= convolution(f"{at}.conv.pointwise_conv2", inside, inside, 1)
    return found


@pytest.fixture
def hub(tmp_path):
    """A directory of the hub, tiny, whose encoder is in a checkpoint beside it."""
    (tmp_path / "config.toml").write_text(CONFIG.format(source="exp/tiny.bin", states=4, width=16, **TINY))
    torch.save({"config": SHAPE, "state_dict": {}}, tmp_path / "tiny.bin")
    torch.save(filled(layout(SHAPE, 7, **TINY)), tmp_path / "pytorch_model.bin")
    return tmp_path


def write_plda(folder, embedding: int = 256, inside: int = 5) -> None:
    folder.mkdir(exist_ok=True)
    random = np.random.default_rng(0)
    np.savez(folder / "plda.npz", mu=random.normal(size=inside), tr=random.normal(size=(inside, inside)),
             psi=np.arange(inside, 0, -1.0))  # fmt: skip
    np.savez(folder / "xvec_transform.npz", mean1=random.normal(size=embedding), mean2=random.normal(size=inside),
             lda=random.normal(size=(embedding, inside)))  # fmt: skip


@pytest.mark.parametrize("file", ["", "pytorch_model.bin"])
def test_the_whole_model_is_that_of_the_public_class(hub, file):
    assert digest(layout(SHAPE, 7, **TINY)) == 1558181062
    with pytest.warns(UserWarning, match="its license is cc-by-nc-4.0, which forbids commercial use"):
        model = load(hub / file, "diarization")
    with torch.no_grad():
        found = model(golden_wave(8000)[None]).output[0].log_softmax(-1)
    for frame, expected in GOLDEN.items():
        assert (found[frame] - torch.tensor(expected)).abs().max() < 2e-5
    assert found.shape == (24, 7)


def test_its_settings_are_those_of_its_config(hub):
    write_plda(hub / "plda")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = load(hub)
    settings = model_settings(model)
    assert (settings.window, settings.step, settings.median) == (16.0, 1.6, 11)
    assert (settings.ahc.threshold, settings.ahc.linkage, settings.ahc.smallest) == (0.6, "centroid", 1)
    assert (settings.vbx.fa, settings.vbx.fb, settings.vbx.rounds, settings.vbx.smoothing) == (0.07, 0.8, 20, 7.0)
    assert (settings.plda.inputs, len(settings.plda.phi)) == (256, 3)
    changed = model_settings(model, Changes(window=8.0, linkage="average", threshold=0.5))
    assert (changed.window, changed.step, changed.vbx, changed.ahc.threshold) == (8.0, 1.6, None, 0.5)


def changed(text: str, **values: str) -> str:
    """A config with other values; those that are not there are told."""
    for name, value in values.items():
        text, count = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert count == 1, name
    return text


@pytest.mark.filterwarnings("ignore")
def test_every_setting_that_differs_from_the_usual_one_counts(hub):
    write_plda(hub / "plda")
    config = hub / "config.toml"
    text = changed(
        config.read_text(),
        seg_duration="10",
        segmentation_step="0.25",
        batch_size="6",
        apply_median_filtering="false",
        min_speakers="2",
        max_speakers="5",
        ahc_threshold="0.45",
        Fa="0.2",
        Fb="3.5",
        lda_dim="4",
        max_iters="7",
    )
    config.write_text(text)
    model = load(hub)
    settings = model_settings(model)
    assert (settings.window, settings.step, settings.median, settings.batch) == (10.0, 2.5, 1, 6)
    assert (settings.ahc.threshold, settings.alone) == (0.45, 0.14)
    assert (settings.vbx.fa, settings.vbx.fb, settings.vbx.rounds, len(settings.plda.phi)) == (0.2, 3.5, 7, 4)
    assert speaker_bounds(model) == SpeakerCount(2, 5)
    config.write_text(changed(text, method='"AgglomerativeClustering"') + "min_cluster_size = 30\n")
    (hub / "README.md").write_text("---\nlicense: mit\n---\n")
    model = load(hub)
    settings = model_settings(model)
    assert model.config.encoder.origin["license"] == "mit"
    assert (settings.vbx, settings.plda, settings.ahc.smallest, settings.ahc.threshold) == (None, None, 30, 0.45)


@pytest.mark.filterwarnings("ignore")
def test_as_many_speakers_at_once_as_its_config_says(hub):
    config = hub / "config.toml"
    config.write_text(config.read_text().replace("[inference.args]", "max_speakers_per_frame = 3\n[inference.args]"))
    torch.save(filled(layout(SHAPE, 8, **TINY)), hub / "pytorch_model.bin")
    assert load(hub)(golden_wave(8000)[None]).output.shape == (1, 24, 8)


def test_license_and_settings_go_with_what_is_made_from_it(hub, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = load_pretrained(hub)
    model.save_pretrained(tmp_path / "ours")
    again = json.loads((tmp_path / "ours" / "config.json").read_text())
    assert again["encoder"]["origin"] == {"name": hub.name, "license": "cc-by-nc-4.0"}
    copy = load(tmp_path / "ours")
    assert copy.config.pipeline_settings["threshold"] == 0.6
    assert inspect(copy).license == "cc-by-nc-4.0"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "number"),
    [("wavlm_base_s80_md", 2537961994), ("wavlm_large_s80_md", 3694684257), ("wavlm_base", 3646754605)],
)
def test_real_sizes(tmp_path, name, number):
    shape = dict(ENCODERS[name].config())
    whole = layout(shape, 11, **REAL)
    assert digest(whole) == number
    states, width = shape["encoder_num_layers"] + 1, shape["encoder_embed_dim"]
    (tmp_path / "config.toml").write_text(CONFIG.format(source=name, states=states, width=width, **REAL))
    torch.save(cheap(whole), tmp_path / "pytorch_model.bin")
    with pytest.warns(UserWarning, match="cc-by-nc-4.0"):
        model = load(tmp_path)
    assert model(golden_wave(8000)[None]).output.shape == (1, 24, 11)


def refusal(place, error=CheckpointError) -> str:
    with pytest.raises(error) as caught:
        load(place) if error is CheckpointError else model_settings(load(place))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_bad_input_is_one_line(hub):
    file, config = hub / "pytorch_model.bin", hub / "config.toml"
    text, content = config.read_text(), torch.load(file)
    config.write_text(text.replace("num_layer = 2", "num_layer = 1"))
    assert "surplus (conformer.conformer_layer.1" in refusal(hub)
    config.write_text(text.replace("use_posi = false", "use_posi = true"))
    assert "use_posi is True" in refusal(hub)
    config.write_text(text.replace("dropout = 0.1", "dropout = 0.1\nactivation = 'gelu'"))
    assert "model.args: 'activation' is unknown" in refusal(hub)
    config.write_text(text.replace("sample_rate = 16000", "sample_rate = 8000"))
    assert "sample_rate is 8000" in refusal(hub)
    config.write_text(text.replace("exp/tiny.bin", "wavlm_base_s90_md"))
    assert "wavlm_src is 'wavlm_base_s90_md'; known are wavlm_base, wavlm_large" in refusal(hub)
    config.write_text(text.replace("model_wavlm_conformer", "model_pyannote"))
    assert "model.path is 'diarizen.models.eend.model_pyannote.Model'" in refusal(hub)
    config.write_text(text.partition("[inference")[0])
    assert "[inference.args]" in refusal(hub)
    config.write_text("[model")
    assert "not valid TOML" in refusal(hub)
    config.write_text(text)
    torch.save({f"module.{key}": each for key, each in content.items()}, file)
    assert "no tensor of wavlm_model in it; it holds module." in refusal(hub)
    file.unlink()
    assert "config.toml without its weights" in refusal(hub)
    config.unlink()
    torch.save(content, file)
    assert "tensors of a DiariZen model without its config.toml" in refusal(file)


@pytest.mark.filterwarnings("ignore")
def test_a_plda_that_is_missing_or_does_not_fit_is_one_line(hub):
    assert "there is no folder plda beside it" in refusal(hub, DataError)
    write_plda(hub / "plda")
    (hub / "plda" / "xvec_transform.npz").rename(hub / "kept.npz")
    assert "has plda.npz and no xvec_transform.npz" in refusal(hub, DataError)
    write_plda(hub / "plda", inside=4)
    (hub / "kept.npz").rename(hub / "plda" / "xvec_transform.npz")
    assert "lda is (256, 5), and (256, 4) fits" in refusal(hub, DataError)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_recording_is_diarized_with_the_models_as_released(hub, tmp_path):
    """Two windows and a bit, embedded window by window and clustered by VBx; the speaker model is in pyannote's package."""
    write_plda(hub / "plda")
    voices = tmp_path / "voices"
    voices.mkdir()
    write_pyannote(voices, resnet("34", 16, 256), 16)
    soundfile.write(tmp_path / "talk.wav", golden_wave(16000 * 20).numpy(), 16000)
    turns = diarize(hub, tmp_path / "talk.wav", voices)
    assert turns and all(0 <= turn.start < turn.end <= 20 for turn in turns)
    write_plda(hub / "plda", embedding=192)
    with pytest.raises(
        DataError, match="the PLDA is of embeddings of 192 numbers, and those of the speaker model have 256"
    ):
        diarize(hub, tmp_path / "talk.wav", voices)
