"""Lists with one thing or a few wrong: each is read, with the right value where that is known, or refused in our words."""

from __future__ import annotations

import gzip
import json
import math
import random
import resource
import signal
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.data.corpora.manifests import import_corpus
from sottovoce.data.corpora.rttm import read_rttm, read_uem
from sottovoce.data.corpora.summary import summarize
from sottovoce.decoding.ngram import read_arpa
from sottovoce.errors import SottovoceError
from sottovoce.inference.diarization_scoring import der as error_rate
from sottovoce.metrics.detection.calibration import Calibration
from sottovoce.metrics.detection.trials import read_trials
from sottovoce.pruning.one_shot import read_shape
from sottovoce.pruning.planning.plans import Plan

EACH = 36
"""Mutations of each kind of list."""

SECONDS, MEMORY = 60, 4 * 2**30

ARPA = (
    "\\data\\\nngram 1=4\nngram 2=2\n\n\\1-grams:\n-0.6\t<s>\t-0.3\n-0.5\té\t-0.2\n-0.9\tb\n-0.7\t</s>\n\n"
    "\\2-grams:\n-0.1\t<s> é\n-0.4\té b\n\n\\end\\\n"
)
RTTM = (
    "SPEAKER a 1 0.25 0.5 <NA> <NA> é <NA> <NA>\nSPEAKER a 1 0.5 0.5 <NA> <NA> ben <NA> <NA>\n"
    "NOSCORE a 1 0.9 0.05 <NA> <NA> <NA> <NA> <NA>\nNON-LEX a 1 0.3 0.1 <NA> laugh é <NA> <NA>\n"
    "LEXEME a 1 0.5 0.1 yes lex é <NA> <NA>\nSPEAKER b 1 0 0.75 <NA> <NA> ben <NA> <NA>\n"
)
SLURP = [{"file": "a.wav", "status": "correct"}]
SENTENCE = {"sentence": "wake me", "scenario": "alarm", "action": "set", "slurp_id": 1, "recordings": SLURP,
            "tokens": [{"surface": "wake"}, {"surface": "me"}], "entities": [{"type": "who", "span": [1]}]}  # fmt: skip
PLAN = {"format": 1, "keep": {"a": [0, 2]}, "sizes": {"a": 3}}


def imported(layout: str, **options) -> Callable[[Path], object]:
    """What becomes of a corpus of this layout: its cuts, whose numbers must make sense."""

    def read(path: Path) -> object:
        out = path.parent / "out"
        for old in out.glob("*"):
            old.unlink()
        source = path.parent if layout == "kaldi" else path
        made = import_corpus(source, out, layout=layout, **options)
        found = {split: list(read_cuts(each)) for split, each in made.items()}
        for cuts in found.values():
            assert 0 < summarize(cuts).seconds < 100
            for cut in cuts:
                assert cut.start >= 0 and 0 < cut.duration <= 1
                assert all(-1e-6 <= s.start < s.end <= cut.duration + 1e-6 for s in cut.supervisions)
        return {split: [cut.to_dict() for cut in cuts] for split, cuts in found.items()}

    return read


def der(path: Path) -> object:
    try:
        score = error_rate(path, path)
    except SottovoceError as error:
        if "no reference speech is scored" in str(error):
            return None
        raise
    assert score.der == 0 and math.isfinite(score.jer) and 0 < score.speech < 2e10
    return [(name, turns) for name, turns in read_rttm(path).items()], score.speech


def arpa(path: Path) -> object:
    model = read_arpa(path)
    assert not math.isnan(model.sentence(["é", "b", "c"]))
    return vars(model)


def trials(path: Path) -> object:
    found = read_trials(path)
    assert len(found.left) == len(found.right) == len(found.targets) == len(found.lines) > 1
    return found.left, found.right, found.targets.tolist()


def calibration(path: Path) -> object:
    found = Calibration.load(path)
    assert math.isfinite(found.slope) and math.isfinite(found.offset)
    return vars(found)


