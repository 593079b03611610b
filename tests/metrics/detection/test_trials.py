"""Trials files of every form, and what a wrong file is told."""

import pytest

from sottovoce.errors import DataError
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
        ("1 a b\n0 a\n", r"trials.txt: line 2: '0 a' is not '1\|0 <enroll> <test>'"),
        ("1 a b\n2 a b\n0 a b c\n", "line 2: .*; line 3: "),
        ("1 a b\na b nontarget\n", "line 2: 'a b nontarget' is not"),
        ("a b target\n0 a b\n", "line 2: '0 a b' is not '<enroll> <test> target"),
        ("a b imposter\n", "line 1: 'a b imposter' is no trial, .* labels are target and nontarget, tgt"),
        ("a,b,1\nc,d,0\n", "line 1: 'a,b,1' is no trial, nor is any other line"),
        ("enroll test label\na b 1\nc d maybe\n", "line 3: 'c d maybe' is not '<enroll> <test> 1.0'"),
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


RIGHT = (["a/1.wav", "a/1.wav", "c"], ["a/2.wav", "b/1.wav", "d"], [True, False, True])
FORMS = {
    "1|0 <enroll> <test>": ("{1} {e} {t}", "1", "0"),
    "<enroll> <test> 1|0": ("{e} {t} {1}", "1", "0"),
    "<enroll> <test> target|nontarget": ("{e} {t} {1}", "target", "nontarget"),
    "target|nontarget <enroll> <test>": ("{1} {e} {t}", "Target", "nonTarget"),
    "<enroll> <test> tgt|nontgt": ("{e} {t} {1}", "tgt", "nontgt"),
    "<enroll> <test> tgt|imp": ("{e}\t{t}\t{1}", "tgt", "imp"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_and_is_told(tmp_path, form):
    line, same, different = FORMS[form]
    lines = [line.format(None, same if s else different, e=e, t=t) for e, t, s in zip(*RIGHT, strict=True)]
    trials = read_trials(write(tmp_path, "\n".join(lines)))
    assert (trials.left, trials.right, trials.targets.tolist()) == RIGHT and trials.file_format == form


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("enroll test label\na b 1\nc d 0\n", "<enroll> <test> 1|0"),
        ("Enrolment\tTest\tTarget\na\tb\ttgt\nc\td\timp\n", "<enroll> <test> tgt|imp"),
        ("label enrol test\n1 a b\n0 c d\n", "1|0 <enroll> <test>"),
        ("# enrol test\n1 a b\n0 c d\n", "1|0 <enroll> <test>"),
        ("modelid segmentid side targettype\na b a tgt\nc d a imp\n", "<enroll> <test> tgt|imp"),
    ],
)
def test_a_first_line_that_names_the_columns(tmp_path, text, form):
    trials = read_trials(write(tmp_path, text))
    assert trials.file_format == form
    assert (trials.left, trials.right, trials.targets.tolist()) == (["a", "c"], ["b", "d"], [True, False])


def test_utterances_that_are_called_as_columns_are(tmp_path):
    trials = read_trials(write(tmp_path, "enrol test 1\nenrol other 0\n"))
    assert (trials.left, trials.targets.tolist()) == (["enrol", "enrol"], [True, False])


