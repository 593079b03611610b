"""Fault 13: stock WavLM reads weights past its modules, so LoRA gets no gradient there and dynamic int8 crashes."""

import pytest
import torch

from families import FAMILIES, randomize, speech
from sottovoce.encoder.model import SpeechEncoder


def test_every_adapter_gets_a_gradient():
    """The stock attention reads the weights of its projections past their modules, so LoRA adapters on them had no
    gradient.
    """
    peft = pytest.importorskip("peft")
    encoder = SpeechEncoder.from_transformers(randomize(FAMILIES["wavlm_base"](), seed=1))
    adapted = peft.get_peft_model(encoder, peft.LoraConfig(r=4, target_modules=["q", "v"], init_lora_weights=False))
    adapted(*speech(8000, 6000)).last_hidden_state.square().sum().backward()
    adapters = {n: p for n, p in adapted.named_parameters() if "lora_" in n}
    assert len(adapters) == 3 * 2 * 2
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in adapters.values())


@pytest.mark.filterwarnings("ignore")
def test_dynamic_int8_runs():
    """For the same reason dynamic int8 quantization, which replaces the modules, crashed."""
    encoder = SpeechEncoder.from_transformers(randomize(FAMILIES["wavlm_base"](), seed=1)).eval()
    wave, lengths = speech(8000, 6000)
    with torch.no_grad():
        exact = encoder(wave, lengths).last_hidden_state
        quick = torch.ao.quantization.quantize_dynamic(encoder, {torch.nn.Linear}, dtype=torch.qint8)
        got = quick(wave, lengths).last_hidden_state
    assert 0 < (got - exact).abs().mean() < 0.2 * exact.abs().mean()
