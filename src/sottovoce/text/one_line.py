"""Any error of reading a damaged checkpoint as an error of one line."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from safetensors import SafetensorError

from ..errors import CheckpointError, SottovoceError

DAMAGE = (
    OSError,
    ValueError,  # not UTF-8, not JSON, not a number
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    RuntimeError,
    MemoryError,
    EOFError,
    ImportError,  # of a package that a config asks for, such as a kind of quantization
    SafetensorError,
    pickle.UnpicklingError,
    struct.error,
)
"""Exceptions that readers of file formats raise on a damaged file; a flipped byte can cause any of them.

The original exception stays attached (``--debug`` shows it), so that a fault of our own is not hidden."""


@contextmanager
def one_line_errors(name: str, fault: str = "damaged", remedy: str = "copy it again from its source") -> Iterator[None]:
    """Turn errors of reading ``name`` into a `CheckpointError` of one line that begins with ``name``.

    Args:
        name: The file or model that is read.
        fault: What such errors mean.
        remedy: What the user should do.

    Raises:
        CheckpointError: In place of any exception in `DAMAGE`.
        SottovoceError: The same error as was raised, with ``name`` in front where it lacks it.
    """
    try:
        yield
    except SottovoceError as error:
        if name in str(error):
            raise
        raise type(error)(f"{name}: {error}") from error
    except PermissionError as error:
        raise unreadable(error.filename or name) from error
    except DAMAGE as error:
        raise CheckpointError(f"{name}: {fault} ({reason(error)}); {remedy}") from error


def unreadable(path: object) -> CheckpointError:
    """The error for a file that exists but may not be read."""
    return CheckpointError(f"{path}: is there and may not be read (permission denied); have its owner change that")


def reason(error: BaseException, limit: int = 160) -> str:
    """An exception in a few words on one line, at most ``limit`` characters."""
    text = " ".join(str(error).split())
    text = (
        text
        if isinstance(error, OSError | SafetensorError) and text
        else f"{type(error).__name__}: {text}".rstrip(": ")
    )
    return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + " ..."