LISTS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "rttm": ("x.rttm", der, RTTM),
    "uem": ("x.uem", read_uem, "a 1 0 0.5\na 1 0.75 1\nb 1 0.25 1.0\n"),
    "trials": ("trials.txt", trials, "1 é b\n0 a c\n1 a d\n0 b c\n"),
    "trials behind": ("trials.txt", trials, "é b tgt\na c imp\na d tgt\nb c imp\n"),
    "nist": ("x.tsv", trials, "modelid\tsegmentid\tside\ttargettype\nm1\tx\ta\ttarget\nm2\tx\ta\tnontarget\n"),
    "arpa": ("x.arpa", arpa, ARPA),
    "tsv": ("x.tsv", imported("table"), 'path\ttext\tduration\na.wav\t"hé lo\t1\nb.wav\tyou"\t1\n'),
    "csv": ("x.csv", imported("table"), 'path,text,slots\na.wav,"hé, ""lo""","{""a"": ""b""}"\nb.wav,you,\n'),
    "nemo": ("x.json", imported("nemo"), '{"audio_filepath": "a.wav", "offset": 0.25, "duration": 0.5, "text": "hé"}\n'
             '{"audio_filepath": "b.wav", "duration": 1.0, "text": "x"}\n'),
    "slurp": ("train.jsonl", imported("slurp"), json.dumps(SENTENCE) + "\n"),
    "asvspoof": ("x.train.txt", imported("asvspoof"), "s1 a - - bonafide\ns2 b - A01 spoof\n"),
    "references": ("x.rttm", imported("rttm"), RTTM),
    "segments": ("segments", imported("kaldi"), "u1 a 0 0.5\nu2 a 0.5 1.0 0\nu3 b 0.25 -1\n"),
    "scp": ("wav.scp", imported("kaldi"), "a a.wav\nb b.wav\n"),
    "calibration": ("x.json", calibration, '{"slope": 1.5, "offset": -0.5,\n "measures": {"é": 2.0}, "prior": 0.5}\n'),
    "shape": ("x.yaml", read_shape, "é: [2, 3]\nb: 4\n"),
    "plan": ("x.json", lambda path: vars(Plan.load(path)), json.dumps(PLAN, indent=1) + "\n"),
}  # fmt: skip

NEUTRAL: dict[str, Callable[[str, random.Random], bytes]] = {
    "BOM": lambda s, r: s.encode("utf-8-sig"),
    "UTF-16": lambda s, r: s.encode("utf-16"),
    "CRLF": lambda s, r: s.replace("\n", "\r\n").encode(),
    "CR": lambda s, r: s.replace("\n", "\r").encode(),
    "no last end": lambda s, r: s.rstrip("\n").encode(),
    "empty lines": lambda s, r: (s + "\n" * r.randint(1, 9)).encode(),
    "blanks": lambda s, r: s.replace("\n", " " * r.randint(1, 9) + "\n").encode(),
    "gzip": lambda s, r: gzip.compress(s.encode(), r.randint(1, 9)),
    "gzip of CRLF and BOM": lambda s, r: gzip.compress(s.replace("\n", "\r\n").encode("utf-8-sig")),
}
"""Changes that say nothing."""

NUMBERS = ["nan", "inf", "-inf", "1e300", "1e12", "-1", "0", "1e-300", "1e9999", "9" * 400, "0x10", "1_0", "٣", "1e9"]
WORDS = [
    "",
    "-",
    "<NA>",
    '"',
    "é" * 500,
    "../../x",
    "a b",
    "{",
    "]",
    "\\",
    "|",
    "\u2028",
    "null",
    "1",
    "target",
    "\x1b[31m",
]


def lines_of(s: str, r: random.Random) -> bytes:
    """Lines doubled, left out, swapped, put together."""
    lines = s.splitlines(True)
    for _ in range(r.randint(1, 3)):
        a, b = r.randrange(len(lines)), r.randrange(len(lines))
        match r.randrange(4):
            case 0:
                lines.insert(a, lines[b])
            case 1 if len(lines) > 1:
                del lines[a]
            case 2:
                lines[a], lines[b] = lines[b], lines[a]
            case _:
                lines[a] = lines[a].rstrip("\n") + r.choice([" ", "\t", ""])
    return "".join(lines).encode()


