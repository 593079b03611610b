"""Synthetic corpora of each task: what they say about themselves is what can be heard in them."""

import importlib.util
import json
import multiprocessing
import re
from collections import Counter, defaultdict

import numpy as np
import pytest

from sottovoce.data.corpora.cuts import cut_speaker, load_cut, read_cuts
from sottovoce.data.corpora.manifests import import_corpus
from sottovoce.data.corpora.rttm import read_rttm, read_uem
from sottovoce.data.synthesis import SYNTHESES, synthesis_of, synthesize
from sottovoce.data.synthesis.speech.commands import INTENTS, VALUES, command
from sottovoce.data.synthesis.speech.sentences import digits, question
from sottovoce.data.synthesis.turn_timing import speaker_order, turn_starts
from sottovoce.errors import DataError, SottovoceError
from sottovoce.metrics import read_trials

needs_espeak = pytest.mark.skipif(
    importlib.util.find_spec("espeakng_loader") is None, reason="needs espeakng-loader (the extra 'demo')"
)
SPEAKERS = {"speakers_train": 4, "speakers_dev": 2, "speakers_test": 2}
SIZES = {
    "verification": SPEAKERS | {"utterances": 3},
    "recognition": SPEAKERS | {"utterances": 6},
    "intent": SPEAKERS | {"utterances": 10},
    "spoofing": {"speakers_train": 2, "speakers_dev": 2, "speakers_test": 2, "utterances": 9},
    "diarization": {
        **dict(speakers_train=4, speakers_dev=4, speakers_test=4, scene="dry", seconds=12, overlap=0.2),
        **dict(conversations_train=3, conversations_dev=1, conversations_test=1),
    },
}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory):
    """Made when first asked for: ``corpora("intent")``."""
    folder, made = tmp_path_factory.mktemp("corpora"), {}

    def of(task):
        if task not in made:
            made[task] = synthesize(folder / task, task=task, **SIZES[task])
        return made[task]

    return of


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@needs_espeak
@pytest.mark.parametrize("task", SYNTHESES)
def test_no_speaker_and_no_voice_is_on_two_sides(corpora, task):
    seen = defaultdict(set)
    for split in ("train", "dev", "test"):
        cuts = list(read_cuts(corpora(task).cuts(split)))
        for said in (said for cut in cuts for said in cut.supervisions):
            seen[said.speaker].add(split)
            if said.custom and "variant" in said.custom:
                seen["variant", said.custom["variant"]].add(split)
        assert all((corpora(task).folder / cut.recording.sources[0].source).is_file() for cut in cuts)
    assert all(len(splits) == 1 for splits in seen.values()) and len(seen) > 6


@needs_espeak
@pytest.mark.parametrize("task", ["diarization", "spoofing"])
def test_the_seed_decides(task, tmp_path):
    """Of utterances without attacks, `test_synthesis` asks it."""
    few = dict(speakers_train=2, speakers_dev=0, speakers_test=2)
    size = few | (
        dict(utterances=3, attacks=["lpc"], held_out=["phase_noise"])
        if task == "spoofing"
        else dict(conversations_train=1, conversations_test=1, conversations_dev=0, voices=(2, 2), seconds=10)
    )
    first = contents(synthesize(tmp_path / "first", task=task, **size).folder)
    assert contents(synthesize(tmp_path / "same", task=task, **size).folder) == first
    other = contents(synthesize(tmp_path / "other", task=task, seed=1, **size).folder)
    assert not any(first[name] == other[name] for name in first.keys() & other.keys())


def _make(out):
    synthesize(out, task="verification", speakers_train=2, speakers_test=2, utterances=3)


