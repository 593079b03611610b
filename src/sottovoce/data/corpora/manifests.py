"""Import of corpora: any layout on disk becomes one checked Lhotse CutSet for each of its splits."""

from __future__ import annotations

import contextlib
import logging
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import DataError
from ...files import unwritable
from ...locks import exclusive_folder
from ...options import check_options
from ..audio.channels import Channel
from ..audio.sources import printable
from .audio_extraction import extract_audio, with_decoded_files
from .cuts import require_lhotse, write_cuts
from .layouts import LAYOUTS, LAYOUTS_OF_CUTS, CorpusRow
from .layouts.options import options_model
from .validation import AudioHeader, cut_from_row, read_headers

if TYPE_CHECKING:
    from lhotse.cut import Cut

_SHOWN = 20
"""Number of faults that the message lists; the attribute ``faults`` of the error has all."""

_log = logging.getLogger(__name__)


class CorpusError(DataError):
    """A corpus has faults.

    Attributes:
        faults: all faults, each with its file and line.
    """

    def __init__(self, source: Path, faults: list[str]) -> None:
        self.faults = faults
        more = f"\n  and {len(faults) - _SHOWN} more" if len(faults) > _SHOWN else ""
        listed = "".join(f"\n  {fault}" for fault in faults[:_SHOWN])
        super().__init__(f"{source}: {len(faults)} fault{'s' * (len(faults) > 1)}, nothing was written:{listed}{more}")


def import_corpus(
    source: str | Path,
    out: str | Path,
    *,
    layout: str = "table",
    skip_faulty: bool = False,
    left_out: list[str] | None = None,
    split: str | None = None,
    channel: Channel | None = None,
    progress: Callable[[int, int], None] | None = None,
    **options: object,
) -> dict[str, Path]:
    """Check a corpus and write ``<out>/<split>.jsonl.gz``.

    Every row is checked before anything is written: the file exists, its header can be read, it is mono (or a
    channel is chosen), complete, long enough for one encoder frame and of the listed duration; stretches and segments lie
    inside it; names are unique.
    The audio stays where it is. Only audio that is not in a file of its own (in an archive, the output of a command) or that
    needs ffmpeg is written to ``<out>/audio/<split>`` as FLAC.

    Args:
        source: the corpus: a folder, or the file that lists it.
        out: folder for the cuts.
        layout: name of the layout, a key of `LAYOUTS`.
        skip_faulty: leave out utterances whose audio is faulty instead of stopping. Faults of the listing itself
            always stop.
        left_out: list to which a line is added for each utterance that is left out; ``None`` logs them.
        split: name of the split, for a corpus that consists of a single split.
        channel: the channel to use of files with several, counted from 0; ``"mix"`` for the mean of all.
        progress: called as ``progress(done, total)`` after each file whose header is read.
        options: options of the layout, see its function.

    Returns:
        The path of each split's CutSet.

    Raises:
        PluginError: no layout has this name.
        DataError: the layout has no such option, ``out`` cannot be written, or a channel was chosen for a corpus that
            itself specifies the channels.
        CorpusError: the corpus has faults (all are listed).
    """
    require_lhotse()
    source, out = Path(source), Path(out)
    reader = LAYOUTS.find(layout)
    settings = dict(check_options(options_model(reader), options, f"the layout {layout}"))
    if channel is not None and layout in LAYOUTS_OF_CUTS:
        raise DataError(
            f"{source}: the cuts of the layout {layout} say which channel they are of; leave the channel out"
        )
    faults: list[str] = []
    faulty: list[str] = []
    rows = reader(source, faults, **settings)
    if channel is not None and (fixed := next(filter(_has_channel, rows), None)) is not None:
        raise DataError(
            f"{fixed.where}: the corpus says itself which channel {fixed.name} is of; leave the channel out"
        )
    if not rows and not faults:
        faults.append(f"{source}: no utterances found")
    rows = _checked_names(rows, split, faults)
    if faults and any(row.content is not None for row in rows):
        raise CorpusError(source, faults)  # early, as decoding may take hours
    with _staged(out) as staging:
        placed = extract_audio(with_decoded_files(rows), staging, faulty)
        headers = read_headers([row.path for row in placed], progress)
        if channel is not None and not any(
            isinstance(each, AudioHeader) and each.channels > 1 for each in headers.values()
        ):
            _log.warning("channel %s chooses nothing: no file of %s has several channels", channel, source)
        splits: dict[str, list[Cut]] = defaultdict(list)
        for row in placed:
            if (cut := cut_from_row(row, headers, faulty, channel=channel, folder=staging)) is not None:
                splits[row.split].append(cut)
        if faults or (faulty and not skip_faulty) or not splits:
            raise CorpusError(source, faults + faulty)
        for name, cuts in splits.items():
            write_cuts(cuts, staging / f"{name}.jsonl.gz")
        _publish(staging, out, list(splits))
    if left_out is not None:
        left_out += faulty
    else:
        for fault in faulty:
            _log.warning("left out: %s", fault)
    _warn_shared_speakers(rows)
    _warn_unscored(rows)
    return {name: out / f"{name}.jsonl.gz" for name in splits}


