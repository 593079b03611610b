"""Containers that libsndfile does not read (m4a, mp4, webm, wma, aac, ...), decoded by ffmpeg where it is installed."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path
from typing import BinaryIO

from ...errors import AudioError
from .spool import copy_stream

LONGEST = 3_600.0
"""Time limit of ffmpeg for one file, in seconds; it decodes more than a hundred times faster than real time."""

_FIRST_BYTES: dict[str, tuple[tuple[int, bytes], ...]] = {
    "MP4 (m4a, mp4, mov, 3gp)": ((4, b"ftyp"), (4, b"moov"), (4, b"mdat"), (4, b"wide")),
    "Matroska (webm, mka, mkv)": ((0, b"\x1a\x45\xdf\xa3"),),
    "ASF (wma, wmv)": ((0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),),
    "AAC": ((0, b"\xff\xf1"), (0, b"\xff\xf0"), (0, b"\xff\xf8"), (0, b"\xff\xf9"), (0, b"ADIF")),
    "AMR": ((0, b"#!AMR"),),
    "AC-3": ((0, b"\x0b\x77"),),
    "WavPack": ((0, b"wvpk"),),
    "Monkey's Audio": ((0, b"MAC "),),
    "True Audio": ((0, b"TTA1"),),
    "Flash video": ((0, b"FLV\x01"),),
    "AVI": ((8, b"AVI "),),
    "MPEG program stream": ((0, b"\x00\x00\x01\xba"),),
}
"""How files of each container begin: ``(position, bytes)``."""

_DEMUXERS = "mov,matroska,webm,asf,aac,amr,ac3,eac3,wv,ape,tta,flv,avi,mpeg"
"""The demuxers that ffmpeg may use. Playlists are not among them, as they could name other files and hosts."""


def container_of(first: bytes) -> str | None:
    """The name of the container, if only ffmpeg reads it; otherwise ``None``.

    Args:
        first: the first 16 bytes of a file.
    """
    for name, beginnings in _FIRST_BYTES.items():
        if any(first[place : place + len(magic)] == magic for place, magic in beginnings):
            return name
    return None


def decode_to_wav(path: Path, into: BinaryIO, name: str, container: str) -> None:
    """Write the one audio track of a file as WAV, at its own rate and with all of its channels.

    Args:
        path: the file.
        into: the file that the WAV is written into.
        name: the file's name in error messages.
        container: its container, as `container_of` gives it.

    Raises:
        AudioError: ffmpeg is not installed, reports an error, or takes longer than `LONGEST`.
    """
    program = shutil.which("ffmpeg")
    if program is None:
        raise AudioError(
            f"{name}: is {container}, which only ffmpeg reads, and ffmpeg is not installed; install it, or convert the"
            " file elsewhere with 'ffmpeg -i IN -ar 16000 OUT.wav'"
        )
    command = [program, "-nostdin", "-hide_banner", "-v", "error", "-xerror", "-protocol_whitelist", "file,pipe"]
    command += ["-format_whitelist", _DEMUXERS, "-i", f"file:{os.fspath(path)}", "-map", "0:a", "-vn", "-sn", "-dn"]
    command += ["-c:a", "pcm_s16le", "-f", "wav", "pipe:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        timed_out = threading.Event()
        messages: list[bytes] = []
        assert process.stdout is not None and process.stderr is not None
        errors = threading.Thread(target=lambda: messages.append(process.stderr.read()))  # type: ignore[union-attr]

        def stop() -> None:
            timed_out.set()
            process.kill()

        timer = threading.Timer(LONGEST, stop)
        errors.start()
        timer.start()
        try:
            copy_stream(process.stdout, into, name)  # type: ignore[arg-type]
            process.wait()
        finally:
            timer.cancel()
            process.kill()
            errors.join()
    lines = b"".join(messages).decode(errors="replace").strip().splitlines()
    if timed_out.is_set():
        raise AudioError(f"{name}: ffmpeg was not done after {LONGEST:.0f} s; convert the file by hand")
    if process.returncode or lines:
        reason = _reason(lines) or f"it ended with {process.returncode}"
        raise AudioError(f"{name}: is {container}, and ffmpeg cannot decode all of it ({reason}); make the file again")


def _reason(lines: list[str]) -> str:
    """The first error message of ffmpeg, without the name and address of the ffmpeg module."""
    if any("exactly one stream" in line or "only one" in line for line in lines):
        return "it has several audio tracks; extract one with 'ffmpeg -i IN -map 0:a:0 OUT.wav'"
    if any("matches no streams" in line for line in lines):
        return "it has no audio track"
    return lines[0].rpartition("] ")[2].rstrip(".") if lines else ""
