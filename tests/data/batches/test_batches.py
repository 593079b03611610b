"""Batches as functions of the step: whatever the order of asking, the workers, the ranks or the cache."""

import tracemalloc
import warnings
from collections import Counter

import numpy as np
import pytest
import soundfile
import torch

from sottovoce.data.audio.acoustics import crop
from sottovoce.data.audio.reading import SilenceWarning
from sottovoce.data.batches.batches import BatchLoader, EvaluationBatches, StepBatches, collate
from sottovoce.data.batches.noise import Babble, ColoredNoise, Noise
from sottovoce.data.batches.rooms import Reverberation, SimulatedRooms
from sottovoce.data.batches.samplers import Bucketed
from sottovoce.data.batches.targets import Classes, Targets
from sottovoce.data.corpora.cuts import load_cut, make_cut, seekable_samples
from sottovoce.errors import AudioError, DataError

EFFECTS = [Reverberation(SimulatedRooms()), Noise(ColoredNoise()), Babble(0.5)]


def same(one, other):
    return one["ids"] == other["ids"] and all(torch.equal(one[key], other[key]) for key in one if key != "ids")


def full(cuts, **options):
    usual = {"batch_size": 3, "seed": 5, "crop": (0.5, 1.0), "effects": EFFECTS, "targets": Classes(list(cuts))}
    return StepBatches(cuts, **(usual | options))


def test_what_a_batch_is(tones):
    batch = StepBatches(tones, batch_size=5, crop=0.5, targets=Classes(list(tones)))[0]
    assert batch["waveform"].shape == (5, 8_000) and batch["waveform"].dtype == torch.float32
    assert batch["lengths"].tolist() == [8_000] * 5 and batch["lengths"].dtype == torch.int64
    assert [f"s{label}" for label in batch["labels"].tolist()] == [name.split("-")[0] for name in batch["ids"]]
    assert len(set(batch["ids"])) == 5


@pytest.mark.parametrize("balanced", [False, True])
def test_a_step_is_a_function_of_seed_step_and_rank(tones, balanced):
    batches = full(tones, balanced=balanced)
    steps = [batches[step] for step in range(12)]
    fresh = full(tones, balanced=balanced)
    for step in (7, 0, 11, 7, 3):
        torch.manual_seed(step)
        np.random.seed(step)
        assert same(fresh[step], steps[step])
    assert not same(full(tones, balanced=balanced, seed=6)[0], steps[0])
    assert not any(same(steps[0], other) for other in steps[1:])


@pytest.mark.parametrize("place", [{}, {"stretch": (1.0, 9.00003)}], ids=["whole", "stretch"])
@pytest.mark.parametrize("name, rate", [("a.wav", 16_000), ("a.flac", 16_000), ("a.wav", 8_000), ("a.ogg", 16_000)])
def test_of_long_audio_only_the_crop_is_decoded(tmp_path, name, rate, place):
    """The batches are those that decoding all of it would give; the rest is read only where it has to be."""
    generator = np.random.default_rng(0)
    wave = 0.1 * generator.normal(size=10 * rate)
    wave[3 * rate : 5 * rate] = 0  # a pause, which is no silent file
    soundfile.write(tmp_path / name, wave, rate)
    cut = make_cut(name="long", source=tmp_path / name, samples=len(wave), rate=rate, speaker="x", **place)
    short = make_cut(name="short", source=tmp_path / name, samples=len(wave), rate=rate, stretch=(9.0, 9.3))
    batches = StepBatches([cut, short], batch_size=2, crop=0.5, seed=3)
    wholes = {"long": load_cut(cut), "short": load_cut(short)}
    with warnings.catch_warnings():
        warnings.simplefilter("error", SilenceWarning)
        for step in range(20):
            batch = batches[step]
            generator = np.random.default_rng([3, 1, step, 0])
            for found, each in zip(batch["waveform"], batch["ids"], strict=True):
                assert np.array_equal(found, crop(wholes[each].numpy(), 8_000, generator))
    assert (seekable_samples(cut) is not None) == (rate == 16_000 and not name.endswith("ogg"))


