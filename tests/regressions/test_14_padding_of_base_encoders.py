"""Fault 14: GroupNorm over time let padding in, and a Base encoder's output changed with its batch (up to 1.3)."""

import torch

from families import FAMILIES, randomize, speech
from sottovoce.encoder.model import SpeechEncoder


def test_padding_changes_the_stock_class_but_not_ours():
    """GroupNorm over time took padding into its statistics, so the output for an utterance depended on the length of
    the batch.
    """
    stock = randomize(FAMILIES["wavlm_base"](), seed=1).eval()
    ours = SpeechEncoder.from_transformers(stock).eval()
    wave, lengths = speech(16000, 7000)
    mask = (torch.arange(16000) < lengths[:, None]).long()
    with torch.no_grad():
        alone = stock(wave[1:, :7000]).last_hidden_state
        theirs = stock(wave, attention_mask=mask).last_hidden_state[1:, : alone.shape[1]]
        padded = ours(wave, lengths).last_hidden_state[1:, : alone.shape[1]]
    assert (theirs - alone).abs().max() > 0.1
    assert (padded - alone).abs().max() < 1e-4
