"""Stock models with heads on the command line."""

from __future__ import annotations

import json

import pytest
import soundfile
import transformers as tf
from huggingface_hub import ModelCard

from sottovoce.encoder.model import SpeechEncoder
from sottovoce.models.task_model import TaskModel
from stock_models import save


@pytest.fixture(scope="module")
def recognizer(tmp_path_factory):
    place = tmp_path_factory.mktemp("stock") / "recognizer"
    save("wavlm_large", "CTC", place)
    return place


def test_it_transcribes_as_the_stock_pipeline_does(sottovoce, recognizer, speech):
    wave, _ = soundfile.read(speech / "0.wav", dtype="float32")
    said = sottovoce("transcribe", recognizer, speech / "0.wav")
    wanted = tf.pipeline("automatic-speech-recognition", model=str(recognizer))(wave)["text"]
    assert said.code == 0 and said.out.strip().split("\t")[1] == " ".join(wanted.split()) and len(set(wanted)) > 2


def test_pruned_it_keeps_its_head_unless_told_otherwise(sottovoce, recognizer, speech, tmp_path):
    budget = ["--budget", "params=80%", "--kinds", "ffn,head"]
    said = sottovoce("prune", recognizer, *budget, "-o", tmp_path / "small")
    assert said.code == 0, said
    assert TaskModel.from_pretrained(tmp_path / "small").config.task == "recognition"
    assert sottovoce("transcribe", tmp_path / "small", speech / "0.wav").code == 0
    card = ModelCard.load(tmp_path / "small" / "README.md")
    assert card.data.pipeline_tag == "automatic-speech-recognition" and card.data.license == "unknown"
    assert "started from recognizer" in card.text and "budget: params=80%" in card.text and "Not evaluated" in card.text
    assert sottovoce("prune", recognizer, *budget, "--encoder-only", "-o", tmp_path / "encoder").code == 0
    assert isinstance(SpeechEncoder.from_pretrained(tmp_path / "encoder"), SpeechEncoder)


def test_without_its_tokenizer_it_is_one_line(sottovoce, recognizer, speech, tmp_path):
    for file in recognizer.iterdir():
        if file.name != "vocab.json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    for command in (
        ["transcribe", tmp_path, speech / "0.wav"],
        ["prune", tmp_path, "--budget", "params=80%", "-o", "x"],
    ):
        said = sottovoce(*command)
        assert said.code == 2 and len(said.err.splitlines()) == 1 and "no vocab.json" in said.err, said
    fields = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**fields, "architectures": ["WavLMForPreTraining"]}))
    said = sottovoce("transcribe", tmp_path, speech / "0.wav")
    assert said.code == 2 and "and no model for recognition" in said.err.splitlines()[-1]
