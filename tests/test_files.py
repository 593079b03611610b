"""Files that are whole or not there; and what is no file stays what it is."""

import os
import stat
import threading

import pytest
import torch
from safetensors.torch import load_file

from sottovoce.errors import DataError
from sottovoce.files import check_writable, unwritable, whole_directory, whole_file, write_tensors, write_text


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_is_written_to_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    heard = []
    reader = threading.Thread(target=lambda: heard.append(pipe.read_text()))
    reader.start()
    write_text(check_writable(pipe), "result\n")
    reader.join()
    assert heard == ["result\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert [each.name for each in tmp_path.iterdir()] == ["pipe"]


def test_what_a_link_leads_to_is_written_and_the_link_stays(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_text(tmp_path / "link", "first\n")
    write_text(tmp_path / "link", "second\n")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "file").read_text() == "second\n"


def test_after_an_error_the_file_is_as_before(tmp_path):
    path = tmp_path / "file"
    write_text(path, "before\n")
    with pytest.raises(KeyError), whole_file(path) as partial:
        partial.write_text("half")
        raise KeyError
    assert path.read_text() == "before\n" and [each.name for each in tmp_path.iterdir()] == ["file"]


def test_after_an_error_the_folder_is_as_before(tmp_path):
    path = tmp_path / "folder"
    with whole_directory(path) as partial:
        (partial / "a").write_text("before")
    with pytest.raises(KeyError), whole_directory(path) as partial:
        (partial / "b").write_text("half")
        raise KeyError
    assert [each.name for each in tmp_path.iterdir()] == ["folder"]
    assert [each.read_text() for each in path.iterdir()] == ["before"]
    with whole_directory(path) as partial:
        (partial / "b").write_text("after")
    assert [each.name for each in path.iterdir()] == ["b"]


def test_others_may_read_tensors_as_any_other_file(tmp_path):
    (tmp_path / "plain").touch()
    strided = torch.arange(6.0).view(2, 3).t()
    write_tensors(tmp_path / "new/x.safetensors", {"x": strided})
    assert torch.equal(load_file(tmp_path / "new/x.safetensors")["x"], strided)
    assert (tmp_path / "new/x.safetensors").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    path = tmp_path / "file/below.txt"
    with (
        pytest.raises(DataError, match=r"below.txt: cannot be written \(Not a directory|File exists"),
        unwritable(path),
    ):
        write_text(path, "x")
