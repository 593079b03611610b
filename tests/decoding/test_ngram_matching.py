"""Language models that are written otherwise than the labels: scores of a whole search against scores by the definition."""

from __future__ import annotations

import math
import warnings

import pytest

from labelings import all_labelings, table
from sottovoce.decoding.ctc import ctc_beam_search
from sottovoce.decoding.ngram import NGram
from sottovoce.decoding.ngram_matching import LanguageModelWarning, match_language_model
from sottovoce.errors import DataError


def ngram(words, bigrams=(), backoffs=(), name="lm.arpa"):
    """A bigram; ``<s>`` and ``</s>`` are added."""
    probabilities = {("<s>",): -50.0, ("</s>",): -1.5} | {(word,): value for word, value in words.items()}
    return NGram(2, probabilities | dict(bigrams), dict(backoffs), name=name)


def by_definition(model, words, unknown):
    """Natural log-probability of a sentence under a bigram with back-off; unknown words are called ``unknown``."""
    total, before = 0.0, "<s>"
    for word in (*words, "</s>"):
        word = word if (word,) in model.probabilities else unknown
        if (before, word) in model.probabilities:
            total += model.probabilities[before, word]
        else:
            total += model.backoffs.get((before,), 0.0) + model.probabilities.get((word,), -100 * math.log(10))
        before = word
    return total


def searched(model, labels, expected, *, seed=0, weight=0.7):
    """Every labeling of a few frames has the score of the acoustics and of the sentence that it stands for.

    Args:
        expected: text of labels -> words of the model.
    """
    logp = table(seed, frames=5, outputs=len(labels))
    found = ctc_beam_search(logp, beam=100_000, language=match_language_model(model, labels), weight=weight)
    right = {}
    for tokens, acoustic in all_labelings(logp).items():
        words, unknown = expected("".join(labels[k] for k in tokens))
        right[tokens] = acoustic + weight * by_definition(model, words, unknown)
    assert {h.tokens for h in found} == set(right)
    assert max(abs(h.score - right[h.tokens]) for h in found) < 1e-9


@pytest.fixture
def quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("unknown", ["<unk>", "<UNK>", "[UNK]"])
def test_unknown_words_by_any_name_and_the_back_off_after_them(quiet, unknown):
    """Only one spelling of the unknown word was known, and the back-off after an unknown word was lost."""
    words = {"ab": -1.0, "b": -2.0, unknown: -3.0}
    bigrams = {("ab", "b"): -0.2, (unknown, "ab"): -0.3, ("ab", unknown): -0.9}
    model = ngram(words, bigrams, {("ab",): -0.4, (unknown,): -0.6, ("<s>",): -0.1})
    searched(model, ["<blank>", " ", "a", "b"], lambda text: (text.split(), unknown))
    # By hand: <s> ba: back-off, unknown; ba b: back-off after the unknown word; b </s>.
    assert model.sentence(["ba", "b"]) == pytest.approx((-0.1 - 3.0) + (-0.6 - 2.0) + -1.5)


@pytest.mark.parametrize("mark", ["|", "<space>", "\u2581", "_"])
@pytest.mark.parametrize("begins", [False, True])
def test_characters_with_a_mark_of_their_own(quiet, mark, begins):
    """The word mark of a character model was taken for a word, so the model had no effect."""
    bigrams = {("a", mark): -0.2, (mark, "b"): -0.3, ("b", "a"): -0.7} | ({("<s>", mark): -0.6} if begins else {})
    model = ngram({"a": -1.0, "b": -1.2, mark: -0.8}, bigrams, {("a",): -0.4, (mark,): -0.5, ("<s>",): -0.2})

    def expected(text):
        said = text if begins else text.lstrip(" ")
        return [mark if c == " " else c for c in said], "<unk>"

    searched(model, ["<blank>", " ", "a", "b"], expected)


def test_characters_for_a_model_of_pieces(quiet):
    bigrams = {("a", "|"): -0.2, ("|", "b"): -0.3, ("b", "a"): -0.7}
    model = ngram({"a": -1.0, "b": -1.2, "|": -0.8}, bigrams, {("a",): -0.4, ("|",): -0.5, ("<s>",): -0.2})

    def expected(text):
        return ["|" if c == "\u2581" else c for c in text.lstrip("\u2581")], "<unk>"

    searched(model, ["<blank>", "\u2581", "b", "\u2581ab", "ba"], expected)


