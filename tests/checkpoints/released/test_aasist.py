"""AASIST as released: `.pth` and `.conf`, against numbers of the public class (clovaai/aasist at a04c986)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import soundfile
import torch

from aasist_files import TINY, their_state, write_release
from seeded_weights import lively
from sottovoce.checkpoints.released.aasist import BLOCKS, task_fields
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.errors import AudioError, CheckpointError
from sottovoce.inference.spoofing import detect
from sottovoce.models.loading import load, load_pretrained
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel

OUTPUTS = {
    "AASIST": [
        (2.525031566619873, -2.7228198051452637),
        (2.566743850708008, -2.805896282196045),
        (2.71443247795105, -2.9540412425994873),
    ],
    "AASIST-L": [
        (4.035355091094971, -3.605337619781494),
        (3.8305444717407227, -3.452928066253662),
        (4.13167142868042, -3.699510335922241),
    ],
}
"""Logits of the public class with the released weights, for 0.1 * randn(64600) of the seeds 1, 2 and 3."""

PARAMETERS = {"AASIST": 297_866, "AASIST-L": 85_306}
"""As the authors' README says."""

EMBEDDINGS = [
    [1.2766102, 13.3147879, 1.5062134, 2.1200631, 1.1408693, 13.0833775, -1.4904522, 2.0945798, 0.535531, 7.6988465]
    + [4.9200564, 8.7820269, -0.492811, 7.6142767, 4.7912302, 8.6825663, 9.4538395, 11.0607062, 3.2293901, -0.9188619],
    [1.2378113, 12.9590885, 1.4898419, 2.0484923, 1.0307077, 12.6532695, -1.4761368, 2.0242929, 0.5308286, 7.5895579]
    + [4.8363905, 8.6084742, -0.5000942, 7.4812901, 4.7297878, 8.5380245, 9.3262292, 10.9279725, 3.1590705, -0.9260013],
]
LOGITS = [[-6.354798004346423, -1.8953142968265766], [-6.268824834490873, -1.8090918977396142]]
"""Of the public class at tiny size in float64, with `lively` weights of seed 0, for randn(2, 30000) of seed 0."""


def tiny_state():
    config = TaskConfig(**task_fields({"model_config": TINY}, Path("tiny.conf")))
    with torch.device("meta"):
        head = TaskModel(config).head
    state = their_state(head.embedding.state_dict().items(), BLOCKS, {"norm": "first_bn"})
    for name in ("weight", "bias"):
        state[f"out_layer.{name}"] = lively(f"out_layer.{name}", torch.zeros(getattr(head, name).shape), 0)
    return state


def test_a_tiny_one_equals_the_public_class(tmp_path):
    path = write_release(tmp_path, "tiny", tiny_state())
    waves = torch.randn(2, 30_000, generator=torch.Generator().manual_seed(0)).double()
    model = load(path, "spoofing").double()
    with torch.no_grad():
        embedding = model.head.embedding([waves[..., None]])
        output = model(waves).output
    assert (embedding - torch.tensor(EMBEDDINGS).double()).abs().max() < 3e-6 * 13
    assert (output - torch.tensor(LOGITS).double()).abs().max() < 1e-5
    assert sum(p.numel() for p in model.parameters()) == 2914
    assert torch.equal(model.scoring.scores(output), output[:, 1])  # the logit of bona fide speech, as in their main.py