def test_hours_of_audio_take_the_memory_of_a_crop(tmp_path):
    soundfile.write(tmp_path / "long.flac", np.random.default_rng(0).normal(scale=0.1, size=16_000 * 120), 16_000)
    cut = make_cut(name="long", source=tmp_path / "long.flac", samples=16_000 * 120, rate=16_000)
    batches = StepBatches([cut], batch_size=4, crop=2.0)
    tracemalloc.start()
    batches[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16_000 * 120 * 4 / 2


def test_a_manifest_that_promises_a_sample_too_many(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).normal(scale=0.1, size=16_000), 16_000)
    cut = make_cut(name="a", source=tmp_path / "a.wav", samples=16_001, rate=16_000)
    batches = StepBatches([cut], batch_size=1, crop=15_999 / 16_000)
    assert {batches[step]["waveform"].shape for step in range(20)} == {(1, 15_999)}


def test_labels_and_ids_follow_the_audio_through_effects(tones):
    known = {cut.id: load_cut(cut) for cut in tones}
    batch = StepBatches(tones, batch_size=12, crop=None)[0]
    for name, wave, length in zip(batch["ids"], batch["waveform"], batch["lengths"], strict=True):
        assert length == len(known[name]) and torch.equal(wave[:length], known[name]) and not wave[length:].any()


def test_every_utterance_once_in_a_pass(tones):
    batches = StepBatches(tones, batch_size=5)
    assert batches.steps_per_pass == 12 / 5
    ids = [name for step in range(12) for name in batches[step]["ids"]]
    passes = [ids[start : start + 12] for start in range(0, 60, 12)]
    assert all(sorted(one) == sorted(cut.id for cut in tones) for one in passes)
    assert len({tuple(one) for one in passes}) == 5


