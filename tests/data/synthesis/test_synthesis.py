"""Synthetic corpora: the same for the same arguments, disjoint sides, fair trials, whole or not there."""

import importlib.util
import itertools
import re
from collections import Counter

import numpy as np
import pytest

from sottovoce.data.corpora.cuts import load_cut, read_cuts
from sottovoce.data.synthesis import synthesize, utterances
from sottovoce.data.synthesis.speech.sentences import sentence
from sottovoce.data.synthesis.speech.voices import ACCENTS, NATIVE, VARIANTS, draw_voices
from sottovoce.errors import DataError, SottovoceError
from sottovoce.metrics import read_trials

needs_espeak = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="needs espeakng-loader (the extra 'demo')"
)
SIZE = {"speakers_train": 4, "speakers_test": 6, "utterances": 3, "seed": 1}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return synthesize(tmp_path_factory.mktemp("synthetic") / "corpus", **SIZE)


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@needs_espeak
def test_the_same_arguments_give_the_same_bytes(corpus, tmp_path):
    told = []
    again = synthesize(tmp_path / "a/b/again", **SIZE, progress=lambda done, total: told.append((done, total)))
    assert contents(again.folder) == contents(corpus.folder)
    assert told == [(done, 30) for done in range(1, 31)]
    other = synthesize(tmp_path / "other", **(SIZE | {"seed": 2}))
    first, second = contents(corpus.folder), contents(other.folder)
    assert not any(first[name] == second[name] for name in first.keys() & second.keys())


@needs_espeak
def test_the_sides_share_no_speaker_and_no_voice(corpus):
    train, test = (list(read_cuts(path)) for path in (corpus.train, corpus.test))
    assert len(train) == 12 and len(test) == 18
    for of in (lambda s: s.speaker, lambda s: s.custom["variant"], lambda s: s.text):
        assert not {of(c.supervisions[0]) for c in train} & {of(c.supervisions[0]) for c in test}
    for side, count in ((train, 4), (test, 6)):
        speakers = Counter(cut.supervisions[0].speaker for cut in side)
        assert set(speakers.values()) == {3} and len(speakers) == count
        sexes = {cut.supervisions[0].speaker: cut.supervisions[0].gender for cut in side}
        assert Counter(sexes.values()) == {"f": count // 2, "m": count // 2}
        assert all(
            {c.supervisions[0].custom["session"] for c in side if c.supervisions[0].speaker == s} == {0, 1, 2}
            for s in speakers
        )


@needs_espeak
def test_the_audio_is_speech_of_a_sensible_length_and_level(corpus):
    for cut in itertools.chain(read_cuts(corpus.train), read_cuts(corpus.test)):
        wave = load_cut(cut).numpy()
        assert len(wave) == cut.recording.num_samples and 0.8 < len(wave) / 16_000 < 8
        level = 10 * np.log10(np.mean(np.square(wave)))
        assert -33 < level < -19 and np.abs(wave).max() < 1


@needs_espeak
def test_trials_are_fair(corpus):
    cuts = {cut.id: cut.supervisions[0] for cut in read_cuts(corpus.test)}
    trials = read_trials(corpus.trials)
    pairs = list(zip(trials.left, trials.right, strict=True))
    assert len({frozenset(pair) for pair in pairs}) == len(pairs)
    targets = Counter()
    sexes = Counter()
    for (a, b), target in zip(pairs, trials.targets, strict=True):
        a, b = cuts[a], cuts[b]
        assert (a.speaker == b.speaker) == target and a.text != b.text
        if target:
            assert a.custom["session"] != b.custom["session"] and a.custom["room"] != b.custom["room"]
            targets[a.speaker] += 1
        else:
            sexes[a.gender == b.gender] += 1
    assert set(targets.values()) == {3} and len(targets) == 6  # all pairs of the three sessions
    assert sexes.total() == 2 * targets.total()
    assert sexes[True] > 1.3 * sexes[False]  # half are hard ones, of the same sex, and so are some of the others


@needs_espeak
def test_a_corpus_that_is_there_is_left_alone(corpus, tmp_path, monkeypatch):
    monkeypatch.setattr(utterances, "speak", None)  # nothing is said again
    assert synthesize(corpus.folder, **SIZE) == corpus
    with pytest.raises(DataError, match=r"holds a corpus of other options \(seed 1 -> 3\)"):
        synthesize(corpus.folder, **(SIZE | {"seed": 3}))
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(DataError, match="is no synthetic corpus; choose another folder"):
        synthesize(tmp_path, **SIZE)
    assert (tmp_path / "thesis.txt").exists()


@needs_espeak
def test_nothing_half_made_carries_the_name(tmp_path):
    class Stop(Exception):
        pass

    def stop(done, total):
        if done == 15:
            raise Stop

    (tmp_path / "corpus").mkdir()  # an empty folder is in nobody's way
    with pytest.raises(Stop):
        synthesize(tmp_path / "corpus", **SIZE, progress=stop)
    assert not any((tmp_path / "corpus").iterdir())
    made = synthesize(tmp_path / "corpus", **SIZE)
    assert made.trials.is_file() and [path.name for path in tmp_path.iterdir()] == ["corpus"]


def test_arguments_that_make_no_sense(tmp_path):
    for options, message in (
        ({"task": "singing"}, "no synthetic corpus is called 'singing'"),
        ({"utterances": 2}, "synthesize verification: utterances: input should be greater than or equal to 3 .got 2"),
        ({"speakers_test": 1}, "speakers_test: input should be greater than or equal to 2 .got 1"),
        ({"speakers_dev": 1}, "dev needs 2 or more .one of each sex., or none; got 1"),
        ({"speeker_dev": 1}, "synthesize verification: speeker_dev: unknown; did you mean 'speakers_dev'"),
    ):
        with pytest.raises(SottovoceError, match=message):
            synthesize(tmp_path / "corpus", **options)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="is no synthetic corpus|cannot be written"):
        synthesize(tmp_path / "file", **SIZE)


