"""A layout that another package adds by an entry point, in a process of its own: in the help, in an import, in a recipe."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sottovoce.data.corpora.cuts import read_cuts

LAYOUT = '''
from pathlib import Path

from sottovoce.data.corpora.layouts import CorpusRow


def lines_layout(source: Path, faults: list[str], *, speaker: str = "nobody", most: int = 100) -> list[CorpusRow]:
    """One row for each line, which is the path of a file."""
    paths = [source.parent / line for line in source.read_text().splitlines()]
    return [CorpusRow(path.name, path, f"{source} line {k}", speaker=speaker) for k, path in enumerate(paths[:most], 1)]
'''


@pytest.fixture
def run(tmp_path, audio):
    """Runs Python with a distribution on its path that declares the layout ``lines``."""
    package = tmp_path / "site"
    info = package / "lines_for_sottovoce-1.0.dist-info"
    info.mkdir(parents=True)
    (package / "lines_for_sottovoce.py").write_text(LAYOUT)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lines-for-sottovoce\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[sottovoce.layouts]\nlines = lines_for_sottovoce:lines_layout\n")
    for name in ("a.wav", "b.wav"):
        audio(name, 1.0)
    (tmp_path / "list.txt").write_text("a.wav\nb.wav\n")
    source = Path(__file__).parents[4] / "src"
    environment = {**os.environ, "PYTHONPATH": f"{package}{os.pathsep}{source}", "COLUMNS": "200"}

    def run(*arguments):
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)

    return run


@pytest.mark.slow
def test_command(run, tmp_path):
    done = run("-m", "sottovoce", "data", "import", "--help")
    assert "lines" in done.stdout.split("Arguments", 1)[1].split("source", 1)[0]
    done = run("-m", "sottovoce", "data", "import", "lines", "list.txt", "-o", "cuts",
               "--set", "speaker=ann", "--set", "most=1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    (cut,) = read_cuts(tmp_path / "cuts/all.jsonl.gz")
    assert (cut.id, cut.supervisions[0].speaker) == ("a.wav", "ann")
    done = run("-m", "sottovoce", "data", "import", "lines", "list.txt", "-o", "other", "--set", "speakr=ann")
    assert done.returncode == 2 and "did you mean '--speaker'?" in done.stderr
    done = run("-m", "sottovoce", "data", "import", "lins", "list.txt", "-o", "other")
    assert done.returncode == 2 and "no layout is called 'lins'; did you mean 'lines'?" in done.stderr


@pytest.mark.slow
def test_recipe(run, tmp_path):
    program = """
from pathlib import Path
from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.recipe.corpus_options import ImportOptions
good = ImportOptions(path="list.txt", layout="lines", speaker="ann")
assert good.options == {"speaker": "ann", "most": 100} and not list(good.problems()), list(good.problems())
(problem,) = ImportOptions(path="list.txt", layout="lines", speakr="ann").problems()
assert "did you mean 'speaker'" in problem, problem
print(good.prepare(Path("run"), None, read_cuts).splits["all"])
"""
    done = run("-c", program)
    assert done.returncode == 0, done.stderr
    assert [cut.supervisions[0].speaker for cut in read_cuts(tmp_path / done.stdout.strip())] == ["ann", "ann"]
