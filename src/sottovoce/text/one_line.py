"""Whatever goes wrong while a damaged checkpoint is read, told in one line."""

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
"""What readers of formats raise where a file is not what it should be: there is no end to what a flipped byte can mean.
The error itself stays behind the line (``--debug`` shows it), so that a fault of our own is not hidden by it."""


@contextmanager
def one_line_errors(name: str, fault: str = "damaged", remedy: str = "copy it again from its source") -> Iterator[None]:
    """Errors of reading ``name`` become a `CheckpointError` of one line that begins with its name.

    Args:
        name: of the file or model.
        fault: what such errors mean.
        remedy: what is to be done.

    Raises:
        CheckpointError: in place of any other error; errors that are one line already get the name alone.
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
    """The error for a file that is there and may not be read."""
    return CheckpointError(f"{path}: is there and may not be read (permission denied); have its owner change that")


def reason(error: BaseException, most: int = 160) -> str:
    """An error in a few words of one line."""
    text = " ".join(str(error).split())
    text = (
        text
        if isinstance(error, OSError | SafetensorError) and text
        else f"{type(error).__name__}: {text}".rstrip(": ")
    )
    return text if len(text) <= most else text[:most].rsplit(" ", 1)[0] + " ..."
