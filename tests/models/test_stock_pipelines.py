"""Task models in stock pipelines and auto classes, here and where this package is not installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import transformers as tf
from huggingface_hub import ModelCard

from families import speech
from sottovoce.decoding.vocabulary import Vocabulary, pieces_of
from sottovoce.errors import CheckpointError
from sottovoce.inference.intent import classify
from sottovoce.inference.recognition import transcribe
from sottovoce.models.label_tokenizer import LabelTokenizer
from sottovoce.models.model_card import History, write_card
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from sottovoce.pruning.planning.plans import Plan
from sottovoce.pruning.slimming import slim
from stock_models import save
from tiny_models import randomized, tiny_config, tiny_model

SENTENCES = ["a cab at a bay", "bad cab cab", "a bad day at a cab"]
QUESTIONS = ["intent=order", "intent=cancel", "intent=ask", "slot:size=large", "slot:size=none", "slot:milk=oat"]
HEADS = {
    "classifier": {
        "kind": "classifier",
        "classes": 2,
        "embedding": {"kind": "mhfa", "width": 6, "heads": 3, "size": 8},
    },
    "one class": {
        "kind": "classifier",
        "classes": 1,
        "angular": True,
        "embedding": {"kind": "mhfa", "width": 6, "heads": 3, "size": 8},
    },
}


def task_model(head: dict, labels: list[str] | None = None, **fields) -> TaskModel:
    torch.manual_seed(0)
    config = TaskConfig(encoder=tiny_config(), head=head, labels=labels, **fields)
    model = randomized(TaskModel(config)).eval()
    widths = {
        "encoder.layers.0.feed_forward.units": 5,
        "encoder.layers.1.feed_forward.units": 3,
        "encoder.residual": 12,
    }
    small = Plan.to_shape(model, widths)
    return slim(model, small)


def understanding(labels: list[str]) -> TaskModel:
    """A model that answers the questions of ``labels``."""
    return task_model({**HEADS["classifier"], "classes": len(labels)}, labels, task="intent")


def recognizer(pieces: bool) -> TaskModel:
    labels = pieces_of(SENTENCES, 14) if pieces else ["<blank>", " ", "'", *"abcde"]
    model = task_model({"kind": "ctc", "outputs": len(labels), "width": 12}, labels, task="recognition")
    with torch.no_grad():
        model.head.output.weight.mul_(20)
        model.head.output.bias.sub_(model(speech(32000)[0]).output.mean((0, 1)))
    return model


@pytest.fixture(scope="module")
def wave() -> np.ndarray:
    return speech(40000)[0][0].numpy()


@pytest.mark.parametrize("pieces", [False, True])
def test_speech_recognition_says_what_transcribe_says(pieces, tmp_path, wave):
    model = recognizer(pieces)
    model.save_pretrained(tmp_path / "model")
    soundfile.write(tmp_path / "a.wav", wave, 16000, subtype="FLOAT")
    said = transcribe(model, tmp_path / "a.wav").text
    listen = tf.pipeline("automatic-speech-recognition", model=str(tmp_path / "model"))
    found = listen(wave.copy(), return_timestamps="word")
    assert found["text"] == said and len(set(said)) > 3 and " " in said
    assert [each["text"] for each in found["chunks"]] == said.split()
    times = [time for each in found["chunks"] for time in each["timestamp"]]
    assert times == sorted(times) and times[0] >= 0 and times[-1] <= 2.5
    letters = listen(wave.copy(), return_timestamps="char")["chunks"]
    assert "".join(each["text"] for each in letters) == said
    batch = listen([wave.copy(), wave[:30000].copy()], batch_size=2)
    assert [each["text"] for each in batch] == [said, listen(wave[:30000].copy())["text"]]


def test_long_audio_in_chunks_is_cut_at_frames(tmp_path):
    """Of a network that sees no neighbors, chunks leave no seam; so they are cut where frames begin."""
    shape = tiny_config().shape
    for layer in shape["layers"]:
        layer["attention"] = None
    shape["positional"] = None
    config = tiny_config()
    config = type(config)(**{**config.to_dict(), "shape": shape, "original_shape": None})
    labels = ["<blank>", " ", *"abcd"]
    head = {"kind": "ctc", "outputs": 6, "width": 12}
    torch.manual_seed(0)
    model = randomized(TaskModel(TaskConfig(encoder=config, head=head, labels=labels, task="recognition"))).eval()
    wave = speech(80000)[0][0]
    with torch.no_grad():
        model.head.output.weight.mul_(20)
        model.head.output.bias.sub_(model(wave[None]).output.mean((0, 1)))
    model.save_pretrained(tmp_path)
    assert model.config.inputs_to_logits_ratio == 320
    listen = tf.pipeline("automatic-speech-recognition", model=str(tmp_path))
    whole = listen(wave.numpy().copy())["text"]
    assert listen(wave.numpy().copy(), chunk_length_s=1.0, stride_length_s=0.2)["text"] == whole and len(whole) > 20


@pytest.mark.parametrize("pieces", [False, True])
def test_the_tokenizer_is_the_vocabulary(pieces):
    labels = pieces_of(SENTENCES, 14) if pieces else ["<blank>", " ", *"abcdty"]
    ours, theirs = Vocabulary(labels), LabelTokenizer.from_labels(labels)
    assert len(theirs) == len(labels) and theirs.pad_token_id == 0
    for text in SENTENCES:
        assert theirs(text)["input_ids"] == ours.encode(text)
    random = np.random.default_rng(0)
    for _ in range(200):
        frames = random.integers(len(labels), size=12)
        said = torch.from_numpy(frames).unique_consecutive().tolist()
        assert theirs.decode(frames) == ours.decode(said)
        told = theirs.decode(frames, output_char_offsets=True, output_word_offsets=True)
        assert [each["word"] for each in told["word_offsets"]] == ours.decode(said).split()
        for each in told["char_offsets"]:
            run = frames[each["start_offset"] : each["end_offset"]]
            assert len(set(run.tolist())) <= 1 and (each["char"] == " " or each["char"] in labels[run[0]])


def test_classes_have_names_and_calibrated_probabilities(tmp_path, wave):
    for name, head in HEADS.items():
        model = task_model(head, ["spoof", "bonafide"], scoring="llr", task="spoofing")
        for slope, offset in ((None, None), (3.0, -0.5)):
            if slope is not None:
                model.scoring.fit(slope, offset)
            model.save_pretrained(tmp_path / name)
            found = tf.pipeline("audio-classification", model=str(tmp_path / name))(wave)
            with torch.no_grad():
                output = model(torch.from_numpy(wave)[None]).output[0].double()
            score = output[-1] - output[0] if len(output) == 2 else output[0]
            ratio = score if slope is None else slope * score + offset
            shares = {each["label"]: each["score"] for each in found}
            assert shares == pytest.approx(
                {"bonafide": ratio.sigmoid().item(), "spoof": (-ratio).sigmoid().item()}, 1e-4
            )


@pytest.mark.parametrize("labels", [QUESTIONS, QUESTIONS[3:]], ids=["intent", "slots"])
def test_of_several_questions_the_first_is_answered(labels, tmp_path, wave):
    model = understanding(labels)
    model.save_pretrained(tmp_path)
    soundfile.write(tmp_path / "a.wav", wave, 16000, subtype="FLOAT")
    with torch.no_grad():
        output = model(torch.from_numpy(wave)[None]).output[0]
    first = [label.split("=")[1] for label in labels if label.split("=")[0] == labels[0].split("=")[0]]
    wanted = dict(zip(first, output[: len(first)].softmax(0).tolist(), strict=True))
    found = tf.pipeline("audio-classification", model=str(tmp_path))(wave)
    assert {each["label"]: each["score"] for each in found} == pytest.approx(wanted, 1e-4)
    understood = classify(tmp_path, tmp_path / "a.wav").semantics
    best = understood.intents.get("intent", dict(understood.slots).get("size", "none"))
    assert found[0]["label"] == best
    loaded = tf.AutoModelForAudioClassification.from_pretrained(tmp_path).eval()
    assert loaded.config.num_labels == len(first) < len(loaded.config.labels)
    with torch.no_grad():
        made = loaded(torch.from_numpy(wave)[None])
    assert torch.equal(made.logits[0], output[: len(first)]) and torch.equal(made.output[0], output)


def test_a_sequence_of_meaning_has_no_pipeline(tmp_path):
    labels = ["<blank>", "intent=order", "slot:size", "a", "b"]
    model = task_model({"kind": "ctc", "outputs": 5, "width": 12}, labels, task="intent")
    model.save_pretrained(tmp_path)
    write_card(tmp_path, model, History("sequence", []))
    card = ModelCard.load(tmp_path / "README.md")
    assert card.data.pipeline_tag is None and "AutoModelForCTC.from_pretrained" in card.text
    assert not (tmp_path / "tokenizer_config.json").exists()
    assert isinstance(tf.AutoModelForCTC.from_pretrained(tmp_path), TaskModel)
    write_card(tmp_path, understanding(QUESTIONS), History("questions", []))
    assert ModelCard.load(tmp_path / "README.md").data.pipeline_tag == "audio-classification"


def test_stock_classes_that_were_converted_answer_as_before(tmp_path, wave):
    save("wavlm_large", "SequenceClassification", tmp_path / "stock", num_labels=3, use_weighted_layer_sum=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        TaskModel.from_pretrained(tmp_path / "stock").save_pretrained(tmp_path / "ours")
    stock, ours = (
        tf.pipeline("audio-classification", model=str(tmp_path / name), top_k=None)(wave) for name in ("stock", "ours")
    )
    assert {each["label"]: each["score"] for each in ours} == pytest.approx(
        {each["label"]: each["score"] for each in stock}, 1e-4
    )


def test_auto_classes(tmp_path, wave):
    frames = ["nobody", "1", "2", "1+2"]
    powerset = {"kind": "powerset", "speakers": 2, "at_once": 2, "width": 8, "blocks": 1, "inner": 8, "heads": 2}
    models = {
        "AutoModelForCTC": recognizer(False),
        "AutoModelForAudioClassification": task_model(HEADS["classifier"], ["a", "b"]),
        "AutoModelForAudioXVector": tiny_model(),
        "AutoModelForAudioFrameClassification": task_model(powerset, frames, task="diarization"),
    }
    inputs = tf.Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True)(
        [wave, wave[:20000]], sampling_rate=16000, return_tensors="pt", padding=True
    )
    for name, model in models.items():
        model.save_pretrained(tmp_path / name)
        loaded = getattr(tf, name).from_pretrained(tmp_path / name).eval()
        with torch.no_grad():
            made, alone = loaded(**inputs), model(torch.from_numpy(wave)[None])
        key = "embeddings" if "XVector" in name else "logits"
        got = made[key][:1] if made[key].dim() == 2 else made[key][:1, : alone.lengths[0]]
        assert torch.allclose(got, alone[key], atol=1e-5)
        assert loaded.config.num_labels == (len(model.config.labels) if model.config.labels else 2)
        for other in models.keys() - {name}:
            with pytest.raises(CheckpointError, match=f"load it with {name}$"):
                getattr(tf, other).from_pretrained(tmp_path / name)


ELSEWHERE = """
import json, sys
sys.modules["sottovoce"] = None
import numpy, transformers
wave = numpy.load("wave.npy")
listen = transformers.pipeline("automatic-speech-recognition", model="ctc", trust_remote_code=True)
classify = transformers.pipeline("audio-classification", model="classes", trust_remote_code=True)
found = listen(wave.copy(), return_timestamps="word")
again = listen(wave.copy(), chunk_length_s=1.0)
processor = transformers.AutoProcessor.from_pretrained("ctc", trust_remote_code=True)
understand = transformers.pipeline("audio-classification", model="intents", trust_remote_code=True)
embed = transformers.AutoModelForAudioXVector.from_pretrained("speakers", trust_remote_code=True).eval()
inputs = processor(wave, sampling_rate=16000, return_tensors="pt")
print(json.dumps({
    "text": found["text"], "words": len(found["chunks"]), "chunked": again["text"], "classes": classify(wave),
    "intents": understand(wave), "labels": processor(text="a cab")["input_ids"],
    "embedding": embed(**inputs).embeddings[0].tolist(),
}))
"""


@pytest.mark.slow
def test_portable_copies_do_the_same_where_this_package_is_not_installed(tmp_path, wave):
    models = {
        "ctc": recognizer(True),
        "classes": task_model(HEADS["classifier"], ["spoof", "bonafide"], scoring="llr", task="spoofing"),
        "intents": understanding(QUESTIONS),
        "speakers": tiny_model(),
    }
    for name, model in models.items():
        model.save_pretrained(tmp_path / name, portable=True)
    np.save(tmp_path / "wave.npy", wave)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ELSEWHERE],
        env={**os.environ, "HF_MODULES_CACHE": str(tmp_path / "cache"), "PYTHONPATH": ""},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    listen = tf.pipeline("automatic-speech-recognition", model=str(tmp_path / "ctc"))
    assert found["text"] == listen(wave.copy())["text"] and found["words"] == len(found["text"].split()) > 3
    assert found["chunked"] == listen(wave.copy(), chunk_length_s=1.0)["text"]
    assert found["labels"] == Vocabulary(models["ctc"].config.labels).encode("a cab")
    for name in ("classes", "intents"):
        here = tf.pipeline("audio-classification", model=str(tmp_path / name))(wave)
        assert [each["label"] for each in found[name]] == [each["label"] for each in here]
        assert [each["score"] for each in found[name]] == pytest.approx([each["score"] for each in here])
    assert {each["label"] for each in found["intents"]} == {"order", "cancel", "ask"}
    with torch.no_grad():
        wanted = models["speakers"](torch.from_numpy(wave)[None]).embeddings[0]
    assert torch.allclose(torch.tensor(found["embedding"]), wanted, atol=1e-5)


def test_nothing_in_a_directory_is_of_this_machine(tmp_path):
    save("wavlm_base", "CTC", tmp_path / "stock")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = TaskModel.from_pretrained(tmp_path / "stock")
    model.save_pretrained(tmp_path / "once")
    TaskModel.from_pretrained(tmp_path / "once").save_pretrained(tmp_path / "twice", portable=True)
    for file in Path(tmp_path / "twice").iterdir():
        assert str(tmp_path).encode() not in file.read_bytes(), file.name


def test_tokens_of_another_vocabulary_are_the_blank():
    tokenizer = LabelTokenizer.from_labels(["<blank>", " ", "a"])
    assert tokenizer("a z")["input_ids"] == [2, 1, 0]
