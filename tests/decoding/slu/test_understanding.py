"""Outputs to meanings and back, in both forms."""

import pytest
import torch

from sottovoce.decoding.slu.semantic_vocabulary import SemanticVocabulary
from sottovoce.decoding.slu.slu_classes import SLUClasses
from sottovoce.errors import DataError
from sottovoce.metrics.semantics import Semantics

ORDER = Semantics({"intent": "order"}, (("size", "large"), ("drink", "iced mocha")))
CANCEL = Semantics({"intent": "cancel"}, (("drink", "latte"),))


def test_questions_are_those_of_training():
    questions = SLUClasses.from_semantics([ORDER, CANCEL], ["intent"], ["drink", "size"])
    assert questions.labels == [
        "intent=cancel", "intent=order", "slot:drink=iced mocha", "slot:drink=latte", "slot:size=large", "slot:size=none",
    ]  # fmt: skip
    assert questions.answers(CANCEL) == {"intent": "cancel", "slot:drink": "latte", "slot:size": "none"}
    assert SLUClasses(questions.labels).classes == questions.classes  # the labels are all there is to store


def test_each_question_has_a_softmax_of_its_own():
    questions = SLUClasses.from_semantics([ORDER, CANCEL], ["intent"], ["drink", "size"])
    output = torch.tensor([[0.0, 2.0, 5.0, 4.0, -1.0, 1.0], [3.0, 1.0, -2.0, 0.0, 8.0, 7.0]])
    first, second = questions.understand(output)
    assert first.semantics == Semantics({"intent": "order"}, (("drink", "iced mocha"),))
    assert first.intents["intent"] == pytest.approx(torch.tensor([0.0, 2.0]).softmax(0)[1].item())
    assert first.slots == pytest.approx((torch.tensor([5.0, 4.0]).softmax(0)[0].item(),))
    assert second.semantics == Semantics({"intent": "cancel"}, (("drink", "latte"), ("size", "large")))


def test_questions_that_are_none():
    for labels in ([], ["order"], ["=x"], ["a=x", "a=x"], ["a=x", "b=x", "a=y"]):
        with pytest.raises(DataError, match="intents: .* label"):
            SLUClasses(labels)
    twice = Semantics({"intent": "order"}, (("drink", "latte"), ("drink", "tea")))
    with pytest.raises(DataError, match="slot drink is filled with 'latte' and 'tea' in one utterance"):
        SLUClasses.from_semantics([twice], ["intent"], ["drink"])


def frames(vocabulary, *said, certain=6.0):
    """Logits of which the best path says these labels, ``None`` for the blank."""
    logits = torch.zeros(len(said), len(vocabulary.labels))
    for frame, label in enumerate(said):
        logits[frame, 0 if label is None else vocabulary.number[label]] = certain
    return logits


def test_a_meaning_survives_being_spelled():
    vocabulary = SemanticVocabulary.from_semantics([ORDER, CANCEL])
    for meaning in (ORDER, CANCEL, Semantics({"intent": "order"})):
        said = [part for number in vocabulary.encode(meaning) for part in (vocabulary.labels[number], None)]
        (found,) = vocabulary.understand(frames(vocabulary, *said)[None], torch.tensor([len(said)]))
        assert found.semantics == meaning
    with pytest.raises(DataError, match="'intent=refund' is not among the"):
        vocabulary.encode(Semantics({"intent": "refund"}))
    with pytest.raises(DataError, match="'q', 'u' is not among"):
        vocabulary.encode(Semantics({"intent": "order"}, (("drink", "aqua"),)))


def test_what_a_best_path_may_say_besides():
    vocabulary = SemanticVocabulary.from_semantics([ORDER, CANCEL])
    # Letters before any slot; an intent twice, the second surer; frames behind the end.
    said = ["l", "intent=order", None, "slot:drink", "t", "t", None, "e", "a", "a", "intent=cancel", "slot:size"]
    logits = frames(vocabulary, *said)
    logits[1] *= 0.5
    logits[7] *= 0.4
    (found,) = vocabulary.understand(logits[None], torch.tensor([11]))
    assert found.semantics == Semantics({"intent": "cancel"}, (("drink", "tea"),))
    least = logits[7].softmax(0).max().item()
    assert found.slots == pytest.approx((least,)) and found.intents["intent"] > found.slots[0]
    (nothing,) = vocabulary.understand(frames(vocabulary, None, None)[None], torch.tensor([2]))
    assert nothing.semantics == Semantics() and not nothing.intents


def test_labels_that_are_no_vocabulary():
    for labels in ([], ["a"], ["<blank>", "a", "a"], ["<blank>", "word"]):
        with pytest.raises(DataError, match="intents: the label"):
            SemanticVocabulary(labels)
