"""What every room needs exists once, on the ground floor: each pattern is found in these files and in no others."""

import re

import pytest

from own_modules import SRC


@pytest.mark.parametrize(
    ("pattern", "files"),
    [
        (r"\bdifflib\b", {"text/suggestions.py"}),
        (r"\bos\.replace\(|\.replace\(path\)|\"\.partial\"", {"files.py"}),
        (r"arange\([^\n]*\) < \w*lengths", {"encoder/layers/frame_masks.py"}),
        (r"^SAMPLE_RATE\b.*=|^(Seconds|Milliseconds|Macs|Params)\b.*=", {"quantities.py"}),
        (r"\bFileLock\(", {"locks.py"}),
    ],
)
def test_each_idea_has_one_place(pattern, files):
    found = {
        path.relative_to(SRC / "sottovoce").as_posix()
        for path in (SRC / "sottovoce").rglob("*.py")
        if re.search(pattern, path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert found == files