@needs_espeak
def test_several_processes_may_ask_for_one_corpus(tmp_path):
    context = multiprocessing.get_context("fork")
    makers = [context.Process(target=_make, args=(tmp_path / "corpus",)) for _ in range(3)]
    for maker in makers:
        maker.start()
    for maker in makers:
        maker.join()
    assert [maker.exitcode for maker in makers] == [0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["corpus"]
    assert len(list(read_cuts(tmp_path / "corpus/train.jsonl.gz"))) == 6


@needs_espeak
def test_dev_trials_are_over_dev(corpora):
    corpus = corpora("verification")
    for split, name in (("test", "trials.txt"), ("dev", "trials_dev.txt")):
        trials = read_trials(corpus.folder / name)
        known = {cut.id for cut in read_cuts(corpus.cuts(split))}
        assert {*trials.left, *trials.right} <= known and 0 < trials.targets.sum() < len(trials.targets)


@needs_espeak
def test_transcripts_are_of_the_styles_and_native(corpora):
    said = [cut.supervisions[0] for cut in read_cuts(corpora("recognition").train)]
    assert {each.custom["style"] for each in said} == {"sentence", "question", "command", "digits"}
    for each in said:
        assert re.fullmatch(r"[a-z]+( [a-z]+)*", each.text) and each.custom["accent"].startswith("en-")
        numbers = {"zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"}
        assert (set(each.text.split()) <= numbers) == (each.custom["style"] == "digits")
    only = synthesis_of("recognition", {"styles": ["digits"]})
    assert {only.say(k, np.random.default_rng(k), (0, 1)).custom["style"] for k in range(9)} == {"digits"}


@needs_espeak
def test_intents_are_labeled_as_slurp_is(corpora):
    cuts = list(read_cuts(corpora("intent").train))
    counts = Counter(cut.supervisions[0].custom["intent"] for cut in cuts)
    assert len(counts) == len(INTENTS) == 20 and set(counts.values()) == {2}
    by_speaker = defaultdict(set)
    for said in (cut.supervisions[0] for cut in cuts):
        labels = said.custom
        assert labels["intent"] == f"{labels['scenario']}_{labels['action']}"
        place = 0
        for slot in labels["slots"]:  # fillers stand in the text, in this order
            assert slot.keys() == {"type", "filler"} and slot["filler"] in VALUES[slot["type"]].split("; ")
            place = said.text.index(slot["filler"], place) + len(slot["filler"])
        by_speaker[said.speaker].add(labels["intent"])
    assert len({frozenset(intents) for intents in by_speaker.values()}) == len(by_speaker)


def test_commands_and_other_styles():
    generator = np.random.default_rng(0)
    commands = [command(generator) for _ in range(3_000)]
    assert len({each.text for each in commands}) > 300 and len({each.text.split()[0] for each in commands}) > 15
    words = {word for each in commands for word in each.text.split()}
    assert len(words) < 250 and all(re.fullmatch("[a-z]+", word) for word in words)
    assert {(each.scenario, each.action) for each in commands} == set(INTENTS)
    meaning = defaultdict(set)
    for each in commands:
        meaning[each.text].add((each.scenario, each.action, each.slots))
    assert all(len(meanings) == 1 for meanings in meaning.values())  # nothing means two things
    assert {slot for each in commands for slot, _ in each.slots} == set(VALUES)
    assert all(3 <= len(digits(generator).split()) <= 7 for _ in range(50))
    questions = {question(generator) for _ in range(200)}
    assert len(questions) > 195 and all(re.fullmatch(r"(where|when|why|how) did [a-z ]+", each) for each in questions)
    assert not any(re.search(r"\ba [aeiou]|\ban [^aeiou]", each) for each in questions)


@needs_espeak
def test_spoofed_recordings_and_their_attacks(corpora):
    options = synthesis_of("spoofing", {})
    for split in ("train", "dev", "test"):
        said = [cut.supervisions[0] for cut in read_cuts(corpora("spoofing").cuts(split))]
        assert Counter(each.custom["label"] for each in said) == {"bonafide": 6, "spoof": 12}
        assert all(("attack" in each.custom) == (each.custom["label"] == "spoof") for each in said)
        expected = set(options.attacks) | (set(options.held_out) if split == "test" else set())
        assert {each.custom["attack"] for each in said if "attack" in each.custom} == expected
        assert len({each.text for each in said}) == len(said)  # no original of a spoofed recording is there
        kinds = {(each.speaker, each.custom["label"]) for each in said}
        assert len(kinds) == 4  # both kinds of each speaker
    levels = defaultdict(list)
    for cut in read_cuts(corpora("spoofing").train):
        wave = load_cut(cut).numpy()
        levels[cut.supervisions[0].custom["label"]].append(10 * np.log10(np.mean(wave**2)))
    assert all(-34 < level < -19 for each in levels.values() for level in each)


@needs_espeak
def test_spoofed_recordings_are_what_the_attack_makes_and_bona_fide_ones_what_they_were(tmp_path):
    few = dict(speakers_train=2, speakers_dev=0, speakers_test=2, utterances=3, held_out=[])
    first, other = (
        synthesize(tmp_path / attack, task="spoofing", attacks=[attack], **few) for attack in ("folded", "splice")
    )
    for ours, theirs in zip(read_cuts(first.train), read_cuts(other.train), strict=True):
        one, two = load_cut(ours).numpy(), load_cut(theirs).numpy()
        assert np.array_equal(one, two) == (ours.supervisions[0].custom["label"] == "bonafide")
        if ours.supervisions[0].custom["label"] == "spoof":  # the upper half mirrors the lower one
            lines = np.log(np.abs(np.fft.rfft(one)) + 1e-9)
            size = len(lines) // 4
            assert np.corrcoef(lines[size : 2 * size - 200], lines[::-1][size : 2 * size - 200])[0, 1] > 0.6


class TestConversations:
    @pytest.mark.parametrize("overlap", [0.0, 0.07, 0.3])
    def test_overlap_is_exactly_as_asked_for(self, overlap):
        for seed in range(20):
            generator = np.random.default_rng(seed)
            turns = int(generator.integers(6, 30))
            order = speaker_order(turns, int(generator.integers(2, 5)), generator)
            durations = generator.integers(600, 5_000, turns).tolist()
            starts = turn_starts(durations, order, generator, overlap=overlap, pause=0.5)
            count = np.zeros(max(s + d for s, d in zip(starts, durations, strict=True)), int)
            for who in set(order):
                own = np.zeros_like(count)
                for start, duration, speaker in zip(starts, durations, order, strict=True):
                    own[start : start + duration] += speaker == who
                assert own.max() == 1  # nobody speaks with themselves
                count += own
            assert count.max() <= 2 and abs((count > 1).sum() / (count > 0).sum() - overlap) < 1e-3

    def test_pauses_and_speakers(self):
        generator = np.random.default_rng(0)
        order = speaker_order(4_000, 4, generator)
        assert sorted(order[:4]) == [0, 1, 2, 3]
        assert 0.1 < np.mean([a == b for a, b in zip(order, order[1:], strict=False)]) < 0.2
        starts = turn_starts([1_000] * 4_000, order, generator, overlap=0.0, pause=0.7)
        assert 650 < np.mean(np.diff(starts)) - 1_000 < 750

    def test_too_much_overlap(self):
        with pytest.raises(DataError, match="3 turns cannot overlap by 0.35 of the speech"):
            turn_starts([1_000] * 3, [0, 0, 0], np.random.default_rng(0), overlap=0.35, pause=0.5)

    @needs_espeak
    def test_the_reference_agrees_with_what_is_heard(self, corpora):
        corpus = corpora("diarization")
        for cut in [*read_cuts(corpus.train), *read_cuts(corpus.test)]:
            wave = load_cut(cut).numpy()
            frames = wave[: len(wave) // 160 * 160].reshape(-1, 160)
            loud = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
            active = np.zeros(len(loud), bool)
            for said in cut.supervisions:
                active[round(said.start * 100) : round(said.end * 100)] = True
            inside, outside = np.mean(10 ** (loud[active] / 10)), np.mean(10 ** (loud[~active] / 10))
            assert 10 * np.log10(inside / outside) > 20, cut.id
            # Where turns begin and end it is as loud as a voice at once, not only somewhere within.
            starts = [round(said.start * 100) for said in cut.supervisions]
            assert np.median([loud[start : start + 10].max() for start in starts]) > 10 * np.log10(outside) + 15

    @needs_espeak
    def test_voices_overlap_lengths_and_files(self, corpora):
        corpus = corpora("diarization")
        for split, count in (("train", 3), ("dev", 1), ("test", 1)):
            cuts = list(read_cuts(corpus.cuts(split)))
            turns, regions = read_rttm(corpus.folder / f"{split}.rttm"), read_uem(corpus.folder / f"{split}.uem")
            assert len(cuts) == count and turns.keys() == regions.keys() == {cut.id for cut in cuts}
            for cut in cuts:
                assert [(s.start, s.end, s.speaker) for s in cut.supervisions] == turns[cut.id]
                assert cut.uem == [[0.0, cut.duration]] and 2 <= len({s.speaker for s in cut.supervisions}) <= 4
                assert 7 < cut.duration < 20
                grid = np.zeros(round(cut.duration * 1000), int)
                for said in cut.supervisions:
                    grid[round(said.start * 1000) : round(said.end * 1000)] += 1
                assert grid.max() == 2 and abs((grid > 1).sum() / (grid > 0).sum() - 0.2) < 2e-3

    @needs_espeak
    def test_the_rttm_imports_as_the_same_cuts(self, corpora, tmp_path):
        folder = corpora("diarization").folder
        made = import_corpus(
            *(folder / "train.rttm", tmp_path / "out"),
            **dict(layout="rttm", audio=folder / "audio/train", uem=folder / "train.uem", split="train"),
        )
        for ours, theirs in zip(read_cuts(folder / "train.jsonl.gz"), read_cuts(made["train"]), strict=True):
            assert (ours.id, ours.uem, ours.duration) == (theirs.id, theirs.uem, theirs.duration)
            assert [(s.start, s.end, s.speaker) for s in ours.supervisions] == [
                (s.start, s.end, s.speaker) for s in theirs.supervisions
            ]

    @needs_espeak
    def test_rooms_and_several_voices(self, tmp_path):
        sizes = dict(speakers_train=3, speakers_dev=0, speakers_test=3, conversations_dev=0, voices=(3, 3), seconds=10)
        made = synthesize(tmp_path / "c", task="diarization", conversations_train=1, conversations_test=1, **sizes)
        (cut,) = read_cuts(made.train)
        assert len({said.speaker for said in cut.supervisions}) == 3 and not made.dev.exists()
        with pytest.raises(DataError, match="has the speakers"):
            cut_speaker(cut)


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ("singing", {}, "no synthetic corpus is called 'singing'; known here: diarization, intent"),
        ("intent", {"overlap": 0.1}, "synthesize intent: overlap: unknown; known here: "),
        ("recognition", {"styles": ["song"]}, r"styles\[0\]: input should be 'sentence'"),
        ("recognition", {"styles": []}, "styles: tuple should have at least 1 item"),
        ("recognition", {"styles": ["digits", "digits"]}, "a style is named twice"),
        ("spoofing", {"attacks": ["lcp"]}, "there is no attack 'lcp'; did you mean 'lpc'"),
        ("spoofing", {"attacks": ["lpc"], "held_out": ["lpc"]}, "named twice in attacks and held_out"),
        ("diarization", {"voices": (5, 3)}, "voices are 5 to 3"),
        ("diarization", {"speakers_dev": 3}, "speakers_dev is 3, but a conversation has up to 4 voices"),
        ("diarization", {"conversations_dev": 0}, "conversations_dev and speakers_dev must both be 0"),
        ("diarization", {"overlap": 0.9}, "overlap: input should be less than or equal to 0.35 .got 0.9"),
        ("diarization", {"seconds": float("nan")}, "seconds: input should be a finite number"),
        ("verification", {"seed": -1}, "seed: input should be greater than or equal to 0"),
        ("intent", {"scene": "moon"}, "scene: input should be 'rooms' or 'dry' .got 'moon'"),
    ],
)
def test_options_that_make_no_sense(tmp_path, task, options, message):
    with pytest.raises(SottovoceError, match=message) as caught:
        synthesize(tmp_path / "corpus", task=task, **options)
    assert "\n" not in str(caught.value) and not any(tmp_path.iterdir())


@needs_espeak
def test_a_corpus_of_another_task_is_left_alone(corpora):
    folder = corpora("verification").folder
    with pytest.raises(DataError, match="holds a corpus of other options .task verification -> intent"):
        synthesize(folder, task="intent")
    assert json.loads((folder / "corpus.json").read_text())["task"] == "verification"
