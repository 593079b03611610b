"""SLURP: ``train.jsonl``, ``train_synthetic.jsonl``, ``devel.jsonl`` and ``test.jsonl``, and the recordings they name.

Each line is a sentence with all its recordings. The gold intent is ``<scenario>_<action>``; the field ``intent`` is an older,
finer label, which is kept as ``slurp_intent``. Real recordings were made by a headset (their names end in ``-headset``)
and by a distant microphone at the same time; the field ``microphone`` is ``headset`` or ``far``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .listing import AudioIndex, read_json_lines
from .rows import CorpusRow

SPLITS = ("train", "train_synthetic", "devel", "test")


def slurp_layout(source: Path, faults: list[str], *, audio: Path | None = None) -> list[CorpusRow]:
    """One row for each recording: the sentence as ``text``, ``intent``, ``scenario``, ``action``, ``slots`` and ``microphone``.

    Args:
        source: folder with any of the four lists; or one list.
        audio: folder that contains ``slurp_real`` and ``slurp_synth``; default: the folder of the lists.
    """
    folder = source if source.is_dir() else source.parent
    lists = [folder / f"{split}.jsonl" for split in SPLITS] if source.is_dir() else [source]
    found = [path for path in lists if path.is_file()]
    if not found:
        faults.append(f"{source}: none of {', '.join(f'{split}.jsonl' for split in SPLITS)} is there")
    index = AudioIndex(audio or folder)
    return [
        row
        for path in found
        for where, item in read_json_lines(path, faults)
        for row in _rows(item, path.stem, index, where, faults)
    ]


def _rows(item: dict[str, Any], split: str, index: AudioIndex, where: str, faults: list[str]) -> list[CorpusRow]:
    wrong = [key for key in ("sentence", "scenario", "action") if not isinstance(item.get(key), str)]
    wrong += [key for key in ("recordings", "entities", "tokens") if not isinstance(item.get(key, []), list)]
    if wrong:
        faults.append(f"{where}: {', '.join(wrong)} missing or of the wrong kind; is this a SLURP list?")
        return []
    if not item["sentence"].strip():
        faults.append(f"{where}: the sentence is empty")
        return []
    try:
        slots = [_slot(entity, item["tokens"]) for entity in item.get("entities", [])]
        files = [recording["file"] for recording in item["recordings"]]
        statuses = [recording.get("status") for recording in item["recordings"]]
    except (KeyError, IndexError, TypeError, AttributeError) as error:  # valid JSON of another form
        faults.append(f"{where}: an entity or recording is not as in SLURP ({type(error).__name__}: {error})")
        return []
    custom = {
        "intent": f"{item['scenario']}_{item['action']}",
        "scenario": item["scenario"],
        "action": item["action"],
        "slots": slots,
        "slurp_id": item.get("slurp_id"),
        "slurp_intent": item.get("intent"),
    }
    rows = []
    for file, status in zip(files, statuses, strict=True):
        try:
            path = index.find(str(file))
        except LookupError as error:
            faults.append(f"{where}: {error}")
            continue
        fields = {**custom, "status": status, "microphone": _microphone(Path(file).stem, split)}
        kept = {key: value for key, value in fields.items() if value is not None}
        rows.append(CorpusRow(str(file), path, where, split=split, text=item["sentence"], custom=kept))
    return rows


def _microphone(name: str, split: str) -> str | None:
    """``headset`` or ``far`` for a real recording, ``None`` for synthetic speech."""
    if split == "train_synthetic":
        return None
    return "headset" if name.endswith("-headset") else "far"


def _slot(entity: dict[str, Any], tokens: list[dict[str, Any]]) -> dict[str, str]:
    """A slot as in SLURP's own evaluation: the surfaces of the tokens that the entity spans, in lower case."""
    if any(place < 0 for place in entity["span"]):
        raise IndexError(f"span {entity['span']}")
    filler = " ".join(tokens[place]["surface"].lower() for place in entity["span"])
    return {"type": str(entity["type"]), "filler": filler}
