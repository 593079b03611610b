"""A stream in pieces of any size against one masked pass over the whole recording."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from families import FAMILIES, randomize, speech
from random_plans import EVERYTHING, random_plan
from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.encoder.layers.attention import AttentionContext
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.encoder.streaming.chunks import Chunks
from sottovoce.errors import AudioError, CheckpointError, StreamingError
from sottovoce.pruning.slimming import slim_and_verify
from tiny_models import randomized

CONFORMER = dict(hidden_size=32, layers=3, heads=4, ffn=24, positional_groups=None, convolution=32)
TRANSFORMER = dict(hidden_size=32, layers=3, heads=4, ffn=24, positional_groups=None)
COMMON = dict(head_dim=8, attention_heads=4, depthwise_kernel=7, left_positions=9, right_positions=3, max_distance=40)
FILTERBANK = dict(front_end="filterbank", feature_norm="running", norm_eps=1e-5)


def made(shape: dict, **config) -> SpeechEncoder:
    channels = None if config.get("front_end") == "filterbank" else (12, 16, 20, 16, 14, 12, 18)
    config = {**COMMON, "num_buckets": 32, "causal_convolution": True, **config}
    encoder = SpeechEncoder(EncoderConfig(uniform_shape(**shape, conv_channels=channels), **config))
    return randomize(encoder, seed=4).eval()


def conformer(position: str, **config) -> SpeechEncoder:
    return made(CONFORMER, layer="conformer", position=position, **{**FILTERBANK, **config})


def bert() -> SpeechEncoder:
    """w2v-BERT 2.0 from the stock class; only its normalization of features is another."""
    stock = SpeechEncoder.from_transformers(randomize(FAMILIES["wav2vec2_bert"](), seed=2))
    encoder = SpeechEncoder(EncoderConfig.from_dict({**stock.config.to_dict(), "feature_norm": "running"}))
    encoder.load_state_dict(stock.state_dict())
    return encoder.eval()


def wave2vec_conformer(position: str) -> SpeechEncoder:
    """Wav2Vec2-Conformer: convolutions on the waveform and a BatchNorm in each layer; made causal."""
    stock = SpeechEncoder.from_transformers(randomize(FAMILIES[f"wav2vec2_conformer_{position}"](), seed=2))
    fields = {**stock.config.to_dict(), "causal_convolution": True, "normalize": False}
    encoder = SpeechEncoder(EncoderConfig.from_dict(fields))
    encoder.load_state_dict(stock.state_dict())
    return encoder.eval()


def slim(encoder: SpeechEncoder) -> SpeechEncoder:
    """Everything pruned at random: heads, units, channels, stream; a layer without heads, one without blocks."""
    plan = random_plan(encoder, EVERYTHING, seed=6)
    small = slim_and_verify(encoder, plan)[0].eval()
    shape = small.shape
    assert len({str(layer) for layer in shape["layers"]}) == len(shape["layers"])
    return small


def hollow() -> SpeechEncoder:
    shape = uniform_shape(**CONFORMER, conv_channels=None)
    shape["layers"][0]["attention"]["heads"] = []
    shape["layers"][1] = {name: None for name in shape["layers"][1]}
    shape["layers"][2]["convolution"]["channels"] = 0
    config = {**COMMON, **FILTERBANK, "layer": "conformer", "position": "relative_key", "causal_convolution": True}
    return randomized(SpeechEncoder(EncoderConfig(shape, **config)), seed=1).eval()


ENCODERS = {
    "bert": bert,
    "bert_slim": lambda: slim(bert()),
    "relative": lambda: conformer("relative"),
    "relative_slim": lambda: slim(conformer("relative")),
    "rotary": lambda: conformer("rotary", convolution_norm="batch"),
    "rotary_slim": lambda: slim(conformer("rotary")),
    "no_position": lambda: conformer("none"),
    "gated_bias": lambda: conformer("gated_relative_bias"),
    "hollow": hollow,
    "downsampled": lambda: conformer("rotary", downsampling=3),
    "downsampled_slim": lambda: slim(conformer("relative", downsampling=2)),
    "wav2vec2_relative": lambda: wave2vec_conformer("relative"),
    "wav2vec2_rotary": lambda: wave2vec_conformer("rotary"),
    "wav2vec2_slim": lambda: slim(wave2vec_conformer("rotary")),
    "transformer_pre_norm": lambda: made(
        TRANSFORMER, layer="pre_norm", position="gated_relative_bias", final_norm=True, **FILTERBANK
    ),
    "transformer_post_norm": lambda: made(TRANSFORMER, layer="post_norm", position="relative_key", conv_norm="layer"),
}


@dataclass
class Streamed:
    states: list[Tensor]
    last: Tensor
    pieces: list[int]


def streamed(encoder: SpeechEncoder, wave: Tensor, chunks: Chunks | None, seed: int) -> Streamed:
    """All that comes out when ``wave [B, S]`` goes in in pieces of random sizes, some of them empty or a sample."""
    rng, stream, outputs, place = random.Random(seed), encoder.streaming(chunks), [], 0
    while place < wave.shape[1]:
        size = rng.choice([0, 1, 100, 320, 561, 3000, rng.randint(1, 12_000)])
        outputs.append(stream.push(wave[:, place : place + size]))
        place += size
    outputs.append(stream.flush())
    states = [torch.cat(each, 1) for each in zip(*(out.hidden_states for out in outputs), strict=True)]
    pieces = [int(out.lengths[0]) for out in outputs]
    return Streamed(states, torch.cat([out.last_hidden_state for out in outputs], 1), pieces)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_stream_gives_what_one_masked_pass_gives(name):
    encoder = ENCODERS[name]()
    wave, _ = speech(20_321, 20_321, seed=3)
    cases = ((Chunks(13, left=2), Chunks(20, left=0), Chunks(3, left=9), Chunks(200, left=1)), (Chunks(9, left=2),))
    for dtype, tolerance, sizes in ((torch.float64, 1e-9, cases[0]), (torch.float32, 1e-4, cases[1])):
        encoder, wave = encoder.to(dtype), wave.to(dtype)
        for seed, chunks in enumerate(sizes):
            found = streamed(encoder, wave, chunks, seed)
            encoder.chunks = chunks
            with torch.no_grad():
                whole = encoder(wave)
            assert sum(found.pieces) == whole.lengths[0] and max(found.pieces[:-1]) % chunks.size == 0
            for one, other in zip(
                [*found.states, found.last], [*whole.hidden_states, whole.last_hidden_state], strict=True
            ):
                assert (one - other).abs().max() <= tolerance * other.abs().max().clamp(min=1)
            assert torch.isfinite(found.last).all() and found.last.abs().max() > 0.1


def test_chunks_matter_and_are_what_the_mask_says():
    """Against a loop over queries that each see their own keys and nothing else."""
    encoder = conformer("none")
    wave, _ = speech(12_000)
    results = {}
    for chunks in (None, Chunks(4, 1), Chunks(4, 2), Chunks(8, 1)):
        encoder.chunks = chunks
        with torch.no_grad():
            results[chunks] = encoder(wave).last_hidden_state
    frames = results[None].shape[1]
    for k, one in enumerate(results.values()):
        for other in list(results.values())[:k]:
            assert (one[:, 12:] - other[:, 12:]).abs().max() > 1e-3
    for size, left in ((1, 0), (3, 2), (8, 1)):
        expected = [
            [size * (i // size - left) <= j < size * (i // size + 1) for j in range(frames)] for i in range(frames)
        ]
        assert Chunks(size, left).mask(frames).tolist() == expected


@pytest.mark.parametrize("name", ["bert", "rotary", "gated_bias", "wav2vec2_relative"])
def test_padding_changes_nothing_under_chunks_either(name):
    encoder = ENCODERS[name]().double()
    encoder.chunks = Chunks(5, left=1)
    wave, lengths = speech(26_000, 9_000, 14_321)
    wave = wave.double()
    together = encoder(wave, lengths)
    assert all(torch.isfinite(state).all() for state in together.hidden_states)
    for k, length in enumerate(lengths.tolist()):
        alone = encoder(wave[k : k + 1, :length]).last_hidden_state[0]
        assert (together.last_hidden_state[k, : len(alone)] - alone).abs().max() < 1e-9 * alone.abs().max()
    together.last_hidden_state[0].sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)


def test_every_query_sees_a_key_and_valid_ones_see_no_padding():
    """Not every attention kernel makes numbers of a query that sees nothing."""
    valid = torch.arange(20)[None] < torch.tensor([20, 6, 11])[:, None]
    window = Chunks(4, left=1).mask(20)
    allowed = AttentionContext(None, valid, window).allowed[:, 0]
    assert allowed.any(-1).all()
    for b in range(3):
        assert torch.equal(allowed[b][valid[b]], (window & valid[b])[valid[b]])


def test_nothing_depends_on_what_comes_after_its_chunk():
    encoder, chunks = ENCODERS["bert"]().double(), Chunks(5, left=2)
    encoder.chunks = chunks
    wave, _ = speech(20_000)
    other = wave.double().clone()
    begin = 9 * 5 * 320 + 240  # the first sample that the ninth chunk's last window does not reach
    other[:, begin:] = torch.randn(other[:, begin:].shape) * 3
    with torch.no_grad():
        one, two = encoder(wave.double()).last_hidden_state, encoder(other).last_hidden_state
    assert (one[:, :45] - two[:, :45]).abs().max() < 1e-12 < (one[:, 45:50] - two[:, 45:50]).abs().max()


@pytest.mark.parametrize("name", ["rotary", "wav2vec2_rotary"])
def test_a_click_comes_out_after_the_algorithmic_latency(name):
    """Fed sample by sample around a chunk: the frame that a click falls into is out after the latency, never later, and
    for a click at the beginning of a chunk not earlier."""
    encoder, chunks = ENCODERS[name]().double(), Chunks(3, left=1)
    quiet = 0.01 * torch.randn(1, 9_600, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    hop, worst, waits = 320, round(encoder.streaming(chunks).latency.seconds * 16_000), []
    for place in range(3 * 3 * hop, 4 * 3 * hop + 1, hop // 2):
        clicked = quiet.clone()
        clicked[0, place] += 1.0
        one, two, heard, out = encoder.streaming(chunks), encoder.streaming(chunks), place, []
        for stream, wave in ((one, quiet), (two, clicked)):
            assert (stream.push(wave[:, :place]).lengths >= 0).all()
        while two.frames <= place // hop:
            a, b = (s.push(w[:, heard : heard + 40]).last_hidden_state for s, w in ((one, quiet), (two, clicked)))
            out.append((a - b).abs().amax((0, 2)))
            heard += 40
        assert torch.cat(out).max() > 1e-6  # it is in what came out
        waits.append(heard - place)
    assert max(waits) == waits[0] == math.ceil(worst / 40) * 40
    assert one.latency.chunk == pytest.approx(3 * 0.02) and worst == 3 * hop + encoder.frontend.min_samples - hop


def test_the_state_does_not_grow():
    encoder, chunks = ENCODERS["rotary"](), Chunks(25, left=2)
    stream, sizes = encoder.streaming(chunks), []
    wave = 0.1 * torch.randn(1, 24 * 16_000, generator=torch.Generator().manual_seed(0))
    for piece in wave.split(6_321, dim=1):
        state = stream._state
        if not stream.push(piece).lengths[0]:
            continue
        tensors = [t for cache in state.layers for t in (cache.keys, cache.values, cache.tail) if t is not None]
        kept = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in [*tensors, state.stats.windows]}
        sizes.append(sum(kept.values()) + stream._samples.untyped_storage().nbytes())
    half = len(sizes) // 2
    assert max(sizes[half:]) <= 1.05 * max(sizes[:half])  # what waits for its chunk is now more, now less


def test_running_statistics_follow_the_last_ten_seconds():
    """Against sums written out for single windows."""
    from sottovoce.encoder.frontend.feature_norm import RunningNorm, RunningStats

    x = 9 + 3 * torch.randn(2, 2_300, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x[:, :700, 1] = -16.0  # digital silence: bounded, whatever follows
    whole = RunningNorm()(x)
    for n in (1, 2, 60, 906, 1_000, 1_001, 2_300):
        seen = x[:, max(0, n - 1_000) : n]
        # A prior of mean 13 and variance 16, as so many values.
        prior = torch.tensor([13.0 - 4, 13.0 + 4], dtype=torch.float64).repeat(min(100, 1_000 - seen.shape[1]) // 2)
        both = torch.cat([seen, prior[None, :, None].expand(2, -1, 5)], 1)
        variance = both.var(1, correction=0).clamp(min=1.0)
        expected = (x[:, n - 1] - both.mean(1)) / variance.sqrt()
        assert (whole[:, n - 1] - expected).abs().max() < 1e-9, n
    stats = RunningStats()
    pieces = [RunningNorm()(piece, stats=stats) for piece in x.split([1, 3, 700, 500, 1_096], dim=1)]
    assert (torch.cat(pieces, 1) - whole).abs().max() < 1e-9
    assert stats.windows.shape[1] == 1_000 and stats.count == 2_300
    assert RunningNorm()(x[:, :300])[..., 1].abs().max() < 30


REFUSED = {
    "wav2vec2_base": ("GroupNorm", "positional convolution"),
    "wav2vec2_large": ("positional convolution",),
    "hubert_large": ("positional convolution",),
    "wavlm_base": ("GroupNorm", "positional convolution"),
    "data2vec_audio": ("positional convolution",),
    "unispeech_sat_base": ("GroupNorm", "positional convolution"),
    "wav2vec2_conformer_rotary": ("whole waveform", "causal_convolution: true"),
    "wav2vec2_bert": ("feature_norm: running",),
}


@pytest.mark.parametrize("family", REFUSED)
def test_families_that_cannot_stream_are_refused_by_name(family):
    encoder = SpeechEncoder.from_transformers(FAMILIES[family]()).eval()
    with pytest.raises(StreamingError) as error:
        encoder.streaming(Chunks(8))
    text = str(error.value)
    assert text.startswith(f"{encoder.config.family} cannot stream") and "\n" not in text and "w2v-BERT" in text
    for reason in REFUSED[family]:
        assert reason in text


def test_bad_pieces_are_refused_and_leave_the_stream_as_it_was():
    encoder, chunks = ENCODERS["rotary"](), Chunks(4)
    wave, _ = speech(8_000)
    stream = encoder.streaming(chunks)
    with pytest.raises(AudioError, match="a stream of 0 samples"):
        stream.flush()
    stream.push(wave[:, :3])
    with pytest.raises(AudioError, match="a stream of 3 samples; the encoder needs at least 560"):
        stream.flush()
    first = stream.push(wave[:, 3:4_000]).last_hidden_state
    for bad, says in (
        (torch.full((1, 10), float("nan")), "NaN or infinite"),
        (torch.zeros(2, 100), "a batch of 2 in a stream of 1"),
        (torch.zeros(100), "give floats"),
        (torch.zeros(1, 100, dtype=torch.int16), "give floats"),
    ):
        with pytest.raises(AudioError, match=says):
            stream.push(bad)
    rest = [stream.push(wave[:, 4_000:]).last_hidden_state, stream.flush().last_hidden_state]
    encoder.chunks = chunks
    assert torch.allclose(torch.cat([first, *rest], 1), encoder(wave).last_hidden_state, atol=1e-4)
    again = torch.cat([stream.push(wave).last_hidden_state, stream.flush().last_hidden_state], 1)
    assert torch.allclose(again, encoder(wave).last_hidden_state, atol=1e-4)  # another stream, from the beginning


def test_silence_and_chunks_that_make_no_sense():
    encoder = ENCODERS["bert"]()
    with pytest.raises(StreamingError, match="every frame attends to the whole utterance; give chunks"):
        encoder.streaming()
    for size, left in ((0, 1), (4, -1)):
        with pytest.raises(StreamingError, match=f"chunks of {size} frames that see {left}"):
            Chunks(size, left)
    with pytest.raises(StreamingError, match="training mode"):
        encoder.train().streaming(Chunks(4))
    found = streamed(encoder.eval(), torch.zeros(1, 12_000), Chunks(4), 0)
    assert torch.isfinite(found.last).all()


def test_the_config_says_what_frames_see_and_a_portable_copy_too(tmp_path):
    config = EncoderConfig.from_dict({**conformer("rotary").config.to_dict(), "chunk_frames": 6, "left_chunks": 2})
    encoder = randomize(SpeechEncoder(config), seed=1).eval()
    wave, _ = speech(12_000)
    encoder.save_pretrained(tmp_path)
    loaded = SpeechEncoder.from_pretrained(tmp_path)
    assert loaded.chunks == Chunks(6, 2) and loaded.config.feature_norm == "running"
    with torch.no_grad():
        assert torch.equal(loaded(wave).last_hidden_state, encoder(wave).last_hidden_state)
    found = streamed(loaded, wave, None, seed=0)
    assert torch.allclose(found.last, encoder(wave).last_hidden_state, atol=1e-4)
    with pytest.raises(CheckpointError, match="chunk_frames is 0; it must be a whole number from 1"):
        EncoderConfig(chunk_frames=0)
