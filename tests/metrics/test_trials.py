"""Trials files of both layouts, and what a wrong file is told."""

import pytest

from sottovoce.encoder.errors import DataError
from sottovoce.metrics import Trials, read_trials


def write(tmp_path, text):
    path = tmp_path / "trials.txt"
    path.write_text(text)
    return path


def test_both_layouts_give_the_same(tmp_path):
    voxceleb = read_trials(write(tmp_path, "1 a/1.wav a/2.wav\n\n0\ta/1.wav  b/1.wav\n"))
    kaldi = read_trials(write(tmp_path, "a/1.wav a/2.wav target\na/1.wav b/1.wav nontarget\n"))
    for trials in (voxceleb, kaldi):
        assert trials.left == ["a/1.wav", "a/1.wav"]
        assert trials.right == ["a/2.wav", "b/1.wav"]
        assert trials.targets.tolist() == [True, False]
    assert voxceleb.utterances() == ["a/1.wav", "a/2.wav", "b/1.wav"]


def test_utterances_named_like_labels_do_not_confuse_the_layouts(tmp_path):
    kaldi = read_trials(write(tmp_path, "1 0 target\n0 0 nontarget\n"))
    assert (kaldi.left, kaldi.right, kaldi.targets.tolist()) == (["1", "0"], ["0", "0"], [True, False])
    voxceleb = read_trials(write(tmp_path, "1 target x\n0 1 0\n"))
    assert (voxceleb.left, voxceleb.right, voxceleb.targets.tolist()) == (["target", "1"], ["x", "0"], [True, False])


def test_saving_and_reading_back(tmp_path):
    trials = read_trials(write(tmp_path, "a b target\na c nontarget\n"))
    trials.save(tmp_path / "again.txt")
    again = read_trials(tmp_path / "again.txt")
    assert isinstance(again, Trials)
    assert (again.left, again.right, again.targets.tolist()) == (trials.left, trials.right, trials.targets.tolist())
    assert (tmp_path / "again.txt").read_text() == "1 a b\n0 a c\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no trials in it"),
        ("\n  \n", "no trials in it"),
        ("1 a b\n0 a\n", r"trials.txt: line 2: '0 a' is not '1\|0 <enrol> <test>'"),
        ("1 a b\n2 a b\n0 a b c\n", "line 2: .*; line 3: "),
        ("1 a b\na b nontarget\n", "line 2: 'a b nontarget' is not"),
        ("a b target\n0 a b\n", "line 2: '0 a b' is not '<enrol> <test> target"),
        ("a b imposter\n", "line 1: 'a b imposter' is not '1"),
        ("1 a b\n1 a c\n", "all 2 trials are target"),
        ("0 a b\n", "all 1 trials are non-target"),
        ("1 a b\n" + 30 * "x\n", "; and 20 more"),
    ],
)
def test_a_wrong_file_is_told_where(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_trials(write(tmp_path, text))


def test_missing_folder_and_binary_files(tmp_path):
    with pytest.raises(DataError, match="none.txt: cannot be read"):
        read_trials(tmp_path / "none.txt")
    with pytest.raises(DataError, match="cannot be read"):
        read_trials(tmp_path)
    (tmp_path / "audio").write_bytes(b"\xff\x00\x80")
    with pytest.raises(DataError, match="not a text file"):
        read_trials(tmp_path / "audio")


def test_real_trials(data):
    trials = read_trials(data / "wuw2/trials/dev_sentence.txt")
    assert len(trials) == 2024 and trials.targets.sum() == 184
