"""A dataset of Hugging Face's ``datasets``: one that was saved with ``save_to_disk``, or Parquet files.

The encoded bytes of the audio are read and decoded by soundfile, because decoding inside ``datasets`` needs torchcodec,
which is not built for every torch.
"""

from __future__ import annotations

import importlib.util
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ....errors import AudioError, DataError
from ...audio.file_search import find_files
from .listing import resolve_path
from .rows import CorpusRow

_FIELDS = ("name", "speaker", "text", "gender", "duration")


def huggingface_layout(source: Path, faults: list[str], *, columns: Mapping[str, str] | None = None) -> list[CorpusRow]:
    """One row for each example. Audio inside the dataset is written to files beside the cuts.

    Args:
        source: the saved dataset, a folder of ``<split>-00000-of-00002.parquet``, or one such file.
        columns: name of a field (``audio``, ``name``, ``speaker``, ``text``, ``gender``, ``label`` ...) -> name of its
            column in the dataset. By default the column of audio is found by its type.

    Raises:
        DataError: ``datasets`` is not installed.
    """
    if importlib.util.find_spec("datasets") is None:
        raise DataError("datasets of Hugging Face are read with datasets, which is not installed; "
                        "run: pip install datasets")  # fmt: skip
    try:
        splits = _open(source)
    except Exception as error:  # pyarrow, fsspec and datasets have errors of their own
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        faults.append(f"{source}: neither a saved dataset nor Parquet ({reason})")
        return []
    if not splits:
        faults.append(f"{source}: neither a saved dataset nor Parquet files in it")
    return [row for split, dataset in splits.items() for row in _rows(source, split, dataset, columns or {}, faults)]


def _open(source: Path) -> dict[str, Any]:
    """Split -> dataset."""
    from datasets import Dataset, DatasetDict, disable_progress_bars, load_from_disk

    disable_progress_bars()
    if (source / "state.json").is_file() or (source / "dataset_dict.json").is_file():
        loaded = load_from_disk(str(source))
        return dict(loaded) if isinstance(loaded, DatasetDict) else {"all": loaded}
    files: dict[str, list[str]] = {}
    for path in [source] if source.is_file() else find_files(source, {".parquet"}).files:
        named = re.match(r"(.+)-\d{5}-of-\d{5}$", path.stem)
        files.setdefault(named[1] if named else "all", []).append(str(path))
    found = {}
    for split, paths in files.items():
        # `datasets` rewrites Parquet as Arrow; that copy is removed together with the dataset.
        cache = tempfile.TemporaryDirectory(prefix="sottovoce-")
        found[split] = Dataset.from_parquet(paths, cache_dir=cache.name)
        found[split].sottovoce_cache = cache
    return found


def _rows(source: Path, split: str, dataset: Any, columns: Mapping[str, str], faults: list[str]) -> Iterator[CorpusRow]:
    from datasets import Audio

    names = list(dataset.column_names)
    missing = [name for name in columns.values() if name not in names]
    found = [name for name, kind in dataset.features.items() if isinstance(kind, Audio)]
    if missing:
        faults.append(f"{source} {split}: no column {missing[0]!r} among {names}")
    elif "audio" not in columns and len(found) != 1:
        faults.append(f"{source} {split}: {len(found)} audio columns among {names}; map one with --columns audio=...")
    if missing or ("audio" not in columns and len(found) != 1):
        return
    audio = columns.get("audio") or found[0]
    try:
        dataset = dataset.cast_column(audio, Audio(decode=False))
    except (TypeError, ValueError, NotImplementedError) as error:
        # The casts of `datasets` raise different errors, by the type of the column.
        faults.append(f"{source} {split}: the column {audio!r} holds no audio ({str(error).splitlines()[0]})")
        return
    our_names = {theirs: ours for ours, theirs in columns.items()}
    classes = {name: kind.names for name, kind in dataset.features.items() if hasattr(kind, "int2str")}
    for number, item in enumerate(dataset):
        where = f"{source} {split} row {number}"
        stored = item.pop(audio)
        values = {our_names.get(key, key): classes[key][value] if key in classes and isinstance(value, int) and value >= 0
                else value for key, value in item.items() if value is not None}  # fmt: skip
        path = stored.get("path") if stored else None
        if not stored or (stored.get("bytes") is None and not path):
            faults.append(f"{where}: no audio")
            continue
        if isinstance(values.get("text"), str) and not values["text"].strip():
            faults.append(f"{where}: the transcript is empty")
        inside = stored.get("bytes") is not None
        yield CorpusRow(
            name=str(values.get("name", f"{split}-{number:06d}")),
            path=source if inside else resolve_path(source if source.is_dir() else source.parent, str(path)),
            where=where,
            split=split,
            speaker=_text(values.get("speaker")),
            text=_text(values.get("text")),
            gender=_text(values.get("gender")),
            duration=values["duration"] if isinstance(values.get("duration"), int | float) else None,
            custom={key: _plain(value) for key, value in values.items() if key not in _FIELDS},
            content=_ExampleAudio(dataset, number, audio) if inside else None,
        )


class _ExampleAudio:
    """Reads the bytes of one example's audio when it is called."""

    def __init__(self, dataset: Any, number: int, column: str) -> None:
        self.dataset, self.number, self.column = dataset, number, column

    def __call__(self) -> bytes:
        stored = self.dataset[self.number][self.column]["bytes"]
        if not isinstance(stored, bytes):
            raise AudioError("no audio")
        return stored


def _text(value: object) -> str | None:
    return None if value is None or value == "" else str(value)


def _plain(value: Any) -> Any:
    """The value in a form that JSON can hold; other types, such as dates, become text."""
    return json.loads(json.dumps(value, default=str))
