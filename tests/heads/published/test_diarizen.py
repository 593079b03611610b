"""The powerset head against outputs of DiariZen's own class.

BUTSpeechFIT/DiariZen a60b181, diarizen/models/eend/model_wavlm_conformer.py, with 3 states of width 10, 9 frames,
``attention_in=12, ffn_hidden=20, num_head=3, num_layer=2, kernel_size=5``, and log probabilities of 7 classes.
"""

from __future__ import annotations

from torch import Tensor, nn

from public_weights import Draw, check_head, fill_by_public_names, hidden_states
from sottovoce.encoder.stream import ResidualStream, one_channel_each
from sottovoce.heads.framewise.powerset_head import PowersetHead

CONFORMER = r"blocks\.(\d)\."
THEIRS = r"conformer.conformer_layer.\1."
NAMES = [
    (r"project\.(\w+)", r"proj.\1"),
    (r"norm\.(\w+)", r"lnorm.\1"),
    (r"output\.(\w+)", r"classifier.\1"),
    (CONFORMER + r"feed_forward(\d)_norm\.(\w+)", THEIRS + r"ffn\2.ln_norm.\3"),
    (CONFORMER + r"feed_forward(\d)\.up\.(\w+)", THEIRS + r"ffn\2.w_1.\3"),
    (CONFORMER + r"feed_forward(\d)\.down\.(\w+)", THEIRS + r"ffn\2.w_2.\3"),
    (CONFORMER + r"attention_norm\.(\w+)", THEIRS + r"mha.ln_norm.\2"),
    *((CONFORMER + rf"attention\.{p}\.(\w+)", THEIRS + rf"mha.mha.linear{p.upper()}.\2") for p in "qkv"),
    (CONFORMER + r"attention\.out\.(\w+)", THEIRS + r"mha.mha.linearO.\2"),
    (CONFORMER + r"convolution_norm\.(\w+)", THEIRS + r"conv.ln_norm.\2"),
    (CONFORMER + r"convolution\.expand\.(\w+)", THEIRS + r"conv.pointwise_conv1.\2"),
    (CONFORMER + r"convolution\.depthwise\.(\w+)", THEIRS + r"conv.depthwise_conv.\2"),
    (CONFORMER + r"convolution\.norm\.(\w+)", THEIRS + r"conv.bn_norm.\2"),
    (CONFORMER + r"convolution\.project\.(\w+)", THEIRS + r"conv.pointwise_conv2.\2"),
    (CONFORMER + r"final_norm\.(\w+)", THEIRS + r"ln_norm.\2"),
]

GOLDEN = [
    [-1.74688753, -2.176661957, -5.012771017, -1.523591613, -1.857331606, -1.661059794, -1.954336201]
    + [-3.8389727, -4.041001407, -1.199167766, -1.855287461, -2.290771071, -2.518417841, -1.135454473],
    [-0.891511515, -1.689543485, -4.445587108, -2.2855545, -2.225932863, -2.073978529, -2.842814612]
    + [-1.143813053, -1.830955269, -4.645953858, -1.177499789, -2.569007456, -2.893795617, -2.637887263],
]


class LogProbabilities(nn.Module):
    """DiariZen's model ends in a log softmax; our heads end in logits."""

    def __init__(self, head: PowersetHead):
        super().__init__()
        self.head = head

    def forward(self, states: list[Tensor], lengths: Tensor | None = None) -> Tensor:
        return self.head(states, lengths).log_softmax(-1)


def test_diarizen():
    head = PowersetHead(
        ResidualStream(tuple(range(10)), 10, one_channel_each(10)),
        3,
        **{"speakers": 3, "at_once": 2, "width": 12, "blocks": 2, "inner": 20, "heads": 3, "kernel": 5},
    )

    def layer_weights(draw: Draw) -> Tensor:
        return draw("weight_sum.weight", 1, 3)

    fill_by_public_names(head, NAMES, {"layer_weights": layer_weights})
    check_head(LogProbabilities(head), hidden_states(3, 2, 9, 10), GOLDEN)
