"""The public names at the top of the package."""

from __future__ import annotations

import pytest

import sottovoce


def test_every_public_name_is_there():
    for name in sottovoce.__all__:
        assert getattr(sottovoce, name).__name__ == name
        assert name in dir(sottovoce)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_of_ours"):
        sottovoce.nothing_of_ours  # noqa: B018
