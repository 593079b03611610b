"""What a portable copy of a model brings along from other packages; empty here, and written anew into such a copy."""

from __future__ import annotations

from collections.abc import Mapping

SHIPPED: Mapping[str, Mapping[str, type]] = {}
"""Entry point group -> name -> class."""
