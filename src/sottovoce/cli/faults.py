"""Which exceptions are the user's to mend, and the one line that says so."""

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
"""What is only installed with an extra -> the extra."""

ROOM = "free some, and give the same command again"


def fault_line(fault: BaseException) -> str | None:
    """The one line for a fault of the user's, or ``None`` for a defect of ours, which deserves its traceback."""
    # The errors module sits beside torch code; by the time one of its errors is raised it has been imported.
    errors = sys.modules.get("sottovoce.errors")
    if errors is not None and isinstance(fault, errors.SottovoceError):
        return str(fault)  # one line; of a recipe with several faults, one line each
    if isinstance(fault, OSError):
        return _of_system(fault)
    if isinstance(fault, ModuleNotFoundError) and (extra := EXTRAS.get((fault.name or "").partition(".")[0])):
        return f"this needs {fault.name}, which is not installed; run: pip install 'sottovoce[{extra}]'"
    if "(os error " in str(fault):  # how safetensors says that a disk is full or may not be written
        return _first_line(fault)
    if isinstance(fault, MemoryError) or _is_out_of_memory(fault):
        return f"not enough memory{_asked(fault)}; give less at once (shorter audio or windows, smaller batches)"
    if isinstance(fault, RecursionError):
        return f"something that was read is nested too deeply ({_first_line(fault)}); is it a file of this kind?"
    if isinstance(fault, UnicodeEncodeError):
        return f"{_around(fault)!a}: cannot be written as {fault.encoding}; rename the file, or correct the text"
    if isinstance(fault, UnicodeDecodeError):
        byte = fault.object[fault.start]
        return f"a text is not {fault.encoding} (byte 0x{byte:02x} at place {fault.start}); save it as UTF-8"
    return None


def _of_system(fault: OSError) -> str:
    """What the system says, with the paths that it is about."""
    paths = [str(name) for name in (fault.filename, fault.filename2) if name is not None]
    place = f"{' -> '.join(paths)}: " if paths else ""
    remedy = f"; {ROOM}" if fault.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return f"{place}{fault.strerror or _first_line(fault)}{remedy}"


def _first_line(fault: BaseException) -> str:
    return next(iter(str(fault).strip().splitlines()), type(fault).__name__)


def _is_out_of_memory(fault: BaseException) -> bool:
    """Whether torch found no memory: of a GPU it has an error of its own, of the processor only words."""
    return type(fault).__name__ == "OutOfMemoryError" or "can't allocate memory" in str(fault)


def _asked(fault: BaseException) -> str:
    """How much was asked for, where the fault says so."""
    found = re.search(r"allocate (\d[\d.]* ?\w+)", str(fault))
    return f" for {found[1]}" if found else ""


def _around(fault: UnicodeEncodeError) -> str:
    """The word or path with what cannot be written."""
    before, after = fault.object[: fault.start], fault.object[fault.start :]
    return re.split(r"[\s\"]", before)[-1][-100:] + re.split(r"[\s\"]", after)[0][:100]