@pytest.mark.parametrize(
    ("name", "form"), [("label-last", "<enroll> <test> 1|0"), ("tgt", "<enroll> <test> tgt|nontgt")]
)
def test_given_lists(cases, name, form):
    trials = read_trials(cases / f"trials/{name}.txt")
    assert trials.file_format == form and trials.targets.tolist()[:3] == [True, False, True]
    assert trials.left[1] == "id0/v0/00000.wav" and trials.right[1] == "id1/v1/00001.wav"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 a 0\n0 b 1\n", "line 1: '1 a 0' and all others may be <enroll> <test> 1.0 or 1.0 <enroll> <test>"),
        ("1 a b\na b 0\n0 a b\n", "line 2: 'a b 0' is not '1.0 <enroll> <test>'"),
        ("a b 1\n1 a b\na b 0\n", "line 2: '1 a b' is not '<enroll> <test> 1.0'"),
        ("a b target\na c 0\n", "line 2: 'a c 0' is not '<enroll> <test> target.nontarget'"),
        ("a b tgt\na c imp\na e imp\na d nontgt\n", "line 4: 'a d nontgt' is not '<enroll> <test> tgt.imp'"),
        ("modelid\tsegmentid\tside\na\tb\ta\n", "<enroll> <test> without labels; give the key"),
        ("modelid\tsegmentid\tside\ttargettype\n", "no trials in it"),
        ("modelid segmentid side targettype\na b a target\nc d b nontarget\n", "line 3: side b of d; only side a"),
        (
            "modelid segmentid targettype\na b target\nc d imp\n",
            "line 3: 'c d imp' is not '<enroll> <test> target.nontarget'",
        ),
    ],
)
def test_forms_that_are_mixed_or_uncertain(tmp_path, text, message):
    with pytest.raises(DataError, match=message):
        read_trials(write(tmp_path, text))


def test_lists_of_nist_with_a_key(tmp_path):
    trials = write(tmp_path, "modelid\tsegmentid\tside\n1001_sre\tx.sph\ta\n1002_sre\tx.sph\ta\n")
    key = tmp_path / "key.tsv"
    key.write_text(
        "modelid\tsegmentid\tside\ttargettype\tgender\n1002_sre\tx.sph\ta\tnontarget\tfemale\n"
        "1001_sre\tx.sph\ta\ttarget\tmale\n1001_sre\ty.sph\ta\ttarget\tmale\n"
    )
    found = read_trials(trials, key=key)
    assert (found.left, found.right) == (["1001_sre", "1002_sre"], ["x.sph", "x.sph"])
    assert found.targets.tolist() == [True, False] and found.file_format == f"<enroll> <test>, labels of {key}"
    alone = read_trials(key)  # a key names the trials too
    assert len(alone) == 3 and alone.file_format == "<enroll> <test> target|nontarget"
    trials.write_text("1001_sre x.sph\n1003_sre x.sph\n")  # without names of columns
    with pytest.raises(DataError, match=r"trials.txt: line 2: 1003_sre x.sph is not in .*key.tsv"):
        read_trials(trials, key=key)
    with pytest.raises(DataError, match="a key has labels"):
        read_trials(trials, key=write(tmp_path, "modelid segmentid\n1001_sre x.sph\n"))
    key.write_text(key.read_text() + "1001_sre\tx.sph\ta\tnontarget\tmale\n")
    with pytest.raises(DataError, match="key.tsv: line 5: 1001_sre x.sph is nontarget here and target before"):
        read_trials(trials, key=key)


def test_lists_of_cn_celeb(tmp_path):
    trials = write(tmp_path, "id0-enroll test/id0-a.wav 1\nid1-enroll test/id0-a.wav 0\n")
    enrol = tmp_path / "enroll.lst"
    enrol.write_text("id0-enroll enroll/id0-enroll.wav\nid1-enroll enroll/id1-enroll.wav\n")
    assert read_trials(trials, enroll=enrol).left == ["enroll/id0-enroll.wav", "enroll/id1-enroll.wav"]
    assert read_trials(trials).left == ["id0-enroll", "id1-enroll"]
    enrol.write_text("id0-enroll enroll/id0-enroll.wav\n")
    with pytest.raises(DataError, match="trials.txt: line 2: the enrollment id1-enroll is not in .*enroll.lst"):
        read_trials(trials, enroll=enrol)
    enrol.write_text("id0-enroll a.wav b.wav\nid1-enroll c.wav\n")
    with pytest.raises(DataError, match="enroll.lst: line 1: id0-enroll has several utterances"):
        read_trials(trials, enroll=enrol)
