"""The child process in which espeak-ng runs; see `espeak`, which starts it.

It is run as a script and imports nothing but the standard library: a small process forks quickly.

Input: the paths of library and data as arguments, and the requests as JSON on standard input.
Output: for each request the size of its samples in bytes (int32) and the samples (int16, 22,050 Hz). Error messages go to
standard error.
"""

import ctypes
import gc
import json
import os
import struct
import sys
from typing import Any

RATE = 22_050

_SYNCHRONOUS, _NO_EXIT = 2, 0x8000
_PARAMETERS = {"rate": 1, "pitch": 3, "range": 4}
_UTF8 = 1


class Library:
    """The few functions of libespeak-ng that are needed.

    Args:
        library: path of the shared library.
        data: path of the folder ``espeak-ng-data``.
    """

    def __init__(self, library: str, data: str) -> None:
        # The library truncates long paths of the data, so the folder becomes the working directory and "." is passed.
        os.chdir(os.path.dirname(data))
        self._library = ctypes.CDLL(library)
        if self._library.espeak_Initialize(_SYNCHRONOUS, 0, b".", _NO_EXIT) != RATE:
            raise RuntimeError("espeak-ng cannot load the data of its wheel")
        self._pieces: list[bytes] = []
        kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
        self._callback = kind(self._receive)  # kept alive: the library holds only a bare pointer
        self._library.espeak_SetSynthCallback(self._callback)

    def _receive(self, samples: Any, count: int, events: int | None) -> int:
        if samples and count > 0:
            self._pieces.append(ctypes.string_at(samples, 2 * count))
        return 0

    def say(self, request: dict[str, object]) -> bytes:
        """16-bit samples of a request, the fields of an `Utterance`.

        Raises:
            RuntimeError: the library reports an error.
        """
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(1))
        if self._library.espeak_SetVoiceByName(f"{request['accent']}+{request['variant']}".encode()) != 0:
            raise RuntimeError(f"espeak-ng has no accent {request['accent']!r}")
        for name, number in _PARAMETERS.items():
            if self._library.espeak_SetParameter(number, request[name], 0) != 0:
                raise RuntimeError(f"espeak-ng refuses the {name} {request[name]}")
        text = str(request["text"]).encode()
        if self._library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, 1, 0, _UTF8, None, None) != 0:
            raise RuntimeError("espeak-ng refuses the text")
        return b"".join(self._pieces)


def main() -> None:
    """Answer each request in a fork; stop at the first request that fails."""
    requests = json.load(sys.stdin)
    library = Library(*sys.argv[1:])
    gc.freeze()  # otherwise garbage collection in a fork would copy every memory page
    for request in requests:
        if (fork := os.fork()) == 0:
            status = 1
            try:
                sound = library.say(request)
                sys.stdout.buffer.write(struct.pack("<i", len(sound)) + sound)
                sys.stdout.buffer.flush()
                status = 0
            except RuntimeError as error:  # what `Library.say` raises
                print(error, file=sys.stderr, flush=True)
            finally:
                os._exit(status)
        if os.waitpid(fork, 0)[1] != 0:
            return


if __name__ == "__main__":
    main()
