"""The head on pooled adapters against outputs of the class of w2v-BERT-2.0_SV.

ZXHY-82/w2v-BERT-2.0_SV 98ff0e2, recipes/DeepASV/local/spk_model.py: ``Audio2Vec_based_Adapter`` with its pooling ``ASP`` on 3
states of width 10, ``adapter_dim=5, embd_dim=7``, 9 frames.
"""

from __future__ import annotations

from public_weights import check_head, fill_by_public_names, hidden_states
from sottovoce.encoder.stream import ResidualStream, one_channel_each
from sottovoce.heads.speaker.direct_pooling import DirectPooling

NAMES = [
    (r"fusion\.down\.(\d)\.(\w+)", r"adapter_layers.\1.0.\2"),
    (r"fusion\.norm\.(\d)\.(\w+)", r"adapter_layers.\1.1.\2"),
    (r"fusion\.out\.(\d)\.(\w+)", r"adapter_layers.\1.3.\2"),
    (r"pooling\.hidden\.(\w+)", r"pooling.attention.0.\1"),
    (r"pooling\.norm\.(\w+)", r"pooling.attention.2.\1"),
    (r"pooling\.score\.(\w+)", r"pooling.attention.3.\1"),
    (r"embed\.(\w+)", r"bottleneck.\1"),
]

GOLDEN = [
    [-0.23009567, -0.322901753, 0.097369002, -0.438925257, 0.146051796, 0.090014939, -0.076889846],
    [-0.300158668, -0.157581537, 0.044422058, -0.236894876, 0.483783157, -0.307103304, 0.037644954],
]


def test_w2v_bert():
    stream = ResidualStream(tuple(range(10)), 10, one_channel_each(10))
    fusion, pooling = {"kind": "adapters", "width": 5}, {"kind": "asp", "bottleneck": 5}
    head = DirectPooling(stream, 3, size=7, fusion=fusion, pooling=pooling)
    check_head(fill_by_public_names(head, NAMES), hidden_states(3, 2, 9, 10), GOLDEN)
