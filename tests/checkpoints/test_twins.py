"""Every family against its stock class, every parameter random: the proof that conversion and encoder are right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel, SeamlessM4TFeatureExtractor

from families import FAMILIES, PADDING_EXACT, randomize, speech
from sottovoce.checkpoints import FAMILIES as KNOWN
from sottovoce.checkpoints import from_transformers, to_transformers
from sottovoce.encoder.model import SpeechEncoder

LENGTHS = (12000, 16000, 7391, 1300)
MEL = "wav2vec2_bert"  # the one family that takes mel features


def convert(stock: PreTrainedModel) -> SpeechEncoder:
    config, weights, _ = from_transformers(stock, normalize=False)
    encoder = SpeechEncoder(config)
    encoder.load_strictly(weights, "stock")
    return encoder.eval().to(stock.dtype)


@pytest.fixture(scope="module", params=FAMILIES)
def twins(request) -> tuple[str, PreTrainedModel, SpeechEncoder]:
    stock = randomize(FAMILIES[request.param](), seed=1)
    return request.param, stock, convert(stock)


def stock_states(stock: PreTrainedModel, *args, **kwargs) -> list[Tensor]:
    out = stock(*args, output_hidden_states=True, **kwargs)
    return [*out.hidden_states, out.last_hidden_state]


def our_states(encoder: SpeechEncoder, *args, **kwargs) -> list[Tensor]:
    out = encoder(*args, **kwargs)
    return [*out.hidden_states, out.last_hidden_state]


def mel_features(waveform: Tensor) -> Tensor:
    """What the stock model attends to of ``[S]``: ``[1, T, 160]``."""
    out = SeamlessM4TFeatureExtractor()(waveform.numpy(), sampling_rate=16000, return_tensors="pt")
    return out.input_features[:, out.attention_mask[0].bool()]


def error(a: list[Tensor], b: list[Tensor]) -> float:
    assert len(a) == len(b)
    assert [x.shape for x in a] == [y.shape for y in b]
    return max((x - y).abs().max().item() for x, y in zip(a, b, strict=True))


@torch.no_grad()
def test_hidden_states(twins):
    name, stock, encoder = twins
    if name == MEL:
        features = torch.randn(2, 60, 160, generator=torch.Generator().manual_seed(0))
        assert error(stock_states(stock, features), our_states(encoder, features=features)) < 1e-4
    else:
        waveform, _ = speech(14321, 14321)
        assert error(stock_states(stock, waveform), our_states(encoder, waveform)) < 1e-4


@torch.no_grad()
def test_an_utterance_in_a_padded_batch_is_the_stock_class_on_it_alone(twins):
    """Where the stock class is wrong under padding (group norm, data2vec, Conformer), it is right on one utterance."""
    name, stock, encoder = twins
    waveform, lengths = speech(*LENGTHS)
    out = encoder(waveform, lengths)
    for i, samples in enumerate(LENGTHS):
        alone = waveform[i : i + 1, :samples]
        expected = stock_states(stock, mel_features(alone[0]) if name == MEL else alone)
        valid = out.lengths[i]
        assert valid == expected[0].shape[1]
        got = [h[i : i + 1, :valid] for h in (*out.hidden_states, out.last_hidden_state)]
        assert error(expected, got) < (1e-3 if name == MEL else 1e-4)


@torch.no_grad()
@pytest.mark.parametrize("name", PADDING_EXACT)
def test_padded_batches_where_the_stock_class_is_right_too(name):
    stock = randomize(FAMILIES[name](), seed=2)
    encoder = convert(stock)
    if name == MEL:
        random = torch.Generator().manual_seed(0)
        features, frames = torch.randn(3, 50, 160, generator=random), torch.tensor([50, 31, 7])
        mask = torch.arange(50) < frames[:, None]
        expected = stock_states(stock, features, attention_mask=mask)
        got = our_states(encoder, features=features, feature_lengths=frames)
    else:
        waveform, lengths = speech(*LENGTHS)
        mask = torch.arange(waveform.shape[1]) < lengths[:, None]
        expected, got = stock_states(stock, waveform, attention_mask=mask), our_states(encoder, waveform, lengths)
        frames = encoder(waveform, lengths).lengths
    valid = torch.arange(expected[0].shape[1]) < frames[:, None]
    assert error([h[valid] for h in expected], [h[valid] for h in got]) < 1e-4


def test_gradients_of_the_input_and_of_every_parameter(twins):
    """In double precision, so that the tolerance leaves nothing to hide in."""
    name, _, _ = twins
    stock = randomize(FAMILIES[name](), seed=3).double()
    encoder = convert(stock)
    random = torch.Generator().manual_seed(0)
    if name == MEL:
        x = torch.randn(1, 40, 160, generator=random, dtype=torch.float64).requires_grad_()
        y = x.detach().clone().requires_grad_()
        theirs, ours = stock_states(stock, x), our_states(encoder, features=y)
    else:
        x = speech(9000)[0].double().requires_grad_()
        y = x.detach().clone().requires_grad_()
        theirs, ours = stock_states(stock, x), our_states(encoder, y)
    projections = [torch.randn(h.shape, generator=random, dtype=torch.float64) for h in theirs]
    sum((h * p).sum() for h, p in zip(theirs, projections, strict=True)).backward()
    sum((h * p).sum() for h, p in zip(ours, projections, strict=True)).backward()
    assert_close(x.grad, y.grad, "the input")
    table = KNOWN[encoder.config.family].table(encoder.config)
    wanted = dict(stock.named_parameters())
    compared = 0
    for key, parameter in encoder.named_parameters():
        theirs_name, row = table.theirs(key)
        if theirs_name in wanted:  # all but the weight-normed positional convolution
            assert_close(row.to_ours(wanted[theirs_name].grad), parameter.grad, key)
            compared += 1
    assert compared >= len(list(encoder.parameters())) - 1


def assert_close(a: Tensor, b: Tensor, what: str) -> None:
    scale = a.abs().max()
    # A bias of all keys shifts every score of a query alike, which softmax does not see.
    assert scale > 1e-6 or what.endswith("k.bias"), what
    assert (a - b).abs().max() < 1e-5 * scale + 1e-10, what


@torch.no_grad()
def test_conversion_there_and_back_is_lossless(twins):
    _, stock, encoder = twins
    back = to_transformers(encoder)
    assert type(back) is type(stock)
    own, returned = stock.state_dict(), back.state_dict()
    assert own.keys() == returned.keys()
    gone = ("masked_spec_embed", "encoder.pos_conv_embed")
    for key, tensor in own.items():
        assert key.startswith(gone) or torch.equal(tensor, returned[key]), key
    if encoder.positional is not None and hasattr(stock.encoder.pos_conv_embed, "conv"):
        assert torch.equal(stock.encoder.pos_conv_embed.conv.weight, back.encoder.pos_conv_embed.conv.weight)
        assert torch.equal(stock.encoder.pos_conv_embed.conv.bias, back.encoder.pos_conv_embed.conv.bias)
    theirs, again = stock.config.to_dict(), back.config.to_dict()
    assert {k: again[k] for k in theirs} == theirs
    config, weights, _ = from_transformers(back, normalize=False)
    assert config.to_dict() == encoder.config.to_dict()
    assert all(torch.equal(weights[k], v) for k, v in encoder.state_dict().items())


@torch.no_grad()
@pytest.mark.parametrize("name", ["wav2vec2_base", "wavlm_large"])
def test_normalized_waveforms_are_those_of_the_stock_feature_extractor(name):
    from transformers import Wav2Vec2FeatureExtractor

    stock = randomize(FAMILIES[name](), seed=4)
    config, weights, _ = from_transformers(stock, normalize=True)
    encoder = SpeechEncoder(config).eval()
    encoder.load_strictly(weights, name)
    waveform, lengths = speech(9000, 6000)
    out = encoder(3 * waveform + 0.5, lengths)
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True)
    for i, samples in enumerate(lengths.tolist()):
        raw = (3 * waveform[i, :samples] + 0.5).numpy().astype(np.float32)
        expected = stock_states(stock, extractor(raw, sampling_rate=16000, return_tensors="pt").input_values)
        got = [h[i : i + 1, : out.lengths[i]] for h in (*out.hidden_states, out.last_hidden_state)]
        assert error(expected, got) < 1e-4


VARIANTS = [
    ("hubert_base", {"feat_proj_layer_norm": False}),  # DistilHuBERT
    ("hubert_base", {"layer_norm_eps": 1e-2}),
    ("wav2vec2_base", {"conv_bias": True, "num_conv_pos_embeddings": 15}),
    ("wav2vec2_base", {"feat_extract_norm": "layer"}),
    ("wav2vec2_large", {"feat_extract_norm": "group", "layer_norm_eps": 1e-2}),
    ("wavlm_base", {"hidden_act": "relu", "num_buckets": 320, "max_bucket_distance": 800}),
    ("data2vec_audio", {"num_conv_pos_embeddings": 1, "conv_bias": True}),
    ("wav2vec2_bert", {"position_embeddings_type": "rotary", "layer_norm_eps": 1e-2}),
    ("wav2vec2_bert", {"position_embeddings_type": "relative"}),
    ("wav2vec2_bert", {"position_embeddings_type": None, "left_max_position_embeddings": 2}),
    ("wav2vec2_conformer_relative", {"position_embeddings_type": None, "feat_extract_norm": "group"}),
    ("wav2vec2_conformer_rotary", {"rotary_embedding_base": 500, "layer_norm_eps": 1e-2, "hidden_act": "gelu"}),
]


@torch.no_grad()
@pytest.mark.parametrize(("name", "overrides"), VARIANTS)
def test_variants(name, overrides):
    stock = randomize(FAMILIES[name](**overrides), seed=6)
    encoder = convert(stock)
    if name == MEL:
        features = torch.randn(1, 60, 160, generator=torch.Generator().manual_seed(0))
        expected, got = stock_states(stock, features), our_states(encoder, features=features)
        back = stock_states(to_transformers(encoder), features)
    else:
        waveform, _ = speech(11000)
        expected, got = stock_states(stock, waveform), our_states(encoder, waveform)
        back = stock_states(to_transformers(encoder), waveform)
    assert error(expected, got) < 1e-4
    assert error(expected, back) == 0


@torch.no_grad()
@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_real_size(name):
    stock = randomize(FAMILIES[name](size="real"), seed=5)
    encoder = convert(stock)
    waveform, _ = speech(16000)
    if name == MEL:
        features = mel_features(waveform[0])
        assert relative_error(stock_states(stock, features), our_states(encoder, features=features)) < 1e-4
        assert relative_error(stock_states(stock, features), our_states(encoder, waveform)) < 1e-3
    else:
        assert relative_error(stock_states(stock, waveform), our_states(encoder, waveform)) < 1e-4


def relative_error(a: list[Tensor], b: list[Tensor]) -> float:
    """Largest difference at unit scale: streams of pre-norm layers grow with depth."""
    return max(((x - y).abs().max() / max(x.std(), 1)).item() for x, y in zip(a, b, strict=True))
