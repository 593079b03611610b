"""A layout of corpora: a ledger with one line an utterance, ``file / speaker / accent``."""

from pathlib import Path

from sottovoce.data.corpora.layouts.rows import CorpusRow


def ledger_layout(source: Path, faults: list[str], *, separator: str = "/") -> list[CorpusRow]:
    """One row for each line.

    Args:
        source: the ledger.
        faults: takes a line that is not of three parts.
        separator: between the parts of a line.
    """
    rows = []
    for number, line in enumerate(source.read_text(encoding="utf-8").splitlines(), 1):
        parts = [part.strip() for part in line.split(separator)]
        if len(parts) != 3:
            faults.append(
                f"{source} line {number}: {len(parts)} parts; a line is: file {separator} speaker {separator} accent"
            )
            continue
        name, speaker, accent = parts
        rows.append(
            CorpusRow(
                name=name,
                path=source.parent / name,
                where=f"{source} line {number}",
                split=name.partition("-")[0],
                speaker=speaker,
                custom={"accent": accent},
            )
        )
    return rows
