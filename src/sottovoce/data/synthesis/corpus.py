"""Synthetic corpora of invented speakers, for demonstrations and tests.

corpus/
  audio/{train,dev,test}/...
  train.jsonl.gz  dev.jsonl.gz  test.jsonl.gz     Lhotse cuts; paths are relative to this folder, which can be moved
  trials.txt, test.rttm, ...                      further files of the task
  corpus.json                                     the options of the synthesis
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ...errors import DataError
from ...files import unwritable, write_json
from ...locks import new_folder
from ...options import check_options
from ...plugins import Registry
from ..corpora.cuts import require_lhotse
from .base import Synthesis
from .diarization import DiarizationSynthesis
from .intent import IntentSynthesis
from .recognition import RecognitionSynthesis
from .spoofing import SpoofingSynthesis
from .verification import TRIAL_FILES, VerificationSynthesis

_OWN: dict[str, type[Synthesis]] = {
    "diarization": DiarizationSynthesis,
    "intent": IntentSynthesis,
    "recognition": RecognitionSynthesis,
    "spoofing": SpoofingSynthesis,
    "verification": VerificationSynthesis,
}

SYNTHESES: Registry[type[Synthesis]] = Registry("synthetic corpus", "sottovoce.syntheses", _OWN)
"""Synthetic corpora by the task that ``synthesize(task=...)``, recipes and ``sottovoce data synthesize`` name."""

Progress = Callable[[int, int], None]
"""``progress(done, total)``, in audio files."""

_SETTINGS = "corpus.json"


@dataclass(frozen=True)
class SyntheticCorpus:
    """The files of a synthetic corpus."""

    folder: Path

    def cuts(self, split: str) -> Path:
        """The manifest of a split."""
        return self.folder / f"{split}.jsonl.gz"

    @property
    def train(self) -> Path:
        """Manifest of the cuts for training."""
        return self.cuts("train")

    @property
    def dev(self) -> Path:
        """Manifest of the cuts for development, whose speakers are in no other split."""
        return self.cuts("dev")

    @property
    def test(self) -> Path:
        """Manifest of the cuts for tests, whose speakers are in no other split."""
        return self.cuts("test")

    @property
    def trials(self) -> Path:
        """The trials over the test cuts, in a corpus for verification."""
        return self.folder / TRIAL_FILES["test"]

    def parts(self) -> list[Path]:
        """The manifests and all files beside them: trials, RTTM, UEM."""
        manifests = [path for path in (self.train, self.dev, self.test) if path.is_file()]
        others = [path for path in self.folder.iterdir() if path.is_file() and path.name != _SETTINGS]
        return manifests + sorted(set(others) - set(manifests))


def synthesis_of(task: str, options: Mapping[str, object], *, spelling: Callable[[str], str] = str) -> Synthesis:
    """The checked options of a corpus for a task; see `check_options`.

    Raises:
        PluginError: there is no synthetic corpus for this task.
        DataError: an option is unknown, or a value is not allowed.
    """
    return check_options(SYNTHESES.find(task), options, f"synthesize {task}", spelling=spelling)


def synthesize(
    out: str | Path, *, task: str = "verification", progress: Progress | None = None, **options: object
) -> SyntheticCorpus:
    """Make the synthetic corpus of a task, or reuse it if it exists.

    The same arguments give the same corpus. The folder ``out`` appears only when the corpus is complete. A folder that
    already holds the corpus of these arguments is left unchanged. If several processes call this at once, one makes the
    corpus and the others wait.

    Args:
        out: the folder; it must not exist, be empty, or hold this corpus.
        task: a key of `SYNTHESES`.
        progress: called as ``progress(done, total)`` after each audio file.
        options: attributes of the task's subclass of `Synthesis`.

    Raises:
        DataError: as `synthesis_of`; ``out`` holds something else or cannot be written; espeak-ng or Lhotse is missing.
    """
    out = Path(out)
    synthesis = synthesis_of(task, options)
    settings = {"format": synthesis.FORMAT, "task": task, **synthesis.model_dump(mode="json")}
    if _is_made(out, settings):
        return SyntheticCorpus(out)
    require_lhotse()
    total, done = synthesis.total(), 0

    def file_done() -> None:
        nonlocal done
        done += 1
        if progress is not None:
            progress(done, total)

    with unwritable(out), new_folder(out) as work:
        if not _is_made(out, settings):  # another process has made it meanwhile
            synthesis.write(work, file_done)
            write_json(work / _SETTINGS, settings)
    return SyntheticCorpus(out)


def _is_made(out: Path, settings: dict[str, object]) -> bool:
    """Whether the corpus exists already; anything else in its folder is an error."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        found = json.loads((out / _SETTINGS).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{out}: exists and is no synthetic corpus; choose another folder") from error
    if found != settings:
        differing = ", ".join(
            f"{key} {found.get(key)} -> {settings.get(key)}"
            for key in {**settings, **found}
            if found.get(key) != settings.get(key)
        )
        raise DataError(f"{out}: holds a corpus of other options ({differing}); choose another folder or remove it")
    return True