def words_of(s: str, r: random.Random) -> bytes:
    """A word that is another, left out, doubled or swapped; a number that is none, or too large."""
    lines = s.splitlines(True)
    for _ in range(r.randint(1, 2)):
        place = r.randrange(len(lines))
        separator = next((each for each in "\t, " if each in lines[place]), " ")
        words = lines[place].rstrip("\n").split(separator)
        a, b = r.randrange(len(words)), r.randrange(len(words))
        match r.randrange(5):
            case 0:
                words[a] = r.choice(NUMBERS)
            case 1:
                words[a] = r.choice(WORDS)
            case 2:
                del words[a]
            case 3:
                words.insert(a, words[b])
            case _:
                words[a], words[b] = words[b], words[a]
        lines[place] = separator.join(words) + "\n"
    return "".join(lines).encode("utf-8", "surrogatepass")


def digits_of(s: str, r: random.Random) -> bytes:
    """A digit that becomes a number of another size or kind."""
    places = [k for k, letter in enumerate(s) if letter.isdigit()] or [0]
    place = r.choice(places)
    return (s[:place] + r.choice(NUMBERS) + s[place + 1 :]).encode()


def bytes_of(s: str, r: random.Random) -> bytes:
    """Bytes flipped, cut off, put in; NULs; packed and then so."""
    content = bytearray(s.encode())
    packed = r.random() < 0.3
    content = bytearray(gzip.compress(bytes(content))) if packed else content
    match r.randrange(4):
        case 0:
            del content[r.randrange(len(content)) :]
        case 1:
            content[r.randrange(len(content))] ^= 1 << r.randrange(8)
        case 2:
            content[r.randrange(len(content)) :][:0] = r.choice([b"\0", b"\xff", b"\xe9", b"\xed\xa0\x80", b"\x1f\x8b"])
            place = r.randrange(len(content))
            content[place:place] = r.choice([b"\0", b"\xff", b"\xe9", b"\xed\xa0\x80", b"\x1f\x8b"])
        case _:
            content += bytes(content) if packed else r.randbytes(8)
    return bytes(content)


def bombs_of(s: str, r: random.Random) -> bytes:
    """A few kilobytes that become very many."""
    line = s.splitlines(True)[r.randrange(s.count("\n"))].encode()
    parts = [s.encode(), *[line * (2**20 // len(line))] * 32] if r.random() < 0.5 else [b"x" * 2**25, s.encode()]
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([*map(packer.compress, parts), packer.flush()])


CHANGES = [lines_of, words_of, words_of, digits_of, digits_of, bytes_of, bytes_of]


@contextmanager
def within_bounds():
    def late(*_: object) -> None:
        raise TimeoutError(f"more than {SECONDS} s")

    # Of the processor's time: a machine with much else to do is no fault of the reader's.
    before = signal.signal(signal.SIGPROF, late)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < MEMORY


@pytest.fixture
def folder(tmp_path):
    """Two recordings of a second, and what a Kaldi directory needs beside."""
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", np.sin(np.arange(16_000) / 9), 16_000)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTS)
def test_lists_with_something_wrong(name, folder):
    file, read, content = LISTS[name]
    if name == "segments":
        (folder / "wav.scp").write_text(LISTS["scp"][2])
    r = random.Random(f"lists {name}")
    (folder / file).write_text(content)
    right = read(folder / file)
    assert right
    for change, mutate in NEUTRAL.items():
        (folder / file).write_bytes(mutate(content, r))
        assert read(folder / file) == right, change
    refused = 0
    for number in range(EACH):
        mutated = bombs_of(content, r) if number % 30 == 29 else r.choice(CHANGES)(content, r)
        (folder / file).write_bytes(mutated)
        try:
            with within_bounds():
                read(folder / file)
        except SottovoceError as error:
            refused += 1
            told = str(error).splitlines()
            assert told and all(line.startswith("  ") for line in told[1:]) and len(told) <= 22, (mutated[:400], told)
        except Exception as error:
            raise AssertionError(f"{number}: {type(error).__name__}: {error}: {mutated[:400]!r}") from error
    assert refused > EACH // 10
