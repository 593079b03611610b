"""What a recipe's data section makes of its corpora."""

import numpy as np
import pytest

from corpus import write_corpus
from sottovoce.data.corpora.cuts import cut_speaker, load_cut, read_cuts
from sottovoce.errors import RecipeError
from sottovoce.recipe.data_section import Corpora, DataOptions


def test_a_voice_at_another_speed_is_another_speaker(tmp_path):
    write_corpus(tmp_path, speakers=3, utterances=2, seconds=0.5)
    corpora = {"toy": {"cuts": {split: str(tmp_path / f"{split}.jsonl.gz") for split in ("train", "test")}}}
    test = {"bands": {"cuts": "toy/test", "trials": str(tmp_path / "trials.txt")}}
    options = DataOptions(corpora=corpora, train=["toy/train@0.8"], test=test)
    data = Corpora(options, tmp_path / "work")
    cuts = data.cuts("toy/train", "toy/train@0.8", "toy/train@1.25")
    assert len({cut.id for cut in cuts}) == len(cuts) == 3 * 3 * 2
    assert len({cut_speaker(cut) for cut in cuts}) == 3 * 3
    plain, slow, fast = cuts[0], cuts[6], cuts[12]
    assert [cut_speaker(cut) for cut in (plain, slow, fast)] == ["toy/s0", "toy/s0@0.8", "toy/s0@1.25"]
    same = Corpora(options.model_copy(update={"speeds_are_speakers": False}), tmp_path / "same")
    assert {cut_speaker(cut) for cut in same.cuts("toy/train", "toy/train@0.8")} == {"toy/s0", "toy/s1", "toy/s2"}
    samples = len(load_cut(plain))
    assert abs(len(load_cut(slow)) - samples / 0.8) <= 1 and abs(len(load_cut(fast)) - samples / 1.25) <= 1
    # Band 0 of 3 has its middle at 1,333 Hz; played faster, it is higher.
    middle = [load_cut(cut).numpy() for cut in (plain, slow, fast)]
    assert center(middle[1]) < 0.9 * center(middle[0]) < center(middle[0]) < 0.9 * center(middle[2])
    for wrong in ("toy/train@3", "toy/train@slow", "toy/train@"):
        assert "speed" in next(options.reference_problems(wrong, "data.train[0]"))
    assert not list(options.reference_problems("toy/train@0.9", "data.train[0]"))
    tested_faster = DataOptions(
        corpora=corpora, train=["toy/train"], test={"bands": test["bands"] | {"cuts": "toy/test@0.9"}}
    )
    assert any("test data is played as it is" in problem for problem in tested_faster.problems())
    tested = data.test_set(options.test["bands"])
    assert len(tested.cuts) == 6 and len(tested.trials.targets) == 15  # test audio stays as it is


def test_labels_and_enrolments_in_files_of_their_own(tmp_path):
    """As NIST and CN-Celeb publish them: a recipe says the same as ``evaluate --key --enroll``."""
    write_corpus(tmp_path, speakers=2, utterances=2, seconds=0.5)
    names = [cut.id for cut in read_cuts(tmp_path / "test.jsonl.gz")]
    (tmp_path / "trials").write_text(f"one {names[1]}\none {names[2]}\n")
    (tmp_path / "key").write_text(f"one {names[2]} nontarget\none {names[1]} target\n")
    (tmp_path / "enroll").write_text(f"one {names[0]}\n")
    files = {name: str(tmp_path / name) for name in ("trials", "key", "enroll")}
    corpora = {"toy": {"cuts": {"test": str(tmp_path / "test.jsonl.gz")}}}

    def options(**said):
        return DataOptions(corpora=corpora, train=["toy/test"], test={"bands": {"cuts": "toy/test"} | files | said})

    assert not list(options().problems())
    found = Corpora(options(), tmp_path / "work").test_set(options().test["bands"]).trials
    assert (found.left, found.right, found.targets.tolist()) == ([names[0]] * 2, names[1:3], [True, False])
    assert list(options(key="nowhere").problems()) == ["data.test.bands.key: nowhere is no file"]
    assert "data.test.bands.enroll: belongs to a trials file" in next(options(trials=None, key=None).problems())


