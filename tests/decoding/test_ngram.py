import gzip
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sottovoce.decoding.ngram import read_arpa
from sottovoce.errors import DataError

ARPA = """a comment
\\data\\
ngram 1=5
ngram 2=4
ngram 3=2

\\1-grams:
-99\t<s>\t-0.5
-1.0\t</s>
-0.4\tthe\t-0.3
-0.7\tcat\t-0.2
-1.5\t<unk>

\\2-grams:
-0.2\t<s> the\t-0.1
-0.6\tthe cat\t-0.05
-0.3\tcat </s>
-0.9 the the -0.4

\\3-grams:
-0.15\t<s> the cat
-0.25\tthe cat </s>

\\end\\
"""


def read(path, text):
    path.write_text(text, encoding="utf-8")
    return read_arpa(path)


def test_scores_by_hand(tmp_path):
    model = read(tmp_path / "lm.arpa", ARPA)
    assert model.order == 3
    ten = math.log(10)
    cases = {
        (("<s>", "the"), "cat"): -0.15,  # seen
        (("x", "the"), "cat"): -0.6,  # (<unk> the) is no context: its weight is 0
        (("<s>", "the"), "the"): -0.1 - 0.9,  # once shorter
        (("the", "cat"), "the"): -0.05 - 0.2 - 0.4,  # twice shorter
        (("the", "the"), "dog"): -0.4 - 0.3 - 1.5,  # unknown
        (("cat",), "</s>"): -0.3,
        ((), "cat"): -0.7,
        (("cat", "cat", "<s>", "the"), "cat"): -0.15,  # only two words count
    }
    for (history, word), log10 in cases.items():
        assert abs(model.score(history, word) - log10 * ten) < 1e-9, (history, word)
    assert abs(model.sentence(["the", "cat"]) - (-0.2 - 0.15 - 0.25) * ten) < 1e-9
    assert abs(model.sentence([]) - (-0.5 - 1.0) * ten) < 1e-9


def test_a_history_shorter_than_the_order(tmp_path):
    """Order 4, two words: both count (a slice from a negative place would lose the first)."""
    table = {
        ("a",): (-1.0, None),
        ("b",): (-2.0, -0.5),
        ("a", "b", "a"): (-0.25, None),
        ("a", "b", "a", "b"): (-0.5, None),
    }
    table |= {("a", "b"): (-0.75, -0.125)}
    model = read(tmp_path / "lm.arpa", written(4, table))
    assert abs(model.score(("a", "b"), "a") + 0.25 * math.log(10)) < 1e-9
    assert abs(model.score(("a", "b"), "b") - (-0.125 - 0.5 - 2.0) * math.log(10)) < 1e-9


def test_compressed_and_without_an_unknown_word(tmp_path):
    with gzip.open(tmp_path / "lm.arpa.gz", "wt") as file:
        file.write(ARPA.replace("-1.5\t<unk>\n", "").replace("1=5", "1=4"))
    model = read_arpa(tmp_path / "lm.arpa.gz")
    assert abs(model.score((), "dog") + 100 * math.log(10)) < 1e-9


FAULTS = [
    ("-0.7\tcat\t-0.2", "-0.7\tcat\tblack\t-0.2", 11, "is not a log10 probability and 1 words and a weight"),
    ("-0.7\tcat", "0.7\tcat", 11, "a log10 probability of 0.7 is above 0"),
    ("-0.7\tcat", "none\tcat", 11, "'none' is not a number"),
    ("-0.7\tcat", "nan\tcat", 11, "'nan' is not a number"),
    ("cat\t-0.2", "cat\tx", 11, "'x' is not a number"),
    ("-0.7\tcat", "-0.7\tthe", 11, "the 1-gram 'the' is there twice"),
    ("ngram 1=5", "ngram 1=6", 14, "5 1-grams, but the header says 6"),
    ("ngram 1=5", "ngram 1=4", 12, "more than the 4 1-grams"),
    ("ngram 2=4", "ngram 2:4", 4, "'ngram 2:4' is not 'ngram <order>=<count>'"),
    ("ngram 2=4", "ngram 3=4", 4, "the count of order 3 follows that of order 1"),
    ("\\2-grams:", "\\3-grams:", 14, r"'\\\\3-grams:' where \\2-grams: is expected"),
    ("-0.15\t<s> the cat", "-0.15\t<s> the cat\t-0.1", 21, "is not a log10 probability and 3 words$"),
    ("\\end\\\n", "", 23, r"the file ends here; \\end\\ is missing"),
    ("\\data\\", "data", 24, r"the file ends here; \\data\\ is missing"),
    ("ngram 1=5\nngram 2=4\nngram 3=2\n", "", 4, "no 'ngram <order>=<count>' lines"),
]


