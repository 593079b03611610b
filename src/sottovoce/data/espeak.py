"""Speech from text by espeak-ng, each utterance a function of its request alone.

espeak-ng keeps its state in global variables: what it says depends on everything it said before, and on its random
numbers. So a child process loads the library once, and forks for every utterance: each fork starts from the same state,
with the same random seed, and takes its changes to the grave. A crash of the library is then an error of one request.

The library is GPL; it is only ever loaded here, from the wheel of the optional extra ``demo``, in that child.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import importlib.util
import json
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..encoder.errors import DataError

ESPEAK_RATE = 22_050
"""Samples a second of what espeak-ng returns."""

_SYNCHRONOUS, _NO_EXIT = 2, 0x8000
_RATE, _PITCH, _RANGE = 1, 3, 4
_UTF8 = 1


@dataclass(frozen=True)
class Utterance:
    """One thing to say.

    Attributes:
        text: the words.
        accent: a language of espeak-ng, whose sounds and rhythm are used (``en-us``, ``de``, ...).
        variant: the voice variant: formants, voice quality (``f3``, ``klatt2``, ...).
        pitch: 0..99, 50 is the variant's own.
        range: 0..99, how far the melody moves; 50 is the variant's own.
        rate: words a minute, 80..450.
    """

    text: str
    accent: str = "en-us"
    variant: str = "m3"
    pitch: int = 50
    range: int = 50
    rate: int = 175


def require_espeak() -> Path:
    """The folder of the wheel that carries espeak-ng.

    Raises:
        DataError: it is not installed.
    """
    spec = importlib.util.find_spec("espeakng_loader")
    if spec is None or spec.origin is None:
        raise DataError("synthetic speech needs espeak-ng, which is not installed; run: pip install 'sottovoce[demo]'")
    return Path(spec.origin).parent


def speak(utterances: Sequence[Utterance]) -> Iterator[NDArray[np.float32]]:
    """Say each utterance, in order.

    Returns:
        One waveform ``[S]`` at 22,050 Hz in [-1, 1) for each, as they are made.

    Raises:
        DataError: espeak-ng is not installed, cannot be loaded, or fails on an utterance (an unknown accent or
            variant, nothing to say).
    """
    variants = require_espeak() / "espeak-ng-data" / "voices" / "!v"
    for utterance in utterances:  # espeak-ng itself quietly takes another voice
        if not (variants / utterance.variant).is_file():
            raise DataError(f"espeak-ng: no voice variant {utterance.variant!r} among those of its wheel")
        if not utterance.text.strip():
            raise DataError(f"espeak-ng: nothing to say in {utterance}")
    # The child must find this package even where it is not installed.
    source = str(Path(__file__).resolve().parents[2])
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([source, os.environ.get("PYTHONPATH", "")])}
    with tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env=environment,
        )
        assert child.stdin is not None and child.stdout is not None
        with contextlib.suppress(AttributeError, OSError):  # room to work ahead, where the system can give it
            fcntl.fcntl(child.stdout, fcntl.F_SETPIPE_SZ, 1 << 20)
        try:
            child.stdin.write(json.dumps([asdict(utterance) for utterance in utterances]).encode())
            child.stdin.close()  # the child reads everything before it answers: neither waits for the other
            for utterance in utterances:
                header = child.stdout.read(4)
                size = struct.unpack("<i", header)[0] if len(header) == 4 else -1
                pcm = child.stdout.read(size) if size > 0 else b""
                if len(pcm) != size or size == 0:
                    complaints.seek(0)
                    said = complaints.read().decode(errors="replace").strip().splitlines()
                    raise DataError(f"espeak-ng failed on {utterance}: {said[-1] if said else 'it gave no reason'}")
                yield np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32_768)
        except BrokenPipeError as error:
            raise DataError("espeak-ng: its process ended before it was asked anything") from error
        finally:
            child.kill()
            child.stdout.close()
            child.wait()


class _Library:
    """The few functions of libespeak-ng that are needed."""

    def __init__(self) -> None:
        import espeakng_loader

        # Its buffer for this path is short, and a longer one is cut without a word: go there and say "here".
        os.chdir(Path(espeakng_loader.get_data_path()).parent)
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        if self._library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _NO_EXIT) != ESPEAK_RATE:
            raise RuntimeError("espeak-ng cannot load the data of its wheel")
        self._pieces: list[bytes] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._callback = kind(self._receive)  # kept: the library holds only a bare pointer to it
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples: ctypes._Pointer[ctypes.c_short], count: int, events: int | None) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    def say(self, utterance: Utterance) -> bytes:
        """16-bit samples of an utterance."""
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        if self._library.espeak_SetVoiceByName(f"{utterance.accent}+{utterance.variant}".encode()) != 0:
            raise RuntimeError(f"espeak-ng has no accent {utterance.accent!r}")
        for parameter, value in ((_RATE, utterance.rate), (_PITCH, utterance.pitch), (_RANGE, utterance.range)):
            if self._library.espeak_SetParameter(parameter, value, 0) != 0:
                raise RuntimeError(f"espeak-ng refuses a parameter of {utterance}")
        text = utterance.text.encode()
        size = ctypes.c_size_t(len(text) + 1)
        if self._library.espeak_Synth(text, size, 0, 1, 0, _UTF8, None, None) != 0:
            raise RuntimeError("espeak-ng refuses the text")
        return b"".join(self._pieces)


def _serve() -> None:
    """In the child: read the requests, answer each from a fork."""
    requests = [Utterance(**fields) for fields in json.load(sys.stdin)]
    library = _Library()
    for request in requests:
        if (fork := os.fork()) == 0:
            status = 1
            try:
                pcm = library.say(request)
                sys.stdout.buffer.write(struct.pack("<i", len(pcm)) + pcm)
                sys.stdout.buffer.flush()
                status = 0
            except RuntimeError as error:
                print(error, file=sys.stderr, flush=True)
            finally:
                os._exit(status)
        if os.waitpid(fork, 0)[1] != 0:
            return


if __name__ == "__main__":
    _serve()
