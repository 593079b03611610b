"""transcribe, on a tiny CTC model that says something about noise."""

from __future__ import annotations

import json

import pytest
import soundfile
import torch

import bad_audio
from bad_audio import FAULTS
from sottovoce.decoding.text_decoders import CTCDecoder, TransducerDecoder
from sottovoce.decoding.vocabulary import BLANK
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from tiny_models import randomized, tiny_config, tiny_model

LABELS = [BLANK, " ", "a", "b", "c", "d"]

ARPA = """\\data\\
ngram 1=4

\\1-grams:
-1.0 <s>
-0.5 </s>
-0.5 ab
-0.9 c

\\end\\
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory, speech):
    """``model``, a recognizer."""
    torch.manual_seed(0)
    head = {"kind": "ctc", "outputs": len(LABELS), "width": 12}
    config = TaskConfig(encoder=tiny_config(), head=head, task="recognition", labels=LABELS)
    model = randomized(TaskModel(config)).eval()
    with torch.no_grad():
        model.head.output.weight.mul_(20)
        model.head.output.bias.sub_(model(heard(speech / "0.wav")).output.mean((0, 1)))
    folder = tmp_path_factory.mktemp("recognizer")
    model.save_pretrained(folder / "model")
    (folder / "words.arpa").write_text(ARPA)
    return folder


def heard(file):
    return torch.from_numpy(soundfile.read(file, dtype="float32")[0])[None]


def expected(place, file, **search):
    model = TaskModel.from_pretrained(place / "model").eval()
    with torch.no_grad():
        made = model(heard(file))
    return CTCDecoder(LABELS, **search).texts(made.output, made.lengths)[0]


def test_the_text_is_the_models_best_path(sottovoce, place, speech):
    said = sottovoce("transcribe", place / "model", speech / "0.wav")
    assert said.code == 0, said
    text = expected(place, speech / "0.wav")
    assert said.out == f"{speech / '0.wav'}\t{text}\n" and len(set(text)) > 3


def test_of_several_files_each_is_named(sottovoce, place, speech):
    files = [speech / "0.wav", speech / "1.wav"]
    lines = sottovoce("transcribe", place / "model", *files).out.splitlines()
    assert lines == [f"{file}\t{expected(place, file)}" for file in files]
    found = [json.loads(line) for line in sottovoce("transcribe", place / "model", *files, "--json").out.splitlines()]
    words = [each.pop("words") for each in found]
    assert found == [{"file": str(f), "seconds": 1.0, "text": expected(place, f)} for f in files]
    assert [" ".join(word["text"] for word in each) for each in words] == [each["text"] for each in found]


def test_timings_are_lines_of_a_ctm_file(sottovoce, place, speech):
    file = speech / "0.wav"
    said = sottovoce("transcribe", place / "model", file, "--timings")
    words = json.loads(sottovoce("transcribe", place / "model", file, "--json").out)["words"]
    rows = [line.split() for line in said.out.splitlines()]
    assert [(row[0], row[1], row[4]) for row in rows] == [("0", "1", word["text"]) for word in words] and len(rows) > 1
    for row, word in zip(rows, words, strict=True):
        assert float(row[2]) == word["start"] < word["end"] <= 1.0
        assert float(row[3]) == pytest.approx(word["end"] - word["start"])


def test_searches(sottovoce, place, speech):
    file = speech / "0.wav"
    found = sottovoce("transcribe", place / "model", file, "--beam", 3).out
    assert found == f"{file}\t{expected(place, file, beam=3)}\n"
    plain = sottovoce("transcribe", place / "model", file, "--beam", 16).out
    arguments = ["--ngram", place / "words.arpa", "--weight", "3", "--bonus", "1"]
    fused = sottovoce("transcribe", place / "model", file, *arguments)
    assert fused.code == 0 and fused.out != plain
    said = sottovoce("transcribe", place / "model", file, "--ngram", place / "none.arpa")
    assert said.code == 2 and len(said.err.splitlines()) == 1 and "none.arpa: cannot be read" in said.err


def test_a_language_model_in_another_case_is_the_same_model_and_one_of_another_language_none(
    sottovoce, place, speech, tmp_path
):
    options = ("--weight", "3", "--bonus", "1")
    (tmp_path / "upper.arpa").write_text(ARPA.replace("ab", "AB").replace(" c", " C"))
    (tmp_path / "other.arpa").write_text(ARPA.replace("ab", "да").replace(" c", " нет"))
    right = sottovoce("transcribe", place / "model", speech / "0.wav", "--ngram", place / "words.arpa", *options)
    said = sottovoce("transcribe", place / "model", speech / "0.wav", "--ngram", tmp_path / "upper.arpa", *options)
    assert said.code == 0 and said.out == right.out and not right.err
    assert "upper.arpa" in said.err and "so case is ignored" in said.err and len(said.err.splitlines()) == 1
    said = sottovoce("transcribe", place / "model", speech / "0.wav", "--ngram", tmp_path / "other.arpa")
    assert said.code == 2 and len(said.err.splitlines()) == 1
    assert "other.arpa: the language model does not fit: of its 2 words only 0 can be spelled" in said.err


@pytest.mark.parametrize("fault", [*FAULTS, bad_audio.silence], ids=lambda f: f.__name__)
def test_faulty_audio_is_one_line(sottovoce, place, tmp_path, fault):
    bad = fault(tmp_path)
    said = sottovoce("transcribe", place / "model", bad)
    assert said.code == 2 and bad.name in said.err and said.out == "", said
    assert len(said.err.splitlines()) == 1


def test_a_missing_file_is_told_before_the_others_are_heard(sottovoce, place, speech, tmp_path):
    said = sottovoce("transcribe", place / "model", speech / "0.wav", tmp_path / "none.wav")
    assert said.code == 2 and said.out == "" and "none.wav: no such file" in said.err


def test_other_models_are_named(sottovoce, place, models, speech, tmp_path):
    tiny_model().save_pretrained(tmp_path / "speakers")
    for source, what in ((models / "ours", "and no model"), (tmp_path / "speakers", "and not")):
        said = sottovoce("transcribe", source, speech / "0.wav")
        assert said.code == 2 and f"{what} for recognition" in said.err and len(said.err.splitlines()) == 1
    said = sottovoce("verify", place / "model", speech / "0.wav", speech / "1.wav")
    assert (
        said.code == 2
        and "a model for recognition (`sottovoce transcribe` runs it) and not for verification" in said.err
    )
    assert sottovoce("transcribe", tmp_path / "nothing", speech / "0.wav").code == 2


def test_a_transducer_transcribes_too(sottovoce, place, speech, tmp_path):
    torch.manual_seed(0)
    head = {"kind": "transducer", "outputs": len(LABELS), "predictor": 8, "width": 12, "downsampling": 2}
    config = TaskConfig(encoder=tiny_config(), head=head, task="recognition", labels=LABELS)
    model = randomized(TaskModel(config)).eval()
    with torch.no_grad():
        model.head.joiner.output.weight.mul_(20)
    model.save_pretrained(tmp_path / "model")
    with torch.no_grad():
        made = model(heard(speech / "0.wav"))
    for beam, arguments in ((None, []), (3, ["--beam", 3])):
        text = TransducerDecoder(model.head, LABELS, beam=beam).texts(made.output, made.output_lengths)[0]
        said = sottovoce("transcribe", tmp_path / "model", speech / "0.wav", *arguments)
        assert said.code == 0 and said.out == f"{speech / '0.wav'}\t{text}\n" and text, said
    said = sottovoce("transcribe", tmp_path / "model", speech / "0.wav", "--ngram", place / "words.arpa")
    assert said.code == 2 and "this model is a transducer, so leave the n-gram out" in said.err
