"""The picture of a diarization."""

import errno
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from sottovoce.data.corpora.rttm import Turn
from sottovoce.errors import DataError
from sottovoce.report.pictures.speaker_timeline import draw_timeline


def test_rows_are_speakers_and_long_recordings_are_folded(tmp_path):
    turns = [Turn(0.0, 30.0, "anna"), Turn(590.0, 620.0, "ben"), Turn(1000.0, 1100.0, "anna")]
    text = draw_timeline(turns, 1500.0, tmp_path / "x.svg", title="meeting").read_text()
    assert text.count('id="axes_') == 3  # ten minutes each
    assert text.count("<!-- anna -->") == text.count("<!-- ben -->") == 3
    assert "<!-- meeting -->" in text and "<!-- 20:00 -->" in text
    assert "<!-- 13:00 -->" in text and "<!-- 13:20 -->" not in text  # whole minutes


def test_nobody_speaks(tmp_path):
    assert draw_timeline([], 5.0, tmp_path / "x.png").stat().st_size > 1000


def test_a_picture_is_whole_or_what_was_there(tmp_path, monkeypatch):
    """Whatever happens while it is drawn: here the disk is full after the first bytes."""
    draw_timeline([], 5.0, tmp_path / "x.png")
    before = (tmp_path / "x.png").read_bytes()

    def full(figure, path, **options):
        Path(path).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", full)
    with pytest.raises(DataError, match="x.png: cannot be written .No space left"):
        draw_timeline([Turn(0.0, 3.0, "anna")], 5.0, tmp_path / "x.png")
    assert [each.name for each in tmp_path.iterdir()] == ["x.png"]
    assert (tmp_path / "x.png").read_bytes() == before


def test_other_files_are_refused(tmp_path):
    with pytest.raises(DataError, match="pictures are written as .png, .svg or .pdf"):
        draw_timeline([], 5.0, tmp_path / "x.txt")