def _has_channel(row: CorpusRow) -> bool:
    """Whether the corpus itself specifies the channel of a row."""
    return row.channel is not None or row.side is not None or row.cut is not None


def _checked_names(rows: list[CorpusRow], split: str | None, faults: list[str]) -> list[CorpusRow]:
    """The rows, in the split ``split`` if one is given; repeated names and impossible file names are added to the faults."""
    own = sorted({row.split for row in rows})
    if split is not None and len(own) > 1:
        faults.append(f"the corpus has the splits {', '.join(own)} and cannot be one split {split!r}")
    elif split is not None:
        rows = [replace(row, split=split) for row in rows]
    first: dict[str, str] = {}
    for row in rows:
        if row.name in first:
            faults.append(f"{row.where}: {row.name} is listed before, at {first[row.name]}")
        first.setdefault(row.name, row.where)
        try:
            f"{row.name}{row.path}".encode()
        except UnicodeEncodeError:
            faults.append(f"{printable(row.path)}: its name is no UTF-8, as which manifests are written; rename it")
    fit = [row for row in rows if row.split not in ("", ".", "..") and not {"/", "\\", "\0"} & set(row.split)]
    if len(fit) < len(rows):
        fitting = {row.split for row in fit}
        wrong = [row for row in rows if row.split not in fitting]
        faults += [f"{row.where}: the split {row.split!r} cannot be a file name" for row in wrong]
    return fit


@contextlib.contextmanager
def _staged(out: Path) -> Iterator[Path]:
    """A folder inside ``out`` for unfinished files; after an error it is removed, and so is a new ``out``.

    Raises:
        DataError: the folder cannot be written.
    """
    made = [each for each in (out, *out.parents) if not each.exists()]
    try:
        with unwritable(out), exclusive_folder(out / ".import.partial") as staging:
            yield staging
    finally:
        for each in made:
            with contextlib.suppress(OSError):  # the folder is not empty after a success, and stays
                each.rmdir()


def _publish(staging: Path, out: Path, splits: list[str]) -> None:
    """Move the finished files into place, by renaming; manifests last, so that none refers to missing audio."""
    for split in splits:
        if (staging / "audio" / split).is_dir():
            (out / "audio").mkdir(exist_ok=True)
            shutil.rmtree(out / "audio" / split, ignore_errors=True)
            (staging / "audio" / split).replace(out / "audio" / split)
    for split in splits:
        (staging / f"{split}.jsonl.gz").replace(out / f"{split}.jsonl.gz")


def _warn_unscored(rows: list[CorpusRow]) -> None:
    zones = [row for row in rows if row.unscored]
    if zones:
        _log.warning("%d recordings have parts that are not scored (NOSCORE, NON-LEX): evaluation leaves them out, and"
                     " training learns there what the turns say; the first is %s", len(zones), zones[0].name)  # fmt: skip


def _warn_shared_speakers(rows: list[CorpusRow]) -> None:
    splits: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        for speaker in {row.speaker, *(segment.speaker for segment in row.segments or [])} - {None}:
            splits[str(speaker)].add(row.split)
    shared = sorted(speaker for speaker, names in splits.items() if len(names) > 1)
    if shared:
        some = ", ".join(shared[:3])
        _log.warning("speakers in several splits: %d, for example %s", len(shared), some)