@pytest.mark.parametrize("seeds", [[1], pytest.param([2, 3], marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", OUTPUTS)
def test_the_released_weights(name, seeds, released_models):
    model = load(released_models / "aasist" / f"{name}.pth", "spoofing")
    assert sum(p.numel() for p in model.parameters()) == PARAMETERS[name]
    for seed in seeds:
        wave = 0.1 * torch.randn(1, 64_600, generator=torch.Generator().manual_seed(seed))
        with torch.no_grad():
            output = model(wave).output[0]
        assert (output - torch.tensor(OUTPUTS[name][seed - 1])).abs().max() < 1e-5
    assert model.config.encoder.origin == {"name": f"{name}.pth", "license": "mit"}


def test_utterances_are_repeated_or_cut(tmp_path):
    model = load(write_release(tmp_path, "tiny", tiny_state()), "spoofing")
    wave = torch.randn(2, 40_000)
    with torch.no_grad():
        both = model(wave, torch.tensor([40_000, 7_000])).output
        long, short = model(wave[:1, :30_000]).output, model(wave[1:, :7_000].repeat(1, 5)[:, :30_000]).output
    assert torch.allclose(both, torch.cat([long, short]), atol=1e-5)


def test_its_encoder_is_the_waveform(tmp_path):
    path = write_release(tmp_path, "tiny", tiny_state())
    for encoder in (SpeechEncoder.from_pretrained(path), load_pretrained(path, encoder_only=True)):
        assert encoder.config.front_end == "samples" and encoder.config.fixed_samples == 30_000
        assert not list(encoder.parameters())


def test_saved_it_is_a_model_like_any_other(tmp_path):
    model = TaskModel.from_pretrained(write_release(tmp_path, "tiny", tiny_state())).eval()
    model.save_pretrained(tmp_path / "ours")
    wave = torch.randn(1, 9_000)
    assert torch.equal(model(wave).output, load(tmp_path / "ours", "spoofing")(wave).output)


def refused(path):
    with pytest.raises(CheckpointError) as caught:
        load(path)
    assert "\n" not in str(caught.value) and str(path.parent) in str(caught.value)
    return str(caught.value)


def test_a_folder_of_several_is_refused_by_name(tmp_path):
    for name in ("AASIST", "AASIST-L"):
        write_release(tmp_path, name, {})
    with pytest.raises(
        CheckpointError, match=r"no config.json, but AASIST-L.pth, AASIST.pth: give the path of the file"
    ):
        load(tmp_path)


def test_what_does_not_fit_is_refused_in_one_line(tmp_path):
    state = tiny_state()
    path = write_release(tmp_path, "tiny", state)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "damaged" in refused(path)

    write_release(tmp_path, "tiny", {"layer.weight": torch.ones(2)})
    assert "missing" in refused(path) and "1 surplus (layer.weight)" in refused(path)
    write_release(tmp_path, "tiny", {**state, "pos_S": torch.ones(1, 22, 5)})
    assert "1 misshapen (pos_S (1, 22, 5) for (23, 5))" in refused(path)
    write_release(tmp_path, "tiny", {**state, "pos_S": torch.full((1, 23, 5), torch.nan)})
    assert "graphs.bands" in refused(path)

    for changes, message in {
        "architecture": ({"architecture": "RawNet2Spoof"}, "tiny.conf: is for 'RawNet2Spoof'"),
        "temperatures": ({"temperatures": [1, 2, 3, 4]}, "temperatures is"),
        "filts": ({"filts": [70, [1, 3], [4, 4], [4, 5], [5, 5]]}, "filts is [70, [1, 3], [4, 4]"),
        "gat_dims": ({"gat_dims": [6, 4]}, "gat_dims begins with 6"),
        "nb_samp": ({"nb_samp": 0}, "nb_samp is 0"),
        "pool_ratios": ({"pool_ratios": [2, 0.5, 0.5]}, "pool_ratios is"),
    }.values():
        write_release(tmp_path, "tiny", state, **changes)
        assert message in refused(path)
    path.with_suffix(".conf").write_text("{", encoding="utf-8")
    assert "not valid JSON" in refused(path)
    path.with_suffix(".conf").write_text(json.dumps([]), encoding="utf-8")
    assert "not an object" in refused(path)
    path.with_suffix(".conf").write_text("{}", encoding="utf-8")
    assert "has no model_config" in refused(path)
    path.with_suffix(".conf").unlink()
    write_release(tmp_path, "other", state)
    (tmp_path / "other.conf").unlink()
    assert "tensors of an AASIST without its .conf" in refused(tmp_path / "other.pth")


def test_detect_judges_the_start_and_repeats_what_is_short(tmp_path):
    path = write_release(tmp_path, "tiny", tiny_state())
    noise = 0.1 * torch.randn(70 * 16_000, generator=torch.Generator().manual_seed(5))
    scores = {}
    for name, wave in {
        "long": noise,
        "start": noise[:30_000],
        "short": noise[:10_000],
        "thrice": noise[:10_000].repeat(3),
    }.items():
        soundfile.write(tmp_path / f"{name}.wav", wave.numpy(), 16_000, subtype="FLOAT")
        scores[name] = detect(path, tmp_path / f"{name}.wav")
    assert scores["long"].score == pytest.approx(scores["start"].score, abs=1e-4)
    assert scores["short"].score == pytest.approx(scores["thrice"].score, abs=1e-4)
    assert abs(scores["long"].score - scores["short"].score) > 1e-3
    assert scores["long"].llr is None and scores["long"].bonafide is None

    for name, wave in {"three": noise[:3], "silent": torch.zeros(40_000)}.items():
        soundfile.write(tmp_path / f"{name}.wav", wave.numpy(), 16_000, subtype="FLOAT")
        with pytest.raises(AudioError, match=f"{name}.wav: ") as caught:
            detect(path, tmp_path / f"{name}.wav")
        assert "\n" not in str(caught.value)
