"""What every test needs: no network, few threads, and the shared corpora where they exist."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")


def shared_data() -> Path | None:
    """The folder of corpora that are too large for the repository: ``SOTTOVOCE_DATA``, or beside the checkout."""
    named = os.environ.get("SOTTOVOCE_DATA")
    place = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    return place if place.is_dir() else None


@pytest.fixture(scope="session")
def data() -> Path:
    """The shared corpora, or a skip that says what is missing."""
    if (place := shared_data()) is None:
        pytest.skip("no shared corpora: set SOTTOVOCE_DATA to the folder that holds wuw2, refs, ...")
    return place


@pytest.fixture(scope="session")
def cases(data) -> Path:
    """Small inputs of which the right answer is known, beside the shared corpora; or a skip."""
    if not (place := data.parent / "cases").is_dir():
        pytest.skip("no folder of cases beside the shared corpora")
    return place


@pytest.fixture(scope="session")
def released_models(data) -> Path:
    """Released models of other projects, beside the shared corpora; or a skip."""
    if not (place := data.parent / "models").is_dir():
        pytest.skip("no folder of models beside the shared corpora")
    return place


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first, so that no worker is left alone with it at the end."""
    items.sort(key=lambda item: item.path.name != "test_resume.py")
