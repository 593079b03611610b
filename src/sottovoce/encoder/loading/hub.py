"""Downloads from the hub. Whether it can be reached is found out once, in five seconds at most."""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from ...text.one_line import reason

HUB_TIMEOUT = 5.0
"""Seconds to wait for an answer of the hub."""


def download(name: str, filename: str, options: dict[str, object]) -> Path | None:
    """A file of a repository, from the hub or its cache; ``None`` where there is no such file.

    Args:
        name: repository, ``owner/model``.
        filename: file in the repository.
        options: keyword arguments of `hf_hub_download`.

    Raises:
        CheckpointError: there is no such model; or the file is ``config.json``, is not in the cache, and the hub cannot be
            reached.
    """
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    why = _reason_not_to_ask(constants, options)
    if why is not None:
        return _cached(name, filename, options, why)
    try:
        own: Any = options
        return Path(hf_hub_download(name, filename, etag_timeout=HUB_TIMEOUT, **own))
    except LocalEntryNotFoundError:  # the connection was lost after the hub had answered
        return _cached(name, filename, options, "the hub cannot be reached")
    except EntryNotFoundError:
        return None
    except Exception as error:  # the HTTP library may raise any exception
        raise CheckpointError(f"{name}: no such directory here, and the hub says {reason(error)}") from None


def _cached(name: str, filename: str, options: dict[str, Any], why: str) -> Path | None:
    """A file in the hub's cache; ``None`` where it is not there. (`hf_hub_download` would contact the hub.)

    Raises:
        CheckpointError: the file is ``config.json``, without which nothing can be loaded. Other files may not exist at all.
    """
    from huggingface_hub import try_to_load_from_cache

    inside = "/".join(part for part in (options.get("subfolder"), filename) if part)
    found = try_to_load_from_cache(name, inside, options.get("cache_dir"), options.get("revision"))
    if isinstance(found, str):
        return Path(found)
    if filename != "config.json":
        return None
    raise CheckpointError(f"{name}: no such directory here, not in the hub's cache, and {why}")


def _reason_not_to_ask(constants: Any, options: dict[str, Any]) -> str | None:
    """The reason why the hub is not contacted; ``None`` where it is."""
    if options.get("local_files_only"):
        return "local_files_only forbids to ask the hub"
    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE forbids to ask the hub"
    if not _answers(constants.ENDPOINT):
        return f"the hub cannot be reached ({constants.ENDPOINT}; asked for {HUB_TIMEOUT:g} s at most)"
    return None


@cache
def _answers(endpoint: str) -> bool:
    """Whether the hub answers. It is asked in a thread, because looking up a host name has no time limit."""
    answered = threading.Event()

    def ask() -> None:
        from huggingface_hub.utils import get_session

        try:
            get_session().head(endpoint, timeout=HUB_TIMEOUT)
        except Exception:  # the HTTP library may raise any exception: the hub is out of reach
            return
        answered.set()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(HUB_TIMEOUT)
    return answered.is_set()