@pytest.mark.parametrize("old, new, line, message", FAULTS)
def test_faults_name_file_and_line(tmp_path, old, new, line, message):
    assert old in ARPA
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path / "lm.arpa", ARPA.replace(old, new, 1))
    assert f"lm.arpa:{line}: " in str(caught.value) and "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read_arpa(tmp_path / "none.arpa")
    (tmp_path / "lm.arpa").write_bytes(b"\xff")
    with pytest.raises(DataError, match="not UTF-8"):
        read_arpa(tmp_path / "lm.arpa")
    with gzip.open(tmp_path / "cut.gz", "wt") as file:
        file.write(ARPA)
    (tmp_path / "cut.gz").write_bytes((tmp_path / "cut.gz").read_bytes()[:-20])
    with pytest.raises(DataError, match="lm|cut.gz"):
        read_arpa(tmp_path / "cut.gz")


words = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=4)
logs = st.floats(-9, 0).map(lambda x: round(x, 4))


@st.composite
def models(draw):
    """Random n-grams of orders 1 to 4: ``n-gram -> (log10 probability, weight or None)``."""
    vocabulary = draw(st.lists(words, min_size=1, max_size=4, unique=True))
    order = draw(st.integers(1, 4))
    table = {(word,): (draw(logs), draw(st.none() | logs)) for word in vocabulary}
    for n in range(2, order + 1):
        for ngram in draw(st.lists(st.tuples(*[st.sampled_from(vocabulary)] * n), max_size=5, unique=True)):
            table[ngram] = (draw(logs), draw(st.none() | logs) if n < order else None)
    for ngram, (probability, weight) in table.items():
        if len(ngram) == order:
            table[ngram] = (probability, weight if len(ngram) < order else None)
    return order, vocabulary, table


def written(order, table):
    by_order = [{k: v for k, v in table.items() if len(k) == n} for n in range(1, order + 1)]
    text = "\\data\\\n" + "".join(f"ngram {n}={len(part)}\n" for n, part in enumerate(by_order, 1))
    for n, part in enumerate(by_order, 1):
        text += f"\n\\{n}-grams:\n"
        for ngram, (probability, weight) in part.items():
            text += f"{probability}\t{' '.join(ngram)}" + (f"\t{weight}" if weight is not None else "") + "\n"
    return text + "\n\\end\\\n"


def score(table, history, word):
    """Back-off as it is defined, on log10."""
    if (*history, word) in table:
        return table[(*history, word)][0]
    if not history:
        return -100.0
    return (table.get(history, (0, None))[1] or 0.0) + score(table, history[1:], word)


@settings(max_examples=60, deadline=None)
@given(models(), st.data())
def test_what_is_written_is_read_and_scored_by_the_definition(tmp_path_factory, model, data):
    order, vocabulary, table = model
    got = read(tmp_path_factory.mktemp("lm") / "lm.arpa", written(order, table))
    assert got.order == order
    history = tuple(data.draw(st.lists(st.sampled_from(vocabulary), max_size=5)))
    word = data.draw(st.sampled_from([*vocabulary, "never said"]))
    right = score(table, history[max(0, len(history) - order + 1) :], word)
    assert abs(got.score(history, word) - right * math.log(10)) < 1e-9


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_damaged_file_is_an_error_of_one_line_or_a_model(tmp_path_factory, data):
    lines = ARPA.splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    lines[at : at + data.draw(st.integers(0, 2))] = data.draw(
        st.lists(st.text(max_size=8) | st.sampled_from(lines), max_size=2)
    )
    try:
        assert read(tmp_path_factory.mktemp("lm") / "lm.arpa", "\n".join(lines).replace("\ud800", "")).order
    except DataError as error:
        assert "\n" not in str(error)
