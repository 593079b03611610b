"""A vocabulary is a list of labels, and that list is the tokenizer."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, trainers
from tokenizers.pre_tokenizers import Metaspace

from sottovoce.decoding.vocabulary import BLANK, MARK, Vocabulary, characters_of, pieces_of
from sottovoce.errors import DataError

TEXTS = [
    "the cat sat on the mat",
    "the hat that the cat had",
    "don't let the cat out",
    "a cat and a hat and a mat",
    "what did the cat see at the sea",
]
LETTERS = sorted({c for text in TEXTS for c in text} - {" "})
texts_of_letters = st.lists(st.text(LETTERS, min_size=1, max_size=8), min_size=1, max_size=6).map(" ".join)


def test_characters():
    labels = characters_of(["ba b", "a'"])
    assert labels == [BLANK, " ", "'", "a", "b"]
    vocabulary = Vocabulary(labels)
    assert vocabulary.encode("a ba") == [3, 1, 4, 3]
    assert vocabulary.decode([0, 3, 1, 1, 4, 3, 1]) == "a ba"  # blanks of the search, and blanks too many
    assert not vocabulary.of_pieces and len(vocabulary) == 5


@given(texts_of_letters)
def test_text_comes_back(text):
    for labels in (characters_of(TEXTS), pieces_of(TEXTS, 40)):
        vocabulary = Vocabulary(labels)
        encoded = vocabulary.encode(text)
        assert vocabulary.decode(encoded) == text and 0 not in encoded


def test_pieces_are_those_of_the_learner():
    """The list alone encodes as the library does with the merges that it learned."""
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = Metaspace(replacement=MARK, prepend_scheme="always", split=True)
    learner.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=39, show_progress=False))
    vocabulary = Vocabulary(pieces_of(TEXTS, 40))
    assert len(vocabulary) == 40
    assert vocabulary.labels[1:] == sorted(learner.get_vocab(), key=learner.get_vocab().get)
    for text in [*TEXTS, "that death", "mad dad"]:
        assert [vocabulary.labels[k] for k in vocabulary.encode(text)] == learner.encode(text).tokens
    assert any(len(label) > 3 for label in vocabulary.labels[1:])


def test_pieces_shorten_texts_and_are_the_same_each_time():
    labels = pieces_of(TEXTS, 40)
    assert labels == pieces_of(TEXTS, 40)
    assert len(Vocabulary(labels).encode(TEXTS[0])) < len(TEXTS[0])
    assert len(pieces_of(["ab"], 500)) < 10  # there is no more to be found


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (["a", "b"], "begins with '<blank>'"),
        ([BLANK], "labels follow"),
        ([BLANK, "a", "a"], "twice"),
        ([BLANK, "a", ""], "empty"),
    ],
)
def test_what_is_no_vocabulary(labels, told):
    with pytest.raises(DataError, match=told):
        Vocabulary(labels)


def test_unknown_characters_are_named():
    with pytest.raises(DataError, match=r"'caf\u00e9' has '\u00e9', which no label stands for"):
        Vocabulary([BLANK, *string.ascii_lowercase]).encode("caf\u00e9")
    with pytest.raises(DataError, match="has 'z'"):
        Vocabulary(pieces_of(TEXTS, 40)).encode("zoo")
    with pytest.raises(DataError, match="5 pieces are fewer than the 17 that single characters need"):
        pieces_of(TEXTS, 5)
