"""Masks on features: where they are, how much they take, and when they do not act."""

import json

import pytest
import torch

from sottovoce.recipe.training.augmentation import effects, masks
from sottovoce.runs.compression import compress
from sottovoce.runs.recipe_file import read_recipe
from sottovoce.training.masking import FrequencyMask, TimeMask, masked
from tiny_models import downsampling_encoder, speech
from tones import tone_recipe, write_tones
from toy_recipe import write

BINS = 80
STEP = 0.02


def kept(mask, frames, T=200, C=2 * BINS, seed=0, bands=BINS):
    torch.manual_seed(seed)
    return mask.kept(torch.zeros(len(frames), T, C), torch.tensor(frames), STEP, bands)


def runs(row):
    """Lengths of the stretches of ones."""
    return [len(part) for part in "".join(str(int(x)) for x in row).split("0") if part]


def test_stretches_of_time_lie_inside_and_are_as_long_as_asked():
    lengths, seen = [200, 100, 20], set()
    for seed in range(200):
        found = kept(TimeMask(count=1, longest=0.5, share=0.2), lengths, seed=seed)
        assert found.shape == (3, 200, 1)
        for row, length in zip(~found[..., 0], lengths, strict=True):
            assert not row[length:].any() and len(runs(row)) <= 1
            seen.add((length, max(runs(row), default=0)))
    assert {n: max(w for m, w in seen if m == n) for n in lengths} == {200: 25, 100: 20, 20: 4}
    assert all(min(w for m, w in seen if m == n) == 0 for n in lengths)


def test_the_longer_the_more():
    counts = {200: [], 50: []}
    for seed in range(100):
        rows = ~kept(TimeMask(count=0, per_second=2.0, longest=0.06, share=1.0), [200, 50], seed=seed)[..., 0]
        for length, row in zip(counts, rows, strict=True):
            counts[length].append(row.float().sum().item() / length)
    shares = {length: sum(each) / len(each) for length, each in counts.items()}
    # Two stretches of 0 to 3 frames each second, of 50: 6 %, less where they meet.
    assert all(0.04 < share < 0.065 for share in shares.values())


def test_bands_of_the_filterbank_are_silent_in_both_frames_of_a_pair():
    widest = 0
    for seed in range(100):
        silent = ~kept(FrequencyMask(count=1, widest=0.25), [10], seed=seed)[0, 0]
        assert torch.equal(silent[:BINS], silent[BINS:]) and len(runs(silent[:BINS])) <= 1
        widest = max(widest, int(silent[:BINS].sum()))
    assert 18 <= widest <= 20


@pytest.mark.parametrize("front_end", ["filterbank", "waveform"])
def test_they_act_while_training_and_never_else(front_end):
    found, waves, lengths = (
        downsampling_encoder(1, front_end=front_end),
        speech(2, 16_000),
        torch.tensor([16_000, 12_000]),
    )
    chosen = [TimeMask(count=3, longest=0.4, share=1.0), FrequencyMask()]

    def first(seed=0):
        torch.manual_seed(seed)
        return found(waves, lengths).hidden_states[0]

    with torch.no_grad():
        whole = first()
        with masked(found, chosen):
            assert torch.equal(first(), whole)  # in evaluation
            found.train()
            assert torch.equal(first(1), first(1)) and not torch.equal(first(1), first(2))
            assert not torch.equal(first(1), whole)
        assert torch.equal(first(1), first(2))  # taken off
        with masked(found, []):
            assert torch.equal(first(1), first(2))


def test_what_is_silent_is_not_heard():
    found = downsampling_encoder(1).train()
    everything = [TimeMask(count=400, longest=9.0, share=1.0)]
    with torch.no_grad(), masked(found, everything):
        torch.manual_seed(0)
        one, other = (found.frontend.filterbank(speech(seed=k), torch.tensor([8000, 8000]))[0] for k in (0, 1))
    assert not one.any() and not other.any()


def test_a_recipe_names_them_among_its_augmentation(tmp_path):
    folder = tmp_path / "tones"
    folder.mkdir()
    write_tones(folder, train=8, dev=2, test=2)
    plain = tone_recipe(folder)
    plain["data"]["augment"] = [{"noise": {}}, {"time_mask": {"longest": 0.1}}, {"frequency_mask": {"count": 1}}]
    plain["data"]["test"] = {}
    plain["stages"] = [{"fine_tune": {"steps": 2, "log_every": 1}}]
    recipe = read_recipe(write(plain, tmp_path / "a.yaml"))
    chosen = recipe.data.augment
    assert [type(each) for each in masks(chosen)] == [TimeMask, FrequencyMask] and len(effects(chosen)) == 1
    assert masks(chosen)[0].longest == 0.1

    def losses(name, recipe):
        compress(recipe, tmp_path / name)
        rows = (tmp_path / name / "metrics.jsonl").read_text().splitlines()
        return [json.loads(row)["loss/task"] for row in rows if "loss/task" in row]

    once = losses("once", recipe)
    assert once == losses("again", recipe)
    plain["stages"][0]["fine_tune"]["augment"] = plain["data"]["augment"][:1]
    without = losses("without", read_recipe(write(plain, tmp_path / "b.yaml")))
    plain["data"]["augment"] = plain["stages"][0]["fine_tune"].pop("augment")
    assert once != without == losses("never", read_recipe(write(plain, tmp_path / "d.yaml")))
    plain["data"]["augment"] = [{"time_mask": {"longst": 0.1}}]
    with pytest.raises(ValueError, match=r"data.augment\[0\].time_mask.longst: unknown; did you mean 'longest'"):
        read_recipe(write(plain, tmp_path / "c.yaml"))
