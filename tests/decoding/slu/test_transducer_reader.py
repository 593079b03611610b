"""Meanings from a transducer against its own joiner, asked step by step."""

import pytest
import torch

from sottovoce.decoding.slu.semantic_vocabulary import SemanticVocabulary
from sottovoce.decoding.slu.transducer_reader import TransducerReader
from sottovoce.encoder.stream import ResidualStream, one_channel_each
from sottovoce.errors import DataError
from sottovoce.heads.sequence.transducer import Transducer

LABELS = ["<blank>", "intent=order", "intent=cancel", "slot:size", "slot:drink", "a", "b", " "]


def tiny(seed):
    torch.manual_seed(seed)
    stream = ResidualStream(tuple(range(6)), 6, one_channel_each(6))
    head = Transducer(stream, 2, outputs=len(LABELS), predictor=5, context=2, width=7, ctc=False).eval()
    for parameter in head.parameters():
        torch.nn.init.normal_(parameter)
    return head


def by_hand(head, output):
    """Labels and the joiner's probability of each, asked frame by frame."""
    said = []
    for frame in head.project(output):
        for _ in range(10):
            history = torch.tensor([[label for label, _ in said]], dtype=torch.long)
            state = head.joiner.predictor(head.predictor(history)[0, -1])
            sure = torch.softmax(head.joiner(frame, state), -1)
            if (label := int(sure.argmax())) == 0:
                break
            said.append((label, float(sure[label])))
    return said


@torch.no_grad()
def test_what_is_said_and_how_surely():
    heard = 0
    for seed in range(6):
        head, output = tiny(seed), torch.randn(2, 5, 6, generator=torch.Generator().manual_seed(seed))
        found = TransducerReader(head, LABELS).understand(output, torch.tensor([5, 3]))
        for one, frames in zip(found, (output[0], output[1, :3]), strict=True):
            expected = SemanticVocabulary(LABELS).read(by_hand(head, frames))
            assert one.semantics == expected.semantics
            assert dict(one.intents) == pytest.approx(dict(expected.intents), rel=1e-4)
            assert one.slots == pytest.approx(expected.slots, rel=1e-4)
            heard += len(one.intents) + len(one.slots)
    assert heard > 10


def test_in_another_precision():
    head = tiny(0)
    output = torch.randn(1, 4, 6)
    exact = TransducerReader(head, LABELS).understand(output, torch.tensor([4]))
    assert (
        TransducerReader(head.double(), LABELS).understand(output, torch.tensor([4]))[0].semantics == exact[0].semantics
    )


def test_in_8_bits():
    head, output = tiny(0), torch.randn(1, 4, 6)
    quick = torch.ao.quantization.quantize_dynamic(head, {torch.nn.Linear}, dtype=torch.qint8)
    assert len(TransducerReader(quick, LABELS).understand(output, torch.tensor([4]))) == 1


def test_labels_of_something_else_are_refused():
    with pytest.raises(DataError, match="neither field=intent"):
        TransducerReader(tiny(0), ["<blank>", "hello"])