@needs_espeak
def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        synthesize(tmp_path / "file/corpus", **SIZE)


def test_voices_are_spread_and_disjoint():
    counts = {"train": 200, "test": 80}
    train, test = draw_voices(counts, np.random.default_rng(0)).values()
    assert len({voice.name for voice in train + test}) == 280
    assert not {voice.variant for voice in train} & {voice.variant for voice in test}
    assert {voice.variant for voice in train + test} == {name for names in VARIANTS.values() for name in names.split()}
    assert {voice.accent for voice in train} == set(ACCENTS)
    assert draw_voices(counts, np.random.default_rng(0)) == {"train": train, "test": test}
    same = [a.distance(b) for a, b in itertools.combinations(test, 2) if a.sex == b.sex]
    other = [a.distance(b) for a, b in itertools.combinations(test, 2) if a.sex != b.sex]
    three = draw_voices({**counts, "dev": 30}, np.random.default_rng(0))
    assert {voice.variant for voice in three["test"]} == {voice.variant for voice in test}
    for a, b in itertools.combinations(three.values(), 2):
        assert not {voice.variant for voice in a} & {voice.variant for voice in b}
    assert Counter(voice.sex for voice in three["dev"]) == {"f": 15, "m": 15}
    native = draw_voices(counts, np.random.default_rng(0), NATIVE)
    assert {voice.accent for side in native.values() for voice in side} == set(NATIVE)
    assert 0.7 < np.median(same) < 1.6 < min(other) and test[0].distance(test[0]) == 0


def test_sentences_are_many_and_well_formed():
    generator = np.random.default_rng(0)
    texts = [sentence(generator) for _ in range(2_000)]
    assert len(set(texts)) > 1_990
    assert all(re.fullmatch(r"[a-z]+( [a-z]+){4,15}", text) for text in texts)
    assert not any(re.search(r"\ba [aeiou]|\ban [^aeiou]", text) for text in texts)


@needs_espeak
def test_every_variant_and_accent_can_speak():
    from sottovoce.data.synthesis.speech.espeak import Utterance, speak

    variants = [name for names in VARIANTS.values() for name in names.split()]
    requests = [Utterance("yes", variant=name) for name in variants] + [Utterance("yes", accent=a) for a in ACCENTS]
    for request, wave in zip(requests, speak(requests), strict=True):
        assert np.abs(wave).max() > 0.01, request
