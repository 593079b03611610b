"""transcribe --stream, on a tiny model that streams."""

from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile
import torch

import bad_audio
from bad_audio import FAULTS
from sottovoce.decoding.vocabulary import BLANK
from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from tiny_models import randomized, speech, tiny_config

LABELS = [BLANK, " ", "a", "b", "c", "d"]


def save(config: EncoderConfig, folder) -> None:
    torch.manual_seed(0)
    head = {"kind": "ctc", "outputs": 6, "width": 12}
    found = randomized(TaskModel(TaskConfig(encoder=config, head=head, task="recognition", labels=LABELS))).eval()
    with torch.no_grad():
        found.head.output.weight.mul_(20)
        found.head.output.bias.sub_(found(speech(1, 32_000)).output.mean((0, 1)))
    found.save_pretrained(folder)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """``model`` streams, ``whole`` cannot; ``a.wav`` is 2 s of noise."""
    folder = tmp_path_factory.mktemp("streaming")
    shape = uniform_shape(
        hidden_size=16, layers=1, heads=2, ffn=24, conv_channels=None, positional_groups=None, convolution=16
    )
    config = EncoderConfig(
        shape, front_end="filterbank", feature_norm="running", layer="conformer", head_dim=8, attention_heads=2,
        position="rotary", depthwise_kernel=5, causal_convolution=True, chunk_frames=4, left_chunks=2,
    )  # fmt: skip
    save(config, folder / "model")
    save(tiny_config(), folder / "whole")
    soundfile.write(folder / "a.wav", 0.1 * np.random.default_rng(0).standard_normal(32_000), 16_000, subtype="FLOAT")
    return folder


def test_the_stream_says_what_the_file_says_and_how_it_went(sottovoce, place):
    whole = sottovoce("transcribe", place / "model", place / "a.wav")
    said = sottovoce("transcribe", place / "model", place / "a.wav", "--stream")
    assert said.code == 0 and said.out == whole.out and len(said.out.split()) > 2
    assert "2.0 s, algorithmic latency 95 ms, real-time factor 0." in said.err
    both = sottovoce("transcribe", place / "model", place / "a.wav", place / "a.wav", "--stream").out.splitlines()
    assert both == [whole.out.rstrip("\n")] * 2 and whole.out.startswith(f"{place / 'a.wav'}\t")
    told = json.loads(sottovoce("transcribe", place / "model", place / "a.wav", "--stream", "--json").out)
    assert told["text"] == whole.out.strip().split("\t")[1] and told["latency"] == pytest.approx(0.095)
    assert [word["text"] for word in told["words"]] == told["text"].split() and told["real_time_factor"] > 0
    timed = [
        sottovoce("transcribe", place / "model", place / "a.wav", "--timings", *s).out for s in ((), ("--stream",))
    ]
    assert timed[0] == timed[1] and len(timed[0].splitlines()) == len(told["words"])


def test_chunks_are_chosen_in_seconds(sottovoce, place):
    said = sottovoce("transcribe", place / "model", place / "a.wav", "--stream", "--chunk", "0.32", "--left", "8")
    assert said.code == 0 and "latency 335 ms" in said.err
    assert said.out != sottovoce("transcribe", place / "model", place / "a.wav", "--stream").out


@pytest.mark.parametrize("fault", [*FAULTS, bad_audio.silence], ids=lambda f: f.__name__)
def test_faulty_audio_is_one_line(sottovoce, place, tmp_path, fault):
    bad = fault(tmp_path)
    said = sottovoce("transcribe", place / "model", bad, "--stream")
    assert said.code == 2 and bad.name in said.err.splitlines()[-1] and len(said.err.splitlines()) <= 1, said


def test_what_makes_no_sense_is_one_line(sottovoce, place, tmp_path):
    for options, says in (
        (["model", "--chunk", "0.3"], "add --stream"),
        (["whole", "--stream", "--chunk", "0.3"], "wavlm cannot stream"),
        (["whole", "--stream"], "was trained for no chunks; give --chunk SECONDS"),
    ):
        said = sottovoce("transcribe", place / options[0], place / "a.wav", *options[1:])
        assert said.code == 2 and says in said.err and len(said.err.splitlines()) == 1 and said.out == ""
