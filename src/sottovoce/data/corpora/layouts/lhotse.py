"""Lhotse's own layouts: a CutSet (``.jsonl`` or ``.jsonl.gz``), and a Shar directory (cuts beside tars of audio)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ....errors import DataError
from ..cuts import resolve_audio_paths
from ..shar import SHAR, index_shard
from .listing import read_json_lines
from .rows import CorpusRow

if TYPE_CHECKING:
    from lhotse.cut import Cut


def lhotse_layout(source: Path, faults: list[str]) -> list[CorpusRow]:
    """One row for each cut, which contains the cut unchanged. The audio of a Shar directory stays in its tars.

    Args:
        source: the CutSet, or the Shar directory.
    """
    if source.is_dir():
        return _shar(source, faults)
    found = [(where, resolve_audio_paths(cut, source.parent)) for where, cut in _cuts(source, faults)]
    return [CorpusRow(cut.id, _file_of(cut) or source, where, cut=cut) for where, cut in found]


def _cuts(path: Path, faults: list[str]) -> list[tuple[str, Cut]]:
    from lhotse.serialization import deserialize_item

    found = []
    for where, item in read_json_lines(path, faults):
        try:
            cut = deserialize_item(item)
            if is_cut := type(cut).__name__.endswith("Cut"):
                cut.duration, cut.supervisions  # noqa: B018  (computed for some types of cuts, so that damage shows here)
        except Exception as error:  # the classes of Lhotse raise errors of many types on fields that they do not expect
            faults.append(f"{where}: no cut of Lhotse ({type(error).__name__}: {error})")
            continue
        if is_cut and isinstance(cut.id, str):
            found.append((where, cut))
        else:
            faults.append(f"{where}: a {type(cut).__name__}, not a cut")
    return found


def _file_of(cut: Cut) -> Path | None:
    recording = getattr(cut, "recording", None)
    return Path(recording.sources[0].source) if recording is not None and recording.sources else None


def _shar(source: Path, faults: list[str]) -> list[CorpusRow]:
    from lhotse.audio import AudioSource

    lists = sorted(path for path in source.glob("cuts.*") if ".jsonl" in path.name)
    if not lists:
        faults.append(f"{source}: no Shar directory: no cuts.000000.jsonl.gz in it")
    rows = []
    for path in lists:
        tar = source / f"recording.{path.name.split('.')[1]}.tar"
        try:
            members, recordings = index_shard(tar)
        except DataError as error:
            faults.append(str(error))
            continue
        for where, cut in _cuts(path, faults):
            if cut.id not in members or cut.id not in recordings:
                faults.append(f"{where}: {cut.id} has no audio in {tar.name}")
            elif type(cut).__name__ != "MonoCut":
                faults.append(f"{where}: {cut.id} is a {type(cut).__name__}; Shar is read where it holds MonoCuts")
            else:
                cut.recording = recordings[cut.id]
                channels = cut.recording.channel_ids or [0]
                cut.recording.sources = [AudioSource(SHAR, list(channels), str(members[cut.id]))]
                rows.append(CorpusRow(cut.id, tar, where, cut=cut))
    return rows
