"""Protocols of ASVspoof 2019, 2021 and 5. Columns are separated by blanks, also in the ``.tsv`` of ASVspoof 5.

    2019, 2021 train/dev   LA_0079 LA_T_1138215 - - bonafide
    2021 LA keys           LA_0009 LA_E_9332881 alaw ita_tx A07 spoof notrim eval
    2021 DF keys           LA_0023 DF_E_2000011 nocodec asvspoof A14 spoof notrim progress traditional_vocoder - - - -
    5                      T_4850 T_0000000000 F - - - AC3 A05 spoof -
    5, challenge time      T_4850 T_0000000000 F - A05 spoof

The protocol is recognized by the number of columns, which is the same in the whole file.
"""

from __future__ import annotations

import re
from pathlib import Path

from .listing import AudioIndex, read_lines
from .rows import CorpusRow

COLUMNS = {
    5: "speaker file environment attack label",
    6: "speaker file gender codec attack label",
    8: "speaker file codec transmission attack label trim subset",
    10: "speaker file gender codec codec_q codec_seed attack_tag attack label tmp",
    13: "speaker file codec source attack label trim subset vocoder task team subset_gender language",
}
"""Number of columns -> names of the columns."""

_NOT_KEPT = {"file", "speaker", "gender", "subset", "tmp"}
_SPLIT = re.compile(r"(?:^|[._])(train|trn|dev|eval)(?=[._]|$)")


def asvspoof_layout(source: Path, faults: list[str], *, audio: Path | None = None) -> list[CorpusRow]:
    """One row for each file, with ``label`` (bonafide or spoof), ``attack``, ``codec`` and the other fields of the protocol.

    The split is the ``subset`` of the 2021 keys (progress, eval, hidden; papers report ``eval``). In the other protocols
    it is taken from the name of the file.

    Args:
        source: the protocol, such as ``ASVspoof2019.LA.cm.train.trn.txt``, ``trial_metadata.txt``, ``ASVspoof5.train.tsv``.
        audio: folder that contains ``<file>.flac`` at any depth; default: the folder of the protocol.
    """
    index = AudioIndex(audio or source.parent)
    named = _SPLIT.search(source.name)
    split = named[1].replace("trn", "train") if named else "all"
    rows: list[CorpusRow] = []
    columns: list[str] = []
    for where, fields in read_lines(source, faults):
        if not columns:
            if len(fields) not in COLUMNS:
                hint = "; a list without keys: take trial_metadata.txt" if len(fields) == 1 else ""
                faults.append(f"{where}: {len(fields)} columns; protocols have {', '.join(map(str, COLUMNS))}{hint}")
                return []
            columns = COLUMNS[len(fields)].split()
        if len(fields) != len(columns):
            faults.append(f"{where}: {len(fields)} columns, the lines before have {len(columns)}")
            continue
        values = dict(zip(columns, fields, strict=True))
        if values["label"] not in ("bonafide", "spoof"):
            place = columns.index("label") + 1
            faults.append(f"{where}: the key (column {place}) is {values['label'][:40]!r}, not bonafide or spoof")
            continue
        try:
            path = index.find(values["file"])
        except LookupError as error:
            faults.append(f"{where}: {error}")
            continue
        rows.append(
            CorpusRow(
                name=values["file"],
                path=path,
                where=where,
                split=values.get("subset", split),
                speaker=values["speaker"],
                gender={"F": "f", "M": "m"}.get(values.get("gender", "")),
                custom={name: value for name, value in values.items() if name not in _NOT_KEPT and value != "-"},
            )
        )
    return rows
