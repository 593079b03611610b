"""Whatever a file holds: a parser reads it, or raises our own error in one line (recipes: a line a fault).

The layouts of corpora have such a test of their own (`tests/data/corpora/layouts/test_layouts_properties.py`).
"""

from __future__ import annotations

import gzip
import io
import json
import tarfile

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save_file

from sottovoce.checkpoints.formats.tokenizer import BLANK, read_vocabulary
from sottovoce.data.corpora.cuts import make_cut, read_cuts, write_cuts
from sottovoce.data.corpora.rttm import read_rttm, read_uem
from sottovoce.data.corpora.shar import index_shard
from sottovoce.decoding.ngram import read_arpa
from sottovoce.diarization.plda import PLDA
from sottovoce.encoder.loading.model_files import Directory
from sottovoce.errors import DataError, SottovoceError
from sottovoce.metrics.detection.calibration import Calibration
from sottovoce.metrics.detection.trials import read_trials
from sottovoce.pruning.budget import Budget
from sottovoce.pruning.one_shot import read_shape
from sottovoce.recipe.yaml_file import chain, plain_recipe
from sottovoce.runs.recipe_file import read_recipe

PARSERS = {
    "rttm": read_rttm,
    "uem": read_uem,
    "trials": read_trials,
    "arpa": read_arpa,
    "cuts": read_cuts,
    "shape": read_shape,
    "recipe": read_recipe,
    "plain recipe": plain_recipe,
    "chain of recipes": chain,
    "plda": PLDA.load,
    "calibration": Calibration.load,
    "shar": index_shard,
}
SPOKEN = "SPEAKER a 1 0 0.5 <NA> <NA> anna <NA> <NA>"
TELLING = r"""
a b 0 1 -1 0.5 1e9 nan inf <NA> target nontarget ;; SPEAKER
\data\ ngram 1=1 1=-1 2=1 \1-grams: \2-grams: \end\ <s> </s>
- : {} [] [ { ? | > % @ ` ! !instead !!binary &a *a <<: null ${A} ${A:-3} 2001-99-99 0x
name: encoder: task: data: stages: extends: head: [1,2] Name: prune {"id": "type" "MonoCut" }
"""
WORDS = [*TELLING.split(), SPOKEN, "\ufeff", "\u2028", "\x85", "\x00", "\t", "  ", "x" * 300]
lines = st.lists(st.sampled_from(WORDS) | st.text(max_size=4), max_size=11).map(" ".join)
texts = st.lists(lines, max_size=6).map("\n".join) | st.text()
anything = texts.map(lambda text: text.encode("utf-8", "surrogatepass")) | st.binary(max_size=80)
few = settings(
    max_examples=30, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def reads(parse, path) -> None:
    try:
        parse(path)
    except SottovoceError as error:
        first, *faults = str(error).split("\n")
        assert first.startswith(str(path)) and all(fault.startswith("  ") for fault in faults)


@pytest.mark.parametrize("name", PARSERS)
@few
@given(content=anything)
@example(content=b"name: &a {b: *a}")
@example(content=b"head: 2001-99-99")
@example(content=b"[" * 500)
@example(content=b"Name: x")
@example(content=b"[1]")
@example(content=b'{"slope": 1, "offset": 0, "measures": {}, "prior": 0.5}')
@example(content=b'{"slope": 1' + b"0" * 400 + b', "offset": 0, "measures": {}, "prior": 0.5}')
@example(content=b'{"slope": 1e400, "offset": 0, "measures": [], "prior": "x"}')
@example(content=b"\x02\0\0\0\0\0\0\0{}")
@example(content=b"stages: [{prune: 5}, 5, {5: 5}, {}]")
def test_any_content(name, content, tmp_path):
    (tmp_path / "file").write_bytes(content)
    reads(PARSERS[name], tmp_path / "file")


@pytest.mark.parametrize("name", ["calibration", "cuts"])
def test_json_that_is_nested_too_deep(name, tmp_path):
    (tmp_path / "file").write_bytes(b"[" * 5_000)
    with pytest.raises(SottovoceError):
        PARSERS[name](tmp_path / "file")


@pytest.mark.parametrize("name", ["arpa", "cuts"])
@few
@given(text=texts, place=st.floats(0, 1), rubbish=st.binary(min_size=1, max_size=20))
@example(text="ngram 1=1\n" * 500, place=0.5, rubbish=b"\xff" * 10)
def test_packed_content_with_a_hole(name, text, place, rubbish, tmp_path):
    packed = gzip.compress(text.encode("utf-8", "surrogatepass"))
    cut = round(place * len(packed))
    (tmp_path / "file.gz").write_bytes(packed[:cut] + rubbish + packed[cut + len(rubbish) :])
    reads(PARSERS[name], tmp_path / "file.gz")


@few
@given(
    shapes=st.lists(st.lists(st.integers(0, 3), max_size=3), min_size=3, max_size=3),
    kind=st.sampled_from(["float64", "float32", "float16", "int8", "bool"]),
    value=st.sampled_from([1, 0, -1, np.nan, np.inf]),
)
@example(shapes=[[3], [2, 3], [2]], kind="float64", value=1)
@example(shapes=[[3], [2, 3], [3]], kind="float64", value=1)
@example(shapes=[[3], [2, 3], [2]], kind="float32", value=-1)
def test_any_tensors_of_a_plda(shapes, kind, value, tmp_path):
    value = value if np.isfinite(value) or kind.startswith("float") else 1
    names = ("mean", "transform", "phi")
    tensors = {name: np.full(shape, value).astype(kind) for name, shape in zip(names, shapes, strict=True)}
    save_file(tensors, tmp_path / "file")

    def project(path):
        plda = PLDA.load(path)
        assert plda.project(np.ones((4, len(plda.mean)))).shape == (4, len(plda.phi))
        assert np.isfinite(np.sqrt(plda.phi)).all()

    reads(project, tmp_path / "file")


@few
@given(
    names=st.lists(
        st.sampled_from(["a.json", "a.flac", "b.json", "b.nodata", "b", ""]) | st.text(max_size=3), max_size=4
    ),
    content=st.sampled_from([b"{}", b"[]", b'{"id": "a"}', b"\xff", b"[" * 5_000, b"9" * 5_000]),
    place=st.floats(0, 1),
    rubbish=st.binary(max_size=20),
)
@example(names=["a.json"], content=b"[" * 5_000, place=1.0, rubbish=b"")
def test_any_tar_of_recordings(names, content, place, rubbish, tmp_path):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    whole = packed.getvalue()
    cut = round(place * len(whole))
    (tmp_path / "file").write_bytes(whole[:cut] + rubbish + whole[cut + len(rubbish) :])
    reads(index_shard, tmp_path / "file")


SAID = """<pad> | A <s> content pad_token word_delimiter_token replace_word_delimiter_char added_tokens_decoder
target_lang tokenizer_class Wav2Vec2CTCTokenizer 0 2 -1 x ²"""
TOKENS = [*SAID.split(), "9" * 5_000]
token_values = st.recursive(
    st.sampled_from([*TOKENS, None, True, 0, 1, 2, -1, 1.5, 10**30]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(TOKENS), inner, max_size=3),
    max_leaves=6,
)
token_tables = st.dictionaries(st.sampled_from(TOKENS), token_values, max_size=4)
LETTERS = {"<pad>": 0, "|": 1, "A": 2}


@settings(few, max_examples=100)
@given(
    vocabulary=st.just(LETTERS) | token_tables,
    files=st.dictionaries(
        st.sampled_from(["tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"]), token_tables
    ),
)
@example(vocabulary=LETTERS, files={"tokenizer_config.json": {"added_tokens_decoder": [1]}})
@example(vocabulary=LETTERS, files={"tokenizer_config.json": {"added_tokens_decoder": {"2": "x"}}})
@example(vocabulary=LETTERS, files={"tokenizer_config.json": {"added_tokens_decoder": {"x": {"content": "A"}}}})
@example(vocabulary=LETTERS, files={"tokenizer_config.json": {"added_tokens_decoder": {"9" * 5_000: {"content": "A"}}}})
@example(vocabulary=LETTERS, files={"tokenizer_config.json": {"added_tokens_decoder": {"2": {"content": ["A"]}}}})
@example(vocabulary=LETTERS, files={"tokenizer_config.json": {"pad_token": {"a": 1}}})
@example(vocabulary=LETTERS, files={"special_tokens_map.json": {"word_delimiter_token": [1]}})
@example(vocabulary=LETTERS, files={"tokenizer_config.json": {"replace_word_delimiter_char": 1, "do_lower_case": True}})
@example(vocabulary=LETTERS, files={"tokenizer_config.json": {"target_lang": {"a": 1}}})
@example(vocabulary=LETTERS, files={"added_tokens.json": {"<s>": "2"}})
def test_any_tokenizer(vocabulary, files, tmp_path):
    for name in ("tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"):
        (tmp_path / name).write_text(json.dumps(files.get(name, {})))
    (tmp_path / "vocab.json").write_text(json.dumps(vocabulary))

    def three(path):
        found = read_vocabulary(Directory(path), 3)
        assert found.labels[0] == BLANK and len({str(label) for label in found.labels}) == 3

    reads(three, tmp_path)


@few
@given(content=anything)
@example(content=b"[" * 100_000)
@example(content=b'{"a": ' + b"9" * 5_000 + b"}")
def test_any_file_of_a_tokenizer(content, tmp_path):
    (tmp_path / "vocab.json").write_bytes(content)
    reads(lambda path: read_vocabulary(Directory(path), 3), tmp_path)


@few
@given(
    path=st.lists(st.sampled_from(["stage", "stages", "prune", "data", "0", "9" * 5_000, "²", "", "steps", "[", "]"])),
    value=lines,
    stages=st.sampled_from(["5", "[5]", "[{prune: 5}]", "[{5: 5}]", "[{}]", "[prune]", "{prune: 1}", ""]),
)
@example(path=["stage", "prune", "steps"], value="1", stages="5")
@example(path=["seed"], value="2001-99-99", stages="")
def test_any_change_of_a_recipe(path, value, stages, tmp_path):
    (tmp_path / "file").write_text(f"name: x\nstages: {stages}\n")
    reads(lambda file: read_recipe(file, [f"{'.'.join(path)}={value}"]), tmp_path / "file")


@few
@given(
    text=st.lists(
        st.sampled_from(["params", "macs", "seconds", "=", ",", "%", "M", "1", "-", "e9", "."]) | st.text(max_size=3)
    ).map("".join)
)
def test_any_budget(text):
    try:
        Budget.parse(text)
    except SottovoceError as error:
        assert str(error).startswith("budget") and "\n" not in str(error)


def test_a_recipe_that_is_part_of_itself_says_where(tmp_path):
    (tmp_path / "r.yaml").write_text("name: x\ndata: &again\n  train: *again\n")
    with pytest.raises(SottovoceError, match=r"r.yaml: not YAML \(line 3: 'again' is part of itself\)"):
        read_recipe(tmp_path / "r.yaml")
    (tmp_path / "r.yaml").write_text("a: &list [1, 2]\nb: *list\nc: {d: *list}\n")  # said again is no fault
    assert plain_recipe(tmp_path / "r.yaml") == {"a": [1, 2], "b": [1, 2], "c": {"d": [1, 2]}}


def test_keys_in_capitals_are_told_by_their_names(tmp_path):
    corpora = "corpora: {AMI: {synthesize: {task: recognition, Scene: dry, folder: 5}}}"
    (tmp_path / "r.yaml").write_text(f"Name: x\nname: x\ndata: {{Train: [a/b], {corpora}}}\nstages: [Prune]\n")
    with pytest.raises(SottovoceError) as caught:
        read_recipe(tmp_path / "r.yaml")
    for told in (
        "\n  Name: unknown; did you mean 'name'?",
        "\n  data.Train: unknown; did you mean 'train'?",
        "\n  stages[0].Prune: unknown; did you mean 'prune'?",
        "\n  data.corpora.AMI.synthesize.folder: ",
    ):
        assert told in str(caught.value)


def test_missing_audio_is_counted_before_anything_is_heard(tmp_path):
    """Of 10,000 cuts, 7 have no file and one has an empty one."""
    from sottovoce.data.corpora.audio_check import refuse_missing

    (tmp_path / "there.wav").write_bytes(b"something")
    (tmp_path / "empty.wav").touch()
    names = ["empty" if n == 9_000 else f"none{n}" if n % 1_400 == 1 else "there" for n in range(10_000)]
    shape = {"samples": 16_000, "rate": 16_000}
    cuts = [make_cut(name=f"u{n}", source=tmp_path / f"{name}.wav", **shape) for n, name in enumerate(names)]
    with pytest.raises(DataError) as caught:
        refuse_missing(cuts, "list")
    first = [f"{tmp_path}/none{n}.wav" for n in (1, 1401, 2801)]
    assert str(caught.value) == f"list: 9 of 10 audio files are missing or empty: {', '.join(first)}, ..."
    refuse_missing(cuts[2:1_000], "list")
    write_cuts(cuts[:2], tmp_path / "a.jsonl.gz")
    with pytest.raises(DataError, match="1 of 2 audio files"):
        refuse_missing(read_cuts(tmp_path / "a.jsonl.gz"), "list")
