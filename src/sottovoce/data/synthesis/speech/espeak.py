"""Speech from text by espeak-ng, where each utterance depends on its request alone.

espeak-ng keeps its state in global variables, so that its output depends on all earlier utterances and on its random
numbers. Therefore a child process loads the library once and forks for every utterance. Each fork starts from the same state
and random seed, and a crash of the library becomes an error of one utterance.

The library is GPL; it is loaded in that child process only, from the wheel of the optional extra ``demo``.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....errors import DataError
from ....text import plain_json
from . import espeak_worker

ESPEAK_RATE = espeak_worker.RATE
"""Sample rate of espeak-ng, in hertz."""


@dataclass(frozen=True)
class Utterance:
    """A text, and the voice and manner in which it is spoken.

    Attributes:
        text: the words.
        accent: a language of espeak-ng, whose sounds and rhythm are used (``en-us``, ``de``, ...).
        variant: voice variant of espeak-ng (``f3``, ``klatt2``, ...), which sets formants and voice quality.
        pitch: base pitch, 0..99; 50 is that of the variant.
        range: range of the intonation, 0..99; 50 is that of the variant.
        rate: words per minute, 80..450.
    """

    text: str
    accent: str = "en-us"
    variant: str = "m3"
    pitch: int = 50
    range: int = 50
    rate: int = 175


def require_espeak() -> Path:
    """The folder of the installed wheel that contains espeak-ng.

    Raises:
        DataError: the wheel is not installed.
    """
    spec = importlib.util.find_spec("espeakng_loader")
    if spec is None or spec.origin is None:
        raise DataError("synthetic speech needs espeak-ng, which is not installed; run: pip install 'sottovoce[demo]'")
    return Path(spec.origin).parent


def speak(utterances: Sequence[Utterance]) -> Iterator[NDArray[np.float32]]:
    """Say each utterance, in order.

    Returns:
        One waveform ``[S]`` at 22,050 Hz in [-1, 1) for each utterance, as soon as it is made.

    Raises:
        DataError: espeak-ng is not installed, cannot be loaded, or fails on an utterance (an unknown accent or
            variant, or an empty text).
    """
    wheel = require_espeak()
    variants = wheel / "espeak-ng-data" / "voices" / "!v"
    for utterance in utterances:  # for an unknown voice, espeak-ng would use another one without a message
        if not (variants / utterance.variant).is_file():
            raise DataError(f"espeak-ng: no voice variant {utterance.variant!r} among those of its wheel")
        if not utterance.text.strip():
            raise DataError(f"espeak-ng: nothing to say in {utterance}")
    library = next(wheel.glob("libespeak-ng.*"), None)
    if library is None:
        raise DataError(
            f"{wheel}: has no libespeak-ng; install it again: pip install --force-reinstall espeakng-loader"
        )
    worker = Path(espeak_worker.__file__)
    with tempfile.TemporaryFile() as complaints:
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", str(worker), str(library), str(wheel / "espeak-ng-data")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
        )
        assert child.stdin is not None and child.stdout is not None
        with contextlib.suppress(AttributeError, OSError):  # a larger pipe, where the system has it, is faster
            fcntl.fcntl(child.stdout, fcntl.F_SETPIPE_SZ, 1 << 20)
        try:
            child.stdin.write(plain_json.dumps([asdict(utterance) for utterance in utterances]).encode())
            child.stdin.close()  # the child reads all requests before it answers, so there is no deadlock
            for utterance in utterances:
                header = child.stdout.read(4)
                size = struct.unpack("<i", header)[0] if len(header) == 4 else -1
                pcm = child.stdout.read(size) if size > 0 else b""
                if len(pcm) != size or size == 0:
                    complaints.seek(0)
                    messages = complaints.read().decode(errors="replace").strip().splitlines()
                    raise DataError(
                        f"espeak-ng failed on {utterance}: {messages[-1] if messages else 'it gave no reason'}"
                    )
                yield np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32_768)
        except BrokenPipeError as error:
            raise DataError("espeak-ng: its process ended before it was asked anything") from error
        finally:
            child.kill()
            child.stdout.close()
            child.wait()
