"""Stock Transformers models of every supported family, tiny and real-size, with every parameter random.

A test that shall hold for all families is one row::

    @pytest.mark.parametrize("family", FAMILIES)
    def test_something(family):
        stock = randomize(FAMILIES[family](), seed=0)

A new family is one entry of `FAMILIES`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import transformers as tf
from torch import Tensor, nn
from transformers import PreTrainedModel

# No dropout anywhere, so that a model in training mode is still a function of its input.
STILL = dict(
    hidden_dropout=0.0,
    activation_dropout=0.0,
    attention_dropout=0.0,
    feat_proj_dropout=0.0,
    layerdrop=0.0,
    apply_spec_augment=False,
)
# The real kernels and strides (20 ms steps), but few and unequal channels: a mix-up of layers does not go unnoticed.
TINY = dict(hidden_size=32, num_attention_heads=4, num_hidden_layers=3, intermediate_size=48)
TINY_CONVS = dict(conv_dim=(12, 16, 20, 16, 14, 12, 18))
TINY_POSITIONS = dict(num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4)
TINY_WAVLM = dict(num_buckets=32, max_bucket_distance=40)  # short enough for the logarithmic buckets to be used
TINY_DATA2VEC = dict(num_conv_pos_embeddings=3, conv_pos_kernel_size=7, num_conv_pos_embedding_groups=4)
TINY_CONFORMER = dict(conv_depthwise_kernel_size=7, conformer_conv_dropout=0.0)
TINY_BERT = dict(TINY_CONFORMER, left_max_position_embeddings=9, right_max_position_embeddings=3)
LARGE = dict(hidden_size=1024, num_attention_heads=16, num_hidden_layers=24, intermediate_size=4096)
STABLE = dict(feat_extract_norm="layer", do_stable_layer_norm=True)

Family = Callable[..., PreTrainedModel]


def _family(config: type, model: type, *, tiny: dict, real: dict | None = None, **common) -> Family:
    def build(size: str = "tiny", **overrides) -> PreTrainedModel:
        """The stock model; ``size`` is ``"tiny"`` or ``"real"``, ``overrides`` go into its config."""
        sized = {"tiny": tiny, "real": real or {}}[size]
        return model(config(**{**STILL, **common, **sized, **overrides})).eval()

    return build


FAMILIES: dict[str, Family] = {
    "wav2vec2_base": _family(
        tf.Wav2Vec2Config, tf.Wav2Vec2Model, tiny=TINY | TINY_CONVS | TINY_POSITIONS, feat_extract_norm="group"
    ),
    "wav2vec2_large": _family(
        tf.Wav2Vec2Config,
        tf.Wav2Vec2Model,
        tiny=TINY | TINY_CONVS | TINY_POSITIONS,
        real=LARGE,
        conv_bias=True,
        **STABLE,
    ),
    "hubert_base": _family(tf.HubertConfig, tf.HubertModel, tiny=TINY | TINY_CONVS | TINY_POSITIONS),
    "hubert_large": _family(
        tf.HubertConfig,
        tf.HubertModel,
        tiny=TINY | TINY_CONVS | TINY_POSITIONS,
        real=LARGE,
        conv_bias=True,
        **STABLE,
    ),
    "wavlm_base": _family(tf.WavLMConfig, tf.WavLMModel, tiny=TINY | TINY_CONVS | TINY_POSITIONS | TINY_WAVLM),
    "wavlm_large": _family(
        tf.WavLMConfig, tf.WavLMModel, tiny=TINY | TINY_CONVS | TINY_POSITIONS | TINY_WAVLM, real=LARGE, **STABLE
    ),
    "unispeech_sat_base": _family(tf.UniSpeechSatConfig, tf.UniSpeechSatModel, tiny=TINY | TINY_CONVS | TINY_POSITIONS),
    "unispeech_sat_large": _family(
        tf.UniSpeechSatConfig, tf.UniSpeechSatModel, tiny=TINY | TINY_CONVS | TINY_POSITIONS, real=LARGE, **STABLE
    ),
    "data2vec_audio": _family(tf.Data2VecAudioConfig, tf.Data2VecAudioModel, tiny=TINY | TINY_CONVS | TINY_DATA2VEC),
    "wav2vec2_bert": _family(tf.Wav2Vec2BertConfig, tf.Wav2Vec2BertModel, tiny=TINY | TINY_BERT),
    "wav2vec2_conformer_relative": _family(
        tf.Wav2Vec2ConformerConfig,
        tf.Wav2Vec2ConformerModel,
        tiny=TINY | TINY_CONVS | TINY_POSITIONS | TINY_CONFORMER,
        real=LARGE,
        feat_extract_norm="layer",
        conv_bias=True,
        hidden_act="swish",
        position_embeddings_type="relative",
    ),
    "wav2vec2_conformer_rotary": _family(
        tf.Wav2Vec2ConformerConfig,
        tf.Wav2Vec2ConformerModel,
        tiny=TINY | TINY_CONVS | TINY_POSITIONS | TINY_CONFORMER,
        real=LARGE,
        feat_extract_norm="layer",
        conv_bias=True,
        hidden_act="swish",
        position_embeddings_type="rotary",
    ),
}

PADDING_EXACT = ("wav2vec2_large", "hubert_large", "wavlm_large", "unispeech_sat_large", "wav2vec2_bert")
"""Families whose stock class gives an utterance in a padded batch (with its mask) what it gives it alone."""


@torch.no_grad()
def randomize(model: nn.Module, seed: int = 0) -> nn.Module:
    """Give every parameter and running statistic of ``model`` a random value, activations staying near unit scale.

    Fresh models have zero biases and unit norms, which hide a bias or a norm that is forgotten or swapped.
    """
    random = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        parameter.copy_(_random(name, parameter, random))
        if name.endswith("original1"):  # weight norm: the length of each tap comes before its vector
            length = model.get_parameter(name.replace("original1", "original0"))
            length.copy_(
                parameter.norm(dim=(0, 1), keepdim=True) * (1 + 0.3 * torch.rand(length.shape, generator=random))
            )
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(0.3 * torch.randn(buffer.shape, generator=random))
        elif name.endswith("running_var"):
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=random))
    return model


def _random(name: str, parameter: Tensor, random: torch.Generator) -> Tensor:
    normal = torch.randn(parameter.shape, generator=random)
    if name.endswith("weight") and parameter.ndim == 1:  # norms
        return 1 + 0.3 * normal
    if "rel_attn_embed" in name or "distance_embedding" in name or "gru_rel_pos_const" in name:
        return normal
    if parameter.ndim >= 2 and not name.endswith(("pos_bias_u", "pos_bias_v")):
        return normal / math.sqrt(parameter[0].numel())
    return 0.2 * normal


def speech(*samples: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A padded batch ``[B, S]`` of colored noise that swells and fades, and its lengths ``[B]``.

    The padding is filled with noise, not zeros: nothing may depend on it.
    """
    random = torch.Generator().manual_seed(seed)
    waveform = torch.randn(len(samples), max(samples), generator=random)
    waveform = 0.1 * (waveform + waveform.roll(1, 1) + waveform.roll(2, 1))
    envelope = 0.55 - 0.45 * torch.cos(torch.arange(max(samples)) * (2 * math.pi / 4000))
    return waveform * envelope, torch.tensor(samples)
