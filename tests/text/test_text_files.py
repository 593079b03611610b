"""One way of reading text: what says nothing changes nothing, in no parser; what cannot be meant is refused."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path

import pytest

from sottovoce.data.corpora.cuts import make_cut, read_cuts, write_cuts
from sottovoce.data.corpora.layouts import LAYOUTS
from sottovoce.data.corpora.rttm import read_rttm, read_uem
from sottovoce.decoding.ngram import read_arpa
from sottovoce.errors import DataError, SottovoceError
from sottovoce.metrics.detection.calibration import Calibration
from sottovoce.metrics.detection.trials import read_trials
from sottovoce.pruning.one_shot import read_shape
from sottovoce.pruning.planning.plans import Plan
from sottovoce.text.text_files import LONGEST, lines, text

ARPA = (
    "\\data\\\nngram 1=3\nngram 2=1\n\n\\1-grams:\n-0.6\t<s>\t-0.3\n-0.5\té\n-0.7\t</s>\n"
    "\n\\2-grams:\n-0.1\t<s> é\n\n\\end\\\n"
)


def rows(layout: str, **options):
    def read(path: Path):
        faults: list[str] = []
        found = LAYOUTS[layout](path, faults, **options)
        if faults:
            raise DataError("; ".join(faults))
        return [(row.name, row.speaker, row.text, row.custom, row.segments and list(row.segments)) for row in found]

    return read


def kaldi(path: Path):
    """``path`` as the transcripts of a directory whose other files are in order."""
    (path.parent / "wav.scp").write_text("u1 a.wav\nu2 b.wav\n")
    (path.parent / "text").write_bytes(path.read_bytes())
    return rows("kaldi")(path.parent)


LISTS = {
    "rttm": (read_rttm, "SPEAKER é 1 0.5 1.25 <NA> <NA> anna <NA> <NA>\n;; a comment\nSPEAKER é 1 2 1 <NA> <NA> b <NA> <NA>\n"),
    "uem": (read_uem, "é 1 0 10\nb 1 2.5 3\n"),
    "trials": (read_trials, "1 é b\n0 a c\n"),
    "trials of Kaldi": (read_trials, "é b target\na c nontarget\n"),
    "arpa": (read_arpa, ARPA),
    "table": (rows("table"), "path\ttext\tspeaker\na.wav\thé  lo\ts1\nb.wav\tyou\ts2\n"),
    "nemo": (rows("nemo"), '{"audio_filepath": "a.wav", "text": "hé"}\n{"audio_filepath": "b.wav", "text": "x"}\n'),
    "asvspoof": (rows("asvspoof"), "s a - - bonafide\nsé b - A01 spoof\n"),
    "slurp": (rows("slurp"), '{"sentence": "hé", "scenario": "a", "action": "b", "recordings": [{"file": "a.wav"}]}\n'),
    "layout rttm": (rows("rttm"), "SPEAKER a 1 0 1 <NA> <NA> é <NA> <NA>\n"),
    "kaldi": (kaldi, "u1 hé  lo\nu2 you\n"),
    "calibration": (Calibration.load, '{"slope": 1.0, "offset": 0.0,\n "measures": {"é": 2.0}, "prior": 0.5}\n'),
    "shape": (read_shape, "é: [2, 3]\nb: 4\n"),
}  # fmt: skip
SAME = {
    "BOM": lambda s: b"\xef\xbb\xbf" + s.encode(),
    "UTF-16, little end first": lambda s: b"\xff\xfe" + s.encode("utf-16-le"),
    "UTF-16, big end first": lambda s: b"\xfe\xff" + s.encode("utf-16-be"),
    "CRLF": lambda s: s.replace("\n", "\r\n").encode(),
    "CR": lambda s: s.replace("\n", "\r").encode(),
    "a last line without an end": lambda s: s.rstrip("\n").encode(),
    "empty lines behind": lambda s: (s + "\n\n").encode(),
    "blanks behind": lambda s: s.replace("\n", "  \n").encode(),
    "gzip": lambda s: gzip.compress(s.encode()),
    "packed with BOMs, joined": lambda s: b"".join(gzip.compress(each.encode("utf-8-sig")) for each in s.splitlines(True)),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    for name in ("a.wav", "b.wav"):
        (tmp_path / name).touch()
    return tmp_path


def plain(found):
    """Something that can be compared."""
    if hasattr(found, "targets"):
        return found.left, found.right, found.targets.tolist()
    return vars(found) if hasattr(found, "probabilities") else found


@pytest.mark.parametrize("change", SAME)
@pytest.mark.parametrize("name", LISTS)
def test_what_says_nothing_changes_nothing(name, change, folder):
    read, content = LISTS[name]
    (folder / "list").write_text(content)
    right = plain(read(folder / "list"))
    assert right
    (folder / "list").write_bytes(SAME[change](content))
    assert plain(read(folder / "list")) == right


WRONG = {
    "line 2: the byte 0xe9 is not UTF-8": lambda first, rest: first + b"b \xe9 c d\n" + rest,
    "line 2: a NUL byte": lambda first, rest: first + b"b \0 c d\n" + rest,
    r"line 1: a NUL byte; is it UTF-16\?": lambda first, rest: (first + rest).decode().encode("utf-16-le"),
    "not a text file": lambda first, rest: b"\xff\xfe" + (first + rest).decode().encode("utf-16-le")[:-1],
    "cannot be read": lambda first, rest: gzip.compress(first + rest)[:-9],
}


@pytest.mark.parametrize("message", WRONG)
@pytest.mark.parametrize("name", [*LISTS, "plan", "cuts"])
def test_what_is_no_text_is_told_once(name, message, folder):
    cut = json.dumps(make_cut(name="é", source="a.wav", samples=16_000, rate=16_000).to_dict()) + "\n"
    read, content = {"plan": (Plan.load, "{\n}\n"), "cuts": (read_cuts, cut)}.get(name) or LISTS[name]
    first, end, rest = content.encode().partition(b"\n")
    (folder / "list").write_bytes(WRONG[message](first + end, rest))
    with pytest.raises(SottovoceError, match=message) as caught:
        read(folder / "list")
    assert "\n" not in str(caught.value)


def test_pipes_devices_and_folders_are_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "a pipe"), ("/dev/zero", "a device"), (tmp_path, "a folder")):
        with pytest.raises(DataError, match=rf"cannot be read \({kind}\)"):
            text(path)


def test_a_bomb_does_not_go_off(tmp_path):
    """A file of some kilobytes that becomes gigabytes: long lines, and many short ones."""
    (tmp_path / "line.gz").write_bytes(gzip.compress(b"x" * (LONGEST + 1)))
    with pytest.raises(DataError, match="line 1: more than 16,777,216 characters"):
        text(tmp_path / "line.gz")
    (tmp_path / "lines.gz").write_bytes(gzip.compress(b"x" * 2**20 + b"\n") * 40)
    taken = 0
    with pytest.raises(DataError, match="far too large"):
        for _, line in lines(tmp_path / "lines.gz"):
            taken += len(line)
    assert taken <= 2**23
    with pytest.raises(DataError, match="far too large"):
        read_trials(tmp_path / "lines.gz")
    (tmp_path / "blank.gz").write_bytes(gzip.compress(b"\n" * 2**20))
    with pytest.raises(DataError, match="line 2[0-9]{5}: the file becomes far too large"):
        list(lines(tmp_path / "blank.gz"))


def test_a_list_that_packs_well_is_read(tmp_path):
    content = b"".join(b"u%07d %s.wav\n" % (k, b"a" * 200) for k in range(100_000))
    (tmp_path / "list.gz").write_bytes(gzip.compress(content))
    assert len(content) > 2**24 and sum(1 for _ in lines(tmp_path / "list.gz")) == 100_000


def test_only_line_ends_end_lines(tmp_path):
    (tmp_path / "list").write_text("a\u2028b\x0bc\x85d\n")
    assert list(lines(tmp_path / "list")) == [(1, "a\u2028b\x0bc\x85d")]


def test_cuts_are_read_whatever_their_name_says(tmp_path):
    write_cuts([make_cut(name="é", source="a.wav", samples=16_000, rate=16_000)], tmp_path / "a.jsonl.gz")
    unpacked = gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes())
    (tmp_path / "b.jsonl").write_bytes(b"\xef\xbb\xbf" + unpacked.replace(b"\n", b"\r\n"))
    assert [cut.id for cut in read_cuts(tmp_path / "b.jsonl")] == ["é"]
