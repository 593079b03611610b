"""Errors that the user can fix, and the one line that says how."""

from __future__ import annotations

import errno
import re
import sys

EXTRAS = {
    "lightning": "train",
    "lhotse": "train",
    "tensorboard": "train",
    "bokeh": "report",
    "jinja2": "report",
    "matplotlib": "report",
    "espeakng_loader": "demo",
}
"""The extra that installs each optional module, by the name of the module."""

FREE_SPACE = "free some space, and run the same command again"


def fault_line(fault: BaseException) -> str | None:
    """The one line for an error that the user can fix; ``None`` for a defect of sottovoce, which needs its traceback."""
    # The errors module need not be imported here: if one of its errors was raised, it is loaded already.
    errors = sys.modules.get("sottovoce.errors")
    if errors is not None and isinstance(fault, errors.SottovoceError):
        return str(fault)  # one line, or for a recipe with several faults one line each
    if isinstance(fault, OSError):
        return _system_message(fault)
    if isinstance(fault, ModuleNotFoundError) and (extra := EXTRAS.get((fault.name or "").partition(".")[0])):
        return f"this needs {fault.name}, which is not installed; run: pip install 'sottovoce[{extra}]'"
    if "(os error " in str(fault):  # how safetensors reports a disk that is full or read-only
        return _first_line(fault)
    if isinstance(fault, MemoryError) or _is_out_of_memory(fault):
        return (
            f"not enough memory{_requested_size(fault)}; give less at once (shorter audio or windows, smaller batches)"
        )
    if isinstance(fault, RecursionError):
        return f"the input is nested too deeply ({_first_line(fault)}); is it a file of this kind?"
    if isinstance(fault, UnicodeEncodeError):
        return (
            f"{_unwritable_word(fault)!a}: cannot be written as {fault.encoding}; rename the file, or correct the text"
        )
    if isinstance(fault, UnicodeDecodeError):
        byte = fault.object[fault.start]
        return f"a text is not {fault.encoding} (byte 0x{byte:02x} at place {fault.start}); save it as UTF-8"
    return None


def _system_message(fault: OSError) -> str:
    """The error message of the operating system, after the paths that it is about."""
    paths = [str(name) for name in (fault.filename, fault.filename2) if name is not None]
    place = f"{' -> '.join(paths)}: " if paths else ""
    remedy = f"; {FREE_SPACE}" if fault.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return f"{place}{fault.strerror or _first_line(fault)}{remedy}"


def _first_line(fault: BaseException) -> str:
    return next(iter(str(fault).strip().splitlines()), type(fault).__name__)


def _is_out_of_memory(fault: BaseException) -> bool:
    """Whether torch is out of memory. On a GPU the error has its own class; on a CPU only its message shows it."""
    return type(fault).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(fault)


def _requested_size(fault: BaseException) -> str:
    """The requested amount of memory as `` for 2.00 GiB``; empty if the message does not name it."""
    found = re.search(r"allocate (\d[\d.]* ?\w+)", str(fault))
    return f" for {found[1]}" if found else ""


def _unwritable_word(fault: UnicodeEncodeError) -> str:
    """The word or path around the characters that cannot be written."""
    before, after = fault.object[: fault.start], fault.object[fault.start :]
    return re.split(r"[\s\"]", before)[-1][-100:] + re.split(r"[\s\"]", after)[0][:100]