def test_balanced_speakers(tones):
    batches = StepBatches(tones, batch_size=4, balanced=True, targets=Classes(list(tones)))
    ids = [batches[step]["ids"] for step in range(12)]
    assert all(len({name[:2] for name in batch}) == 4 for batch in ids)
    counts = Counter(name for batch in ids for name in batch)
    assert counts == {f"s{s}-{n}": 12 // c for s, c in enumerate((2, 3, 3, 4)) for n in range(c)}
    assert len({tuple(batch) for batch in ids}) > 6
    longest = [name for step in range(40) for name in batches[step]["ids"] if name.startswith("s3")]
    cycles = [tuple(longest[start : start + 4]) for start in range(0, 40, 4)]
    assert all(len(set(cycle)) == 4 for cycle in cycles) and len(set(cycles)) > 5


@pytest.mark.parametrize("balanced", [False, True])
def test_ranks_share_the_steps(tones, balanced):
    whole = full(tones, batch_size=6, balanced=balanced)
    halves = [full(tones, batch_size=3, balanced=balanced, rank=rank, world=2) for rank in range(2)]
    for step in range(5):
        assert halves[0][step]["ids"] + halves[1][step]["ids"] == whole[step]["ids"]
        assert not torch.equal(halves[0][step]["waveform"][:, :400], halves[1][step]["waveform"][:, :400])


def test_ranks_draw_their_own_crops_and_noise(tones):
    ranks = [StepBatches(tones[-1:], batch_size=1, crop=0.5, effects=EFFECTS, rank=rank, world=2) for rank in range(2)]
    assert ranks[0][3]["ids"] == ranks[1][3]["ids"]
    assert not torch.equal(ranks[0][3]["waveform"], ranks[1][3]["waveform"])


def test_crop_lengths_are_drawn_for_the_batch(tones):
    batches = StepBatches(tones, batch_size=2, crop=(0.5, 1.0))
    lengths = Counter(batches[step]["waveform"].shape[1] for step in range(200))
    assert set(lengths) == {1_600 * n for n in range(5, 11)}
    assert min(lengths.values()) > 15
    uneven = StepBatches(tones, batch_size=2, crop=(0.55, 0.75))
    assert {uneven[step]["waveform"].shape[1] for step in range(20)} == {9_600, 11_200}
    assert StepBatches(tones, batch_size=2, crop=0.4567)[0]["waveform"].shape[1] == round(0.4567 * 16_000)
    assert StepBatches(tones, batch_size=2, crop=3.0)[0]["lengths"].tolist() == [48_000] * 2  # repeated


@pytest.mark.parametrize("workers", [0, 2])
def test_workers_change_nothing(tones, workers):
    batches = full(tones)
    state = torch.get_rng_state()
    loaded = list(BatchLoader(batches, range(4, 11), workers=workers))
    assert torch.equal(torch.get_rng_state(), state)
    assert len(loaded) == 7
    assert all(same(one, batches[step]) for step, one in zip(range(4, 11), loaded, strict=True))


@pytest.mark.parametrize("workers", [0, 1])
def test_a_fault_stays_one_line(tones, tmp_path, workers):
    path = tmp_path / "gone.wav"
    gone = make_cut(name="gone", source=path, samples=16_000, rate=16_000, speaker="s0")
    loader = BatchLoader(StepBatches([*tones, gone], batch_size=13), range(2), workers=workers)
    with pytest.raises(AudioError) as caught:
        list(loader)
    assert str(caught.value) == f"{path}: no such file; give an audio file"


@pytest.mark.parametrize(("kind", "error"), [("int16", 0.0), ("float16", 2.0**-12)])
def test_the_cache_holds_the_files(tones, tmp_path, kind, error):
    cached = StepBatches(tones, batch_size=12, crop=None, cache=kind)[0]
    direct = StepBatches(tones, batch_size=12, crop=None)[0]
    assert (cached["waveform"] - direct["waveform"]).abs().max() <= error
    assert cached["ids"] == direct["ids"]


def test_stages_share_the_cache_of_the_same_audio(tones):
    first, again = (StepBatches(tones, batch_size=2, cache="int16", seed=seed).cache for seed in (0, 1))
    assert first is again
    assert StepBatches(tones, batch_size=2, cache="float16").cache is not first
    fewer = StepBatches(list(tones)[1:], batch_size=2, cache="int16")
    assert fewer.cache is not first and len(fewer.cache.ends) == len(list(tones)) - 1


def test_the_cache_clips_what_16_bits_cannot_hold(tmp_path):
    path = tmp_path / "loud.wav"
    soundfile.write(path, np.linspace(-2, 2, 16_000, dtype=np.float32), 16_000, subtype="FLOAT")
    cut = make_cut(name="loud", source=path, samples=16_000, rate=16_000)
    wave = StepBatches([cut], batch_size=1, crop=None, cache="int16")[0]["waveform"][0]
    assert wave.min() == -1 and wave.max() == 32_767 / 32_768 and (wave.diff() >= 0).all()


def test_a_cache_too_large_is_refused(tones):
    hours = make_cut(name="long", source="x.wav", samples=16_000 * 3_600 * 40, rate=16_000, speaker="s0")
    with pytest.raises(DataError, match=r"need 4.3 GiB, more than 4 GiB; take cache=None"):
        StepBatches([hours], batch_size=1, cache="int16")
    with pytest.raises(DataError, match="unknown kind 'int8'; did you mean 'int16'"):
        StepBatches(tones, batch_size=1, cache="int8")


def test_classes(tones):
    tones = list(tones)
    assert Classes(tones).names == ["s0", "s1", "s2", "s3"]
    given = StepBatches(tones, batch_size=12, targets=Classes(tones, ["s3", "s2", "other", "s1", "s0"]))
    assert {(name[:2], label) for name, label in zip(given[0]["ids"], given[0]["labels"].tolist(), strict=True)} == {
        ("s3", 0),
        ("s2", 1),
        ("s1", 3),
        ("s0", 4),
    }
    assert "labels" not in StepBatches(tones, batch_size=1)[0]
    with pytest.raises(DataError, match="2 labels of cuts are not among the classes, for example 's2'"):
        Classes(tones, ["s0", "s1"])
    with pytest.raises(DataError, match="a name twice"):
        Classes(tones, ["s0", "s0"])
    unknown = make_cut(name="x", source="x.wav", samples=16_000, rate=16_000)
    with pytest.raises(DataError, match="1 of 13 cuts have no label, the first is x"):
        Classes([*tones, unknown])


class Places(Targets):
    """Where the stretch was taken."""

    def of(self, cut, start, samples):
        return torch.tensor([start, samples])

    def collate(self, found):
        return {"places": torch.stack(list(found))}


@pytest.mark.parametrize("crop", [0.3, 3.0, None])
def test_targets_know_the_stretch(tones, crop):
    known = {cut.id: load_cut(cut).numpy() for cut in tones}
    batches = StepBatches(tones, batch_size=12, crop=crop, targets=Places())
    starts = set()
    for step in range(3):
        batch = batches[step]
        for name, wave, length, (start, samples) in zip(
            *(batch[k] for k in ("ids", "waveform", "lengths")), batch["places"].tolist(), strict=True
        ):
            again = np.concatenate([known[name]] * 9)[start : start + samples]
            assert length == samples and np.array_equal(wave[:length].numpy(), again)
            starts.add(start)
    assert len(starts) > 10 or crop is None
    with pytest.raises(DataError, match="only classes can be balanced"):
        StepBatches(tones, batch_size=2, targets=Places(), balanced=True)


def test_whole_utterances_come_with_others_of_their_length():
    durations = np.random.default_rng(0).uniform(1, 20, 1003)
    order = Bucketed(durations, 16, seed=3)
    runs = [[order[step * 16 + k] for k in range(16)] for step in range(2 * 63)]
    first, second = ([i for run in part for i in run] for part in (runs[:63], runs[63:]))
    assert set(first) == set(second) == set(range(1003)) and len(first) == 63 * 16
    padded = [max(durations[run]) * 16 / durations[run].sum() for run in runs]
    assert np.median(padded) < 1.15  # in random order it is about 1.8
    assert first != second and runs[0] != sorted(runs[0])
    assert [order[k] for k in range(16)] == runs[0]  # asked again
    starts = [durations[run].mean() for run in runs[:63]]
    assert starts != sorted(starts)


def test_evaluation_batches_hold_every_cut_whole(tones):
    batches = EvaluationBatches(reversed(tones), batch_size=5)
    loaded = list(BatchLoader(batches))
    assert [len(batch["ids"]) for batch in loaded] == [5, 5, 2] and len(batches) == 3
    assert [name for batch in loaded for name in batch["ids"]] == [cut.id for cut in tones]  # shortest first
    known = {cut.id: load_cut(cut) for cut in tones}
    for batch in loaded:
        assert batch["waveform"].shape[1] == batch["lengths"].max()
        for name, wave, length in zip(*(batch[k] for k in ("ids", "waveform", "lengths")), strict=True):
            assert torch.equal(wave[:length], known[name]) and not wave[length:].any()


def test_evaluation_batches_stay_below_their_seconds(tones):
    batches = EvaluationBatches(tones, batch_size=100, max_seconds=3.0)
    sizes = [batch["waveform"].numel() / 16_000 for batch in map(batches.__getitem__, range(len(batches)))]
    assert max(sizes) <= 3.0 and sum(len(batch) for batch in batches.batches) == 12
    assert len(EvaluationBatches(tones, max_seconds=0.1)) == 12


def test_collate_pads_behind():
    batch = collate([np.ones(3, np.float32), np.ones(5, np.float32)], ["a", "b"])
    assert batch["waveform"].tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]] and batch["lengths"].tolist() == [3, 5]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 0}, "batch_size 0"),
        ({"batch_size": 1, "rank": 2, "world": 2}, "rank 2 of 2"),
        ({"batch_size": 1, "seed": -1}, "seed -1"),
        ({"batch_size": 1, "crop": 0.01}, "cannot crop to 0.01"),
        ({"batch_size": 1, "crop": (2.0, 1.0)}, "cannot crop to 2.0 .. 1.0"),
        ({"batch_size": 1, "crop": (0.51, 0.56)}, "steps of 0.1 s"),
        ({"batch_size": 1, "balanced": True}, "balanced classes need labels"),
    ],
)
def test_arguments_that_make_no_sense(tones, options, message):
    with pytest.raises(DataError, match=message):
        StepBatches(tones, **options)


def test_cuts_that_do_not_fit(tones):
    with pytest.raises(DataError, match="there are no cuts"):
        StepBatches([], batch_size=1)
    with pytest.raises(DataError, match="there are no cuts"):
        EvaluationBatches([])