def center(wave):
    power = np.abs(np.fft.rfft(wave)) ** 2
    return (power * np.fft.rfftfreq(len(wave))).sum() / power.sum()


def test_only_some_utterances_of_a_corpus(tmp_path):
    write_corpus(tmp_path, speakers=2, utterances=3)
    rows = [f"audio/train/s{s}/{u}.wav\ttrain\t{int(u > 0)}\t{'ab'[s]}" for s in range(2) for u in range(3)]
    (tmp_path / "manifest.tsv").write_text("\n".join(["path\tsplit\task\tkind", *rows]) + "\n")

    def chosen(**only):
        options = DataOptions(
            corpora={"toy": {"import": {"path": str(tmp_path), "only": only}}}, train=["toy/train"], test={}
        )
        return [cut.id for cut in Corpora(options, tmp_path / "work").cuts("toy/train")]

    assert len(chosen()) == 6
    assert chosen(ask="1") == [f"audio/train/s{s}/{u}.wav" for s in range(2) for u in (1, 2)]
    assert chosen(ask="1", kind="b") == [f"audio/train/s1/{u}.wav" for u in (1, 2)]
    with pytest.raises(RecipeError, match="data.corpora.toy: `only` leaves no utterance of train"):
        chosen(kind="c")


def test_conversations_of_a_corpus_of_single_voices(tmp_path):
    write_corpus(tmp_path / "voices", speakers=5, utterances=2, seconds=1.5)
    of = {"cuts": {"train": str(tmp_path / "voices" / "train.jsonl.gz")}}
    talks = {"converse": {"of": of, "conversations": {"train": 2}, "seconds": [4, 5], "speakers": [2, 3]}}
    options = DataOptions(corpora={"talks": talks}, train=["talks/train"])
    assert not list(options.problems())
    cuts = Corpora(options, tmp_path / "work").cuts("talks/train", "talks/train@1.1")
    assert len(cuts) == 4 and all(len({s.speaker for s in cut.supervisions}) <= 3 for cut in cuts)
    assert cuts[2].supervisions[0].start == pytest.approx(cuts[0].supervisions[0].start / 1.1, abs=1e-3)
    wrong = {"converse": {"of": of, "conversations": {"dev": 2}}}
    problems = list(DataOptions(corpora={"talks": wrong}, train=["talks/train"]).problems())
    assert any("talks.converse.conversations: there is no split 'dev'" in each for each in problems)
    with pytest.raises(ValueError, match="does not make sense"):
        DataOptions(corpora={"talks": {"converse": {"of": of, "overlap": 2}}}, train=["talks/train"])


def test_turns_from_files_beside_a_table(tmp_path):
    write_corpus(tmp_path, speakers=1, utterances=1)
    (tmp_path / "manifest.tsv").write_text("path\tsplit\naudio/train/s0/0.wav\ttrain\n")
    (tmp_path / "turns.rttm").write_text("SPEAKER 0 1 0.1 0.2 <NA> <NA> anna <NA> <NA>\n")
    (tmp_path / "all.uem").write_text("0 1 0.0 0.4\n")
    source = {"path": str(tmp_path), "rttm": str(tmp_path / "turns.rttm"), "uem": str(tmp_path / "all.uem")}
    options = DataOptions(corpora={"toy": {"import": source}}, train=["toy/train"])
    (cut,) = Corpora(options, tmp_path / "work").cuts("toy/train")
    assert [s.speaker for s in cut.supervisions] == ["toy/anna"] and cut.custom["uem"] == [[0.0, 0.4]]
    absent = DataOptions(corpora={"toy": {"import": source | {"rttm": "absent"}}}, train=["toy/train"])
    assert list(absent.problems()) == ["data.corpora.toy: absent does not exist"]
