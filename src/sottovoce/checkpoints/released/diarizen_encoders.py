"""The encoders that a ``config.toml`` of DiariZen names, whose widths are in its code (diarizen/models/module/wavlm_config.py).

Two are unpruned; of the other two, published in 2506.18623, 80 % of the parameters are removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

KERNELS = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))
"""Size and stride of each convolution."""


@dataclass(frozen=True)
class Encoder:
    """The widths of a WavLM.

    Args:
        width: of the residual stream.
        channels: of each convolution.
        heads: places of the attention heads of each layer that are left; a layer without any has no attention.
        units: feed-forward width of each layer.
        large: whether it is built as WavLM Large, whose norms come first.
    """

    width: int
    channels: Sequence[int]
    heads: Sequence[Sequence[int]]
    units: Sequence[int]
    large: bool = False

    def config(self) -> Mapping[str, object]:
        """The config as their checkpoints hold it."""
        layers = len(self.heads)
        return {
            "extractor_mode": "layer_norm" if self.large else "group_norm",
            "extractor_conv_layer_config": [(c, k, s) for c, (k, s) in zip(self.channels, KERNELS, strict=True)],
            "extractor_conv_bias": False,
            "encoder_embed_dim": self.width,
            "encoder_projection_dropout": 0.1,
            "encoder_pos_conv_kernel": 128,
            "encoder_pos_conv_groups": 16,
            "encoder_num_layers": layers,
            "encoder_use_attention": [bool(kept) for kept in self.heads],
            "encoder_use_feed_forward": [True] * layers,
            "encoder_total_num_heads": [self.width // 64] * layers,
            "encoder_remaining_heads": [list(kept) for kept in self.heads],
            "encoder_num_buckets": 320,
            "encoder_max_distance": 800,
            "encoder_attention_dropout": 0.1,
            "encoder_ff_interm_features": list(self.units),
            "encoder_ff_interm_dropout": 0.0,
            "encoder_dropout": 0.1,
            "encoder_layer_norm_first": self.large,
            "encoder_layer_drop": 0.1 if self.large else 0.05,
            "normalize_waveform": self.large,
        }


# fmt: off
ENCODERS: dict[str, Encoder] = {
    "wavlm_base": Encoder(768, [512] * 7, [range(12)] * 12, [3072] * 12),
    "wavlm_large": Encoder(1024, [512] * 7, [range(16)] * 24, [4096] * 24, large=True),
    "wavlm_base_s80_md": Encoder(
        768,
        channels=(90, 161, 173, 181, 351, 155, 137),
        heads=(
            (1, 6), (5, 7, 8), (0, 3, 9), (0, 1, 4, 8, 11), (6, 8), (0,), (7, 8, 10, 11), (0, 1, 4, 8), (), (),
            (4, 7), (5,),
        ),
        units=(
            666, 660, 649, 1080, 237, 299, 437, 573, 53, 80, 211, 334,
        ),
    ),
    "wavlm_large_s80_md": Encoder(
        1024,
        channels=(512, 153, 224, 255, 302, 368, 211),
        heads=(
            (1, 2, 4, 5, 6), (9, 10, 14), (0, 1, 2, 4, 5, 7), (1, 4, 7, 12, 13, 14), (0, 2, 3, 4, 13),
            (1, 7, 13, 14, 15), (11, 13, 15), (2, 3, 4, 8, 15), (2, 5, 6, 15), (), (0, 1), (1, 3, 5, 12), (),
            (4, 7, 11), (6, 9), (11,), (), (), (14,), (5, 15), (0, 2, 8, 11, 13, 15), (0, 1, 3, 4, 5, 6, 7, 10, 13),
            (0, 1, 3, 6, 7, 9, 10, 11, 12, 14), (1, 2, 3, 4, 7, 13, 14, 15),
        ),
        units=(
            1092, 925, 759, 646, 745, 615, 684, 958, 286, 294, 406, 377, 463, 542, 298, 236, 96, 104, 134, 211, 473,
            1011, 1770, 1316,
        ),
        large=True,
    ),
}
"""Name in a config -> the encoder."""
# fmt: on