def test_pieces_are_their_own_words(quiet):
    model = ngram({"\u2581": -2.0, "b": -1.2, "\u2581ab": -0.8}, {("\u2581ab", "b"): -0.1}, {("b",): -0.4})
    labels = ["<blank>", "\u2581", "b", "\u2581ab"]
    logp = table(1, frames=5, outputs=4)
    found = ctc_beam_search(logp, beam=100_000, language=match_language_model(model, labels), weight=0.7)
    right = all_labelings(logp)
    for each in found:
        language = by_definition(model, [labels[k] for k in each.tokens], "<unk>")
        assert each.score == pytest.approx(right[each.tokens] + 0.7 * language)


@pytest.mark.parametrize("labels", [["<blank>", " ", "A", "B"], ["<blank>", " ", "a", "b"]])
def test_case_is_ignored_where_one_side_knows_one(labels):
    """Words in the other case, and in both; of two that differ in case alone the exact or the likelier one is taken."""
    other = str.lower if labels[2] == "A" else str.upper
    words = {other("ab"): -1.0, other("b"): -2.0, "<unk>": -3.0}
    bigrams = {(other("ab"), other("b")): -0.2, ("<s>", other("b")): -0.4}
    with pytest.warns(LanguageModelWarning, match="lm.arpa: .*so case is ignored$"):
        searched(ngram(words, bigrams), labels, lambda text: ([other(word) for word in text.split()], "<unk>"))
    both = ngram({"Ab": -1.0, "aB": -0.5, "b": -2.0, "<unk>": -3.0})
    taken = {"ab": "aB", "b": "b"}
    with pytest.warns(LanguageModelWarning, match=r"both cases .* \(1 that differ from another in case alone"):
        searched(both, labels, lambda text: ([taken.get(word, "?") for word in text.lower().split()], "<unk>"))


def test_case_counts_where_both_sides_have_both(quiet):
    model = ngram({"Ab": -1.0, "b": -0.5, "<unk>": -3.0})
    searched(model, ["<blank>", " ", "A", "b"], lambda text: (text.split(), "<unk>"))


def test_characters_in_the_other_case():
    """A model in capitals was ignored by labels in lower case: every word was unknown to it."""
    model = ngram({"A": -1.0, "B": -1.2, "|": -0.8}, {("A", "|"): -0.2, ("|", "B"): -0.3})
    with pytest.warns(LanguageModelWarning, match="upper case and the labels in lower case"):
        searched(
            model, ["<blank>", " ", "a", "b"], lambda text: (list(text.lstrip().upper().replace(" ", "|")), "<unk>")
        )


def test_without_a_mark_blanks_cost_nothing_and_a_line_says_so():
    """Or words would be joined: a blank would cost what an unknown word does."""
    model = ngram({"a": -1.0, "b": -1.2}, {("a", "b"): -0.2})
    with pytest.warns(LanguageModelWarning, match=r"no mark for the blank between words \(such as \| or <space>\)"):
        searched(model, ["<blank>", " ", "a", "b"], lambda text: (list(text.replace(" ", "")), "<unk>"))


def test_labels_without_a_blank():
    with pytest.warns(LanguageModelWarning, match="an utterance counts as one word"):
        match_language_model(ngram({"ab": -1.0, "ba": -1.0}), ["<blank>", "a", "b"])


LETTERS = ["<blank>", " ", "a", "b", "c", "<unk>"]


def test_words_that_cannot_be_spelled_are_counted():
    """A model whose words the labels cannot spell was used without a warning."""
    some = ngram({"ab": -1.0, "cab": -1.0, "dad": -1.0, "a1": -1.0, "<UNK>": -1.0})
    with pytest.warns(LanguageModelWarning, match=r"of its 4 words only 2 can be spelled .* \(not 'a1', 'dad'\)$"):
        match_language_model(some, LETTERS)
    few = ngram({"ab": -1.0} | {f"x{k}" * 2: -2.0 for k in range(19)})
    with pytest.raises(DataError, match=r"^lm.arpa: .* of its 20 words only 1 can be spelled .*'x0x0' is not one"):
        match_language_model(few, LETTERS)
    with pytest.raises(DataError, match=r"of the 3 characters of the model only 0 are among its words"):
        match_language_model(ngram({each: -1.0 for each in "дежзик"}), LETTERS)
    with pytest.raises(DataError, match="has no words"):
        match_language_model(ngram({"<unk>": -1.0}), LETTERS)
